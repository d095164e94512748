"use strict";
// Moves, zooms and explains the drawings of the page. No drawing needs it to be read.
(() => {
  const tip = document.querySelector(".tip");
  const search = document.querySelector("input[type=search]");
  const colours = document.querySelector(".colours");
  const scale = [[255, 247, 226], [253, 212, 140], [244, 143, 82], [203, 60, 48], [122, 10, 36]];

  const views = [...document.querySelectorAll(".view")].map((box) => {
    const svg = box.querySelector("svg");
    const view = { box, svg, x: 0, y: 0, zoom: 0, width: svg.width.baseVal.value, height: svg.height.baseVal.value };
    view.nodes = [...svg.querySelectorAll(".node")];
    view.words = view.nodes.map((node) => {
      const title = node.querySelector("title");
      const words = title.textContent;
      title.remove(); // the tip says it, at once
      return words;
    });
    view.edges = new Map();
    for (const edge of svg.querySelectorAll(".edges path[data-from]")) {
      for (const end of [edge.dataset.from, edge.dataset.to]) {
        if (!view.edges.has(end)) view.edges.set(end, []);
        view.edges.get(end).push(edge);
      }
    }
    return view;
  });
  let shown = views[0];
  if (!shown) return;

  function place(view) {
    // Seen from far away, thin lines would vanish.
    view.svg.classList.toggle("far", view.zoom < 0.4);
    view.svg.style.setProperty("--thin", `${0.5 / view.zoom}px`);
    view.svg.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
  }
  function fit(view) {
    const { clientWidth: width, clientHeight: height } = view.box;
    view.zoom = Math.min(1.4, width / view.width, height / view.height);
    view.x = (width - view.width * view.zoom) / 2;
    view.y = Math.max(0, (height - view.height * view.zoom) / 2);
    place(view);
  }
  function zoom(view, by, x, y) {
    const next = Math.min(8, Math.max(0.01, view.zoom * by));
    view.x = x - (x - view.x) * (next / view.zoom);
    view.y = y - (y - view.y) * (next / view.zoom);
    view.zoom = next;
    place(view);
  }
  function show(view) {
    shown = view;
    for (const other of views) other.box.hidden = other !== view;
    for (const tab of document.querySelectorAll("[data-tab]")) {
      tab.setAttribute("aria-selected", String(views[Number(tab.dataset.tab)] === view));
    }
    if (!view.zoom) fit(view);
    offerColours(view);
    find();
  }

  function offerColours(view) {
    const legend = view.svg.querySelector(".scale");
    colours.hidden = !legend;
    if (!legend) return;
    const select = colours.querySelector("select");
    select.replaceChildren(...["time", "rows", "bytes"].filter((name) => legend.dataset[name]).map((name) => {
      const option = document.createElement("option");
      option.textContent = name;
      option.selected = name === legend.dataset.shown;
      return option;
    }));
  }
  function recolour(view, name) {
    const legend = view.svg.querySelector(".scale");
    const most = Math.max(0, ...view.nodes.map((node) => Number(node.dataset[name] || 0)));
    for (const node of view.nodes) {
      const known = name in node.dataset && most > 0;
      const place = known ? Math.sqrt(Number(node.dataset[name]) / most) * (scale.length - 1) : 0;
      const low = Math.min(Math.floor(place), scale.length - 2);
      const colour = scale[low].map((from, i) => Math.round(from + (scale[low + 1][i] - from) * (place - low)));
      const dark = known && 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140;
      const fill = known ? `rgb(${colour})` : "#f1f3f5";
      for (const shape of node.querySelectorAll(".shape, .behind")) shape.setAttribute("fill", fill);
      const round = node.classList.contains("function");
      for (const text of node.querySelectorAll(round ? ".name" : "text")) text.classList.toggle("on-dark", dark);
    }
    legend.dataset.shown = name;
    const [title, ...labels] = legend.querySelectorAll("text");
    title.textContent = name;
    legend.dataset[name].split("|").forEach((label, i) => { labels[i].textContent = label; });
  }

  function find() {
    const wanted = search.value.trim().toLowerCase();
    let first = null;
    shown.svg.classList.toggle("searched", wanted !== "");
    shown.nodes.forEach((node, i) => {
      const found = wanted !== "" && shown.words[i].toLowerCase().includes(wanted);
      node.classList.toggle("found", found);
      if (found && !first) first = node;
    });
    return first;
  }

  for (const view of views) {
    let from = null;
    view.box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      from = { x: event.clientX - view.x, y: event.clientY - view.y };
      view.box.setPointerCapture(event.pointerId);
      view.box.classList.add("moving");
    });
    view.box.addEventListener("pointermove", (event) => {
      if (!from) return;
      view.x = event.clientX - from.x;
      view.y = event.clientY - from.y;
      place(view);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      view.box.addEventListener(end, () => { from = null; view.box.classList.remove("moving"); });
    }
    view.box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = view.box.getBoundingClientRect();
      zoom(view, Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    view.nodes.forEach((node, i) => {
      node.addEventListener("pointerenter", () => {
        tip.textContent = view.words[i];
        tip.hidden = false;
        for (const edge of view.edges.get(node.dataset.id) || []) edge.classList.add("near");
        node.classList.add("near");
      });
      node.addEventListener("pointermove", (event) => {
        const [width, height] = [tip.offsetWidth, tip.offsetHeight];
        tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 6))}px`;
        tip.style.top = `${Math.max(4, Math.min(event.clientY + 16, innerHeight - height - 6))}px`;
      });
      node.addEventListener("pointerleave", () => {
        tip.hidden = true;
        for (const edge of view.edges.get(node.dataset.id) || []) edge.classList.remove("near");
        node.classList.remove("near");
      });
    });
  }
  const middle = () => [shown.box.clientWidth / 2, shown.box.clientHeight / 2];
  const actions = { in: () => zoom(shown, 1.3, ...middle()), out: () => zoom(shown, 1 / 1.3, ...middle()), fit: () => fit(shown) };
  for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.addEventListener("click", () => show(views[Number(tab.dataset.tab)]));
  }
  document.addEventListener("keydown", (event) => {
    if (event.target === search) return;
    const action = { "+": "in", "=": "in", "-": "out", 0: "fit" }[event.key];
    if (action) actions[action]();
  });
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    const first = event.key === "Enter" && find();
    if (!first) return;
    const box = shown.box.getBoundingClientRect();
    if (shown.zoom < 0.7) zoom(shown, 1 / shown.zoom, ...middle());
    const node = first.getBoundingClientRect();
    shown.x += box.left + box.width / 2 - node.left - node.width / 2;
    shown.y += box.top + box.height / 2 - node.top - node.height / 2;
    place(shown);
  });
  colours.querySelector("select").addEventListener("change", (event) => recolour(shown, event.target.value));
  show(shown);
})();

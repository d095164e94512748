//! SVG is well formed, whatever names hold; every node is in it; texts stay in their shapes.

use proptest::prelude::*;

use crate::explain::draw::{Direction, Drawing, Format, drawn};
use crate::explain::gallery::{after_a_run, lesson, map_reduce, tangle};
use crate::explain::picture::{Node, Picture};

/// Checks that elements are closed in order and that text holds nothing that XML forbids. Returns how often
/// each element occurs.
fn well_formed(text: &str) -> Result<std::collections::HashMap<String, usize>, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut counts = std::collections::HashMap::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        legal(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("an element without end")? + start;
        let element = &rest[start + 1..end];
        if element.contains('<') {
            return Err(format!("`<` in the element {element}"));
        }
        if let Some(name) = element.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes something else"));
            }
        } else {
            let name = element.split([' ', '/']).next().unwrap_or("");
            *counts.entry(name.to_owned()).or_default() += 1;
            attributes(element[name.len()..].trim_end_matches('/'))?;
            if !element.ends_with('/') {
                open.push(name);
            }
        }
        rest = &rest[end + 1..];
    }
    legal(rest)?;
    if open.is_empty() { Ok(counts) } else { Err(format!("{open:?} stay open")) }
}

/// Attributes are `name="value"`, each once.
fn attributes(mut text: &str) -> Result<(), String> {
    let mut seen = Vec::new();
    while !text.trim_start().is_empty() {
        let trimmed = text.trim_start();
        let (name, rest) = trimmed.split_once("=\"").ok_or_else(|| format!("no attribute: {trimmed}"))?;
        if seen.contains(&name) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("the attribute {name}"));
        }
        seen.push(name);
        let (value, rest) = rest.split_once('"').ok_or("an attribute without end")?;
        legal(value)?;
        text = rest;
    }
    Ok(())
}

fn legal(text: &str) -> Result<(), String> {
    let bad = |c: char| {
        (c < ' ' && c != '\n') || c == '\u{fffe}' || c == '\u{ffff}' || ('\u{202a}'..='\u{202e}').contains(&c)
    };
    if let Some(c) = text.chars().find(|&c| bad(c)) {
        return Err(format!("the character {c:?}"));
    }
    for after in text.split('&').skip(1) {
        let entity = after.split(';').next().unwrap_or("");
        if !["amp", "lt", "gt", "quot", "#39", "#10"].contains(&entity) {
            return Err(format!("&{entity}"));
        }
    }
    Ok(())
}

fn svg(picture: &Picture, drawing: &Drawing) -> String {
    drawn(Format::Svg, std::slice::from_ref(picture), drawing)
}

#[test]
fn every_node_and_every_arrow_is_drawn() {
    for picture in
        [lesson(), map_reduce(8), tangle(200), after_a_run(tangle(60), Some(3)), Picture::new("nothing")]
    {
        for direction in [Direction::Down, Direction::Up, Direction::Right] {
            let drawing = Drawing::new().collapse(false).results(false).direction(direction);
            let text = svg(&picture, &drawing);
            let counts = well_formed(&text).unwrap();
            assert_eq!(text.matches("<g class=\"node ").count(), picture.nodes.len());
            let arrows: std::collections::HashSet<_> = picture.edges.iter().collect();
            assert_eq!(text.matches("marker-end=").count(), arrows.len());
            assert_eq!(counts.get("title").copied().unwrap_or(0), picture.nodes.len());
            assert!(!text.contains("NaN") && !text.contains("inf"));
        }
    }
}

#[test]
fn functions_are_circles_and_data_are_boxes() {
    let text = svg(&lesson(), &Drawing::new().results(false));
    let nodes = text.split("<g class=\"nodes\">").nth(1).unwrap();
    assert_eq!(nodes.matches("<circle").count(), 6);
    assert_eq!(nodes.matches("<rect").count(), 7);
    // With a box for each result there are six more.
    let with = svg(&lesson(), &Drawing::new());
    assert_eq!(with.split("<g class=\"nodes\">").nth(1).unwrap().matches("<rect").count(), 13);
}

#[test]
fn a_folded_picture_says_how_many() {
    let text = svg(&map_reduce(1_000), &Drawing::new());
    assert!(text.contains("× 1,000") && text.contains("4,001 nodes in all"));
    assert!(text.matches("<g class=\"node ").count() < 60);
}

#[test]
fn colours_follow_what_was_measured() {
    let mut picture = Picture::new("two");
    let measured = |millis| crate::explain::picture::Measured {
        state: crate::explain::picture::State::Done,
        busy: std::time::Duration::from_millis(millis),
        ..Default::default()
    };
    picture.add(Node::function("slow").measured(measured(100)));
    picture.add(Node::function("quick").measured(measured(0)));
    let text = svg(&picture, &Drawing::new());
    // The ends of the scale.
    assert!(text.contains("fill=\"#7a0a24\"") && text.contains("fill=\"#fff7e2\""), "{text}");
}

#[test]
fn hostile_names_stay_text() {
    let hostile = [
        "</text><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "]]> & &lt; <!-- ' -->",
        "\u{0}\u{1b}[31m\u{202e}evil\u{ffff}",
        "名前 🦀 e\u{301}",
        "",
    ];
    let mut picture = Picture::new(hostile.join(" "));
    for name in hostile {
        let group = picture.group(name);
        let node = Node::function(name).detail(name).note(name).result(name).in_group(group);
        let node = picture.add(node);
        let data = picture.add(Node::data(name).detail(name));
        picture.connect(data, node);
    }
    for drawing in [Drawing::new(), Drawing::new().direction(Direction::Right)] {
        let text = svg(&picture, &drawing);
        well_formed(&text).unwrap();
        assert!(!text.contains("<script") && !text.contains("onload=\"alert"), "{text}");
    }
    let page = drawn(Format::Html, &[picture.clone(), picture], &Drawing::new());
    assert_eq!(page.matches("<script").count(), 1, "only the page's own script");
    assert!(page.contains("名前") && !page.contains('\u{202e}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_name_gives_well_formed_pictures(names in prop::collection::vec(any::<String>(), 1..12)) {
        let mut picture = Picture::new(names.concat());
        for (index, name) in names.iter().enumerate() {
            let node = picture.add(if index % 2 == 0 { Node::function(name) } else { Node::data(name) });
            if index > 0 {
                picture.connect(node - 1, node);
            }
        }
        let text = svg(&picture, &Drawing::new());
        prop_assert!(well_formed(&text).is_ok(), "{:?}", well_formed(&text));
        prop_assert_eq!(text.matches("<g class=\"node ").count(), names.len());
    }
}

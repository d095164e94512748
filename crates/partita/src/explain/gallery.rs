//! Pictures for tests, and for whoever wants to see how drawings look:
//! `PARTITA_GALLERY=directory cargo test --lib gallery` draws all of them there in every format.

use std::time::Duration;

use super::draw::{Direction, Drawing, Format, drawn};
use super::picture::{Measured, Node, NodeId, Picture, State};

/// The same numbers every time, as good as this needs (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

/// `(3 + 7) * (2 + 8) * ((2 * 3) - 1)`.
pub(super) fn lesson() -> Picture {
    let mut picture = Picture::new("(3 + 7) * (2 + 8) * ((2 * 3) - 1)");
    let value = |picture: &mut Picture, value: i64| picture.add(Node::data(value.to_string()));
    let call = |picture: &mut Picture, name: &str, a: NodeId, b: NodeId| {
        let group = picture.group(name);
        let node = picture.add(Node::function(name).result("i64").in_group(group));
        picture.connect(a, node);
        picture.connect(b, node);
        node
    };
    let (three, seven) = (value(&mut picture, 3), value(&mut picture, 7));
    let ten = call(&mut picture, "add", three, seven);
    let (two, eight) = (value(&mut picture, 2), value(&mut picture, 8));
    let other_ten = call(&mut picture, "add", two, eight);
    let hundred = call(&mut picture, "mul", ten, other_ten);
    let (two, three, one) = (value(&mut picture, 2), value(&mut picture, 3), value(&mut picture, 1));
    let six = call(&mut picture, "mul", two, three);
    let five = call(&mut picture, "sub", six, one);
    call(&mut picture, "mul", hundred, five);
    picture
}

/// Files loaded, cleaned and summed up pairwise, as a map-reduce is.
pub(super) fn map_reduce(files: usize) -> Picture {
    let mut picture = Picture::new(format!("sum over {files} files"));
    let groups = ["load", "clean", "sum"].map(|name| picture.group(name));
    let file_group = picture.group("files");
    let mut level: Vec<NodeId> = (0..files)
        .map(|file| {
            let path = picture.add(Node::data(format!("data/{file:04}.csv")).in_group(file_group));
            let load = picture.add(Node::function("load").result("Table").in_group(groups[0]));
            let clean = picture.add(Node::function("clean").result("Table").in_group(groups[1]));
            picture.connect(path, load);
            picture.connect(load, clean);
            clean
        })
        .collect();
    while level.len() > 1 {
        let sums = level.chunks(2).map(|pair| {
            let sum = picture.add(Node::function("sum").result("f64").in_group(groups[2]));
            pair.iter().for_each(|&input| picture.connect(input, sum));
            sum
        });
        level = sums.collect();
    }
    picture
}

/// Every node is another function, and reads up to three earlier ones.
pub(super) fn tangle(nodes: usize) -> Picture {
    let mut picture = Picture::new(format!("{nodes} functions"));
    let mut random = Random(7);
    for node in 0..nodes as NodeId {
        let id = picture.add(Node::function(format!("step_{node}")));
        for _ in 0..random.below(4).min(u64::from(node)) {
            let near = random.below(u64::from(node).min(200)) as NodeId;
            let order = random.below(20) == 0;
            let input = node - 1 - near;
            if order { picture.order(input, id) } else { picture.connect(input, id) }
        }
    }
    picture
}

/// As after a run, in which one node failed and those behind it did not run.
pub(super) fn after_a_run(mut picture: Picture, failed: Option<usize>) -> Picture {
    let mut lost = vec![false; picture.nodes.len()];
    if let Some(failed) = failed {
        lost[failed] = true;
    }
    for edge in &picture.edges {
        lost[edge.to as usize] |= lost[edge.from as usize];
    }
    for (index, node) in picture.nodes.iter_mut().enumerate() {
        let micros = (index as u64 * 7_919) % 90_000;
        let measured = match (failed == Some(index), lost[index]) {
            (true, _) => {
                Measured { state: State::Failed, busy: Duration::from_micros(micros), ..Measured::default() }
            }
            (false, true) => Measured::default(),
            _ => Measured {
                state: State::Done,
                worker: Some(index % 2),
                start: Duration::from_micros(index as u64 * 1_000),
                end: Duration::from_micros(index as u64 * 1_000 + micros),
                busy: Duration::from_micros(micros),
                rows: Some(micros * 13),
                bytes: Some(micros * 1_021),
                expected_rows: Some(micros * 10),
            },
        };
        node.measured = Some(measured);
    }
    picture
}

#[test]
#[expect(clippy::print_stderr, reason = "it is run to be looked at")]
fn gallery() {
    let Ok(directory) = std::env::var("PARTITA_GALLERY") else { return };
    let directory = std::path::Path::new(&directory);
    std::fs::create_dir_all(directory).expect("a directory");
    let plain = Drawing::new();
    let all = [
        ("lesson", lesson(), plain.clone()),
        ("lesson_bare", lesson(), plain.clone().results(false)),
        ("lesson_up", lesson(), plain.clone().direction(Direction::Up)),
        ("lesson_right", lesson(), plain.clone().direction(Direction::Right)),
        ("lesson_run", after_a_run(lesson(), None), plain.clone()),
        ("lesson_failed", after_a_run(lesson(), Some(5)), plain.clone().direction(Direction::Right)),
        ("reduce_8", map_reduce(8), plain.clone()),
        ("reduce_60_all", map_reduce(60), plain.clone().collapse(false)),
        ("reduce_1000", map_reduce(1000), plain.clone()),
        ("reduce_1000_run", after_a_run(map_reduce(1000), Some(301)), plain.clone()),
        ("reduce_1000_all", map_reduce(1000), plain.clone().collapse(false)),
        ("tangle_30", tangle(30), plain.clone()),
        ("tangle_300", tangle(300), plain.clone()),
        ("tangle_5000", tangle(5_000), plain.clone()),
    ];
    for (name, picture, drawing) in all {
        for (ending, format) in
            [("svg", Format::Svg), ("html", Format::Html), ("dot", Format::Dot), ("txt", Format::Text)]
        {
            let started = std::time::Instant::now();
            let text = drawn(format, std::slice::from_ref(&picture), &drawing);
            eprintln!(
                "{name}.{ending}: {} nodes, {} bytes, {:?}",
                picture.nodes.len(),
                text.len(),
                started.elapsed()
            );
            std::fs::write(directory.join(format!("{name}.{ending}")), text)
                .expect("a file that can be written");
        }
    }
}

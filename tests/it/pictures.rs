//! Frames as pictures: every format, every view, and what is said where nothing can be drawn.

use std::fs;

use partita::prelude::*;
use partita::{Direction, Drawing, View, on};

fn frame() -> PartitionedFrame {
    let sales = [("a", 1, 10), ("b", 2, 20)].map(|(shop, item, price)| {
        batch! { "shop" => [shop], "item" => [item], "price" => [price] }.expect("a batch")
    });
    let names = batch! { "shop" => ["a", "b"], "name" => ["Alpha", "Beta"] }.expect("a batch");
    PartitionedFrame::from_batches(sales)
        .filter(col("price").gt(5))
        .groupby(["shop"])
        .agg([col("price").sum()])
        .merge(&PartitionedFrame::from_batches([names]), on(["shop"]))
        .sort_values([col("price").desc()])
}

fn drawn(name: &str, drawing: &Drawing) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    frame().visualize_with(&path, drawing).expect("a drawing");
    fs::read_to_string(path).expect("the drawing")
}

#[test]
fn stages_as_text() {
    let text = drawn("stages.txt", &Drawing::new().view(View::Stages));
    let expected = "\
stages
  [result] · stage 3
  └─ (merge)
     └─ [exchange by range of price desc] · stage 2
        └─ (inner join) · on shop
           ├─ [1 partition in memory]
           └─ [build side] · stage 1
              └─ (project) · shop, sum(price) as price
                 └─ (group by) · shop of sum(price)
                    └─ [exchange by hash of 1 column] · stage 0
                       └─ (partial group by) · shop of sum(price)
                          └─ (filter) · (price > 5)
                             └─ [2 partitions in memory]
";
    assert_eq!(text, expected);
}

#[test]
fn every_view_in_every_format() {
    for view in [View::Plan, View::Optimized, View::Stages, View::Tasks] {
        let drawing = Drawing::new().view(view).direction(Direction::Right);
        assert!(drawn("graph.svg", &drawing).starts_with("<svg "));
        assert!(drawn("graph.dot", &drawing).contains("rankdir=LR"));
        assert!(drawn("graph.gv", &drawing).starts_with("digraph"));
        assert!(drawn("graph.HTML", &drawing).contains("<svg "));
        assert!(drawn("graph.txt", &drawing).contains("join"), "{view:?}");
    }
    let all = drawn("graph.html", &Drawing::new());
    assert_eq!(all.matches("<svg ").count(), 4);
    for tab in ["plan", "optimized plan", "stages", "tasks"] {
        assert!(all.contains(&format!(">{tab}</button>")), "{tab}");
    }
    // Self-contained: nothing is fetched.
    for fetched in ["src=", "href=", "url(http", "@import"] {
        assert!(!all.contains(fetched), "{fetched}");
    }
}

#[test]
fn a_thousand_partitions_are_drawn_as_one() {
    let one = batch! { "v" => [1] }.expect("a batch");
    let frame = PartitionedFrame::from_batches(vec![one; 1_000]).filter(col("v").gt(0));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tasks.txt");
    frame.visualize_with(&path, &Drawing::new().view(View::Tasks)).expect("a drawing");
    let text = fs::read_to_string(&path).expect("the drawing");
    let expected = "\
tasks
  [result]
  └─ (stage 0) × 1,000 · filter
     └─ [partitions in memory] × 1,000
";
    assert_eq!(text, expected);
    frame.visualize_with(&path, &Drawing::new().view(View::Tasks).collapse(false)).expect("a drawing");
    assert_eq!(fs::read_to_string(&path).expect("the drawing").lines().count(), 2_002);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let error = frame().visualize("graph.png").expect_err("no such format").to_string();
    assert!(error.contains("graph.png") && error.contains(".svg"), "{error}");
    let error = frame().visualize("graph").expect_err("no ending").to_string();
    assert!(error.contains(".html"), "{error}");
    let error = frame().visualize("no/such/directory/graph.svg").expect_err("no directory").to_string();
    assert!(error.contains("no/such/directory"), "{error}");
    let error = frame().select(["nothing"]).visualize("graph.svg").expect_err("no plan").to_string();
    assert!(error.contains("`nothing`"), "{error}");
}

#[test]
fn five_thousand_functions_are_a_page_that_can_be_read() {
    let (load, clean) = (delayed(|part: u64| part).name("load"), delayed(|part: u64| part).name("clean"));
    let merge = delayed(|a: u64, b: u64| a + b).name("merge");
    let mut level: Vec<Delayed<u64>> = (0..1_667).map(|part| clean.call(load.call(part))).collect();
    while level.len() > 1 {
        let pairs = level.chunks(2).map(|pair| match pair {
            [a, b] => merge.call(a, b),
            alone => alone[0].clone(),
        });
        level = pairs.collect();
    }
    let directory = tempfile::tempdir().expect("a directory");
    let start = std::time::Instant::now();
    level[0].visualize(directory.path().join("graph.html")).expect("a page");
    level[0].visualize(directory.path().join("graph.svg")).expect("a picture");
    // Twenty milliseconds on an idle machine, without optimizations a tenth of a second.
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("the drawing");
    let (page, picture) = (read("graph.html"), read("graph.svg"));
    for fetched in ["src=", "href=", "url(http", "@import"] {
        assert!(!page.contains(fetched) && !picture.contains(fetched), "{fetched}");
    }
    assert!(picture.contains("6,667 nodes in all") && picture.contains("× 1,666"));
    let shapes = picture.matches("data-id=").count().max(picture.matches("<circle").count());
    assert!((10..150).contains(&shapes), "{shapes} shapes");
}

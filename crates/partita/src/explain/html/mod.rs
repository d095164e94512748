//! Pictures as one page of HTML that needs nothing else: drag to move, turn the wheel to zoom, point at a node
//! to read all about it, search for names, switch what the colours say.

use super::draw::Drawing;
use super::escape::xml;
use super::picture::Picture;
use super::svg;

/// How every page of ours looks.
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("picture.js");

/// A page with a tab for each picture.
pub(super) fn page(pictures: &[Picture], drawing: &Drawing) -> String {
    let title = pictures.first().map_or("", |picture| picture.title.as_str());
    let mut html = head(title, "");
    html.push_str("<body class=\"pictures\">\n");
    html.push_str(&tabs(pictures));
    html.push_str(&views(pictures, drawing));
    html.push_str(&format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
    html
}

/// A picture for a page that shows other things too.
pub(crate) fn panel(picture: &Picture, drawing: &Drawing) -> String {
    format!("<div class=\"panel\">\n{}</div>\n", svg::drawn(picture, drawing))
}

/// The head of a page, with what it needs besides to look well, up to its body.
pub(crate) fn head(title: &str, more_style: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>\n{STYLE}{more_style}</style>\n</head>\n",
        xml(title)
    )
}

fn tabs(pictures: &[Picture]) -> String {
    let mut bar = String::from("<header class=\"bar\">\n");
    if pictures.len() > 1 {
        bar.push_str("<nav role=\"tablist\">");
        for (index, picture) in pictures.iter().enumerate() {
            let chosen = index == 0;
            bar.push_str(&format!(
                "<button role=\"tab\" aria-selected=\"{chosen}\" data-tab=\"{index}\">{}</button>",
                xml(&picture.title)
            ));
        }
        bar.push_str("</nav>\n");
    }
    bar.push_str(concat!(
        "<span class=\"tools\"><label class=\"colours\" hidden>colour <select></select></label>",
        "<input type=\"search\" placeholder=\"find a node\" aria-label=\"find a node\">",
        "<button data-do=\"out\" title=\"smaller (-)\">−</button>",
        "<button data-do=\"in\" title=\"larger (+)\">+</button>",
        "<button data-do=\"fit\" title=\"whole picture (0)\">fit</button></span>\n</header>\n"
    ));
    bar
}

fn views(pictures: &[Picture], drawing: &Drawing) -> String {
    let mut views = String::from("<main>\n");
    for (index, picture) in pictures.iter().enumerate() {
        let hidden = if index == 0 { "" } else { " hidden" };
        let drawn = svg::drawn_as(picture, drawing, index);
        views.push_str(&format!("<div class=\"view\" data-view=\"{index}\"{hidden}>\n{drawn}</div>\n"));
    }
    views.push_str("</main>\n<div class=\"tip\" hidden></div>\n");
    views
}

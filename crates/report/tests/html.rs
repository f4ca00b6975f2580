//! The report stands alone, and text in it is only text.

mod common;

use mdl_report::{Provenance, Report, Section, Stage, Table};

const HOSTILE: &str = "<script src=\"https://example.org/x.js\">alert('1')</script> & more";
const ESCAPED: &str =
    "&lt;script src=&quot;https://example.org/x.js&quot;&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; more";

fn report(text: &str) -> String {
    let mut figures = Section::new("Figures").text("First paragraph.\n\nSecond paragraph.");
    for (_, figure) in common::gallery().unwrap() {
        figures = figures.figure(figure, text);
    }
    let table = Table {
        caption: text.into(),
        columns: vec!["Condition".into(), text.into()],
        rows: vec![vec![text.into(), "0.97 (0.92–0.99)".into()]],
    };
    let inputs = vec![(text.into(), "ab".repeat(32))];
    let stage = Stage { program: text.into(), seed: u64::MAX, inputs };
    let provenance = Provenance { stages: vec![stage], config: text.into() };
    Report::new(text)
        .summary(text)
        .result(text, text)
        .section(Section::new(text).text(text).table(table))
        .section(figures)
        .provenance(provenance)
        .html()
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = report("plain");
    for reference in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe", "<image"] {
        assert!(!html.contains(reference), "{reference}");
    }
    let figures = common::gallery().unwrap().len();
    assert_eq!(html.matches("<svg ").count(), figures);
    assert_eq!(html.matches("role=\"img\"").count(), figures);
    assert!(html.contains(&format!("<b>Figure {figures}.</b>")) && html.contains("<b>Table 1.</b>"));
    assert!(html.contains("<p>First paragraph.</p>\n<p>Second paragraph.</p>"));
    assert!(html.contains("18446744073709551615") && html.contains(&"ab".repeat(32)));
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("@media print"));
    assert!(html.contains("<td class=\"number\">0.97"));
}

#[test]
fn text_is_escaped_everywhere() {
    let html = report(HOSTILE);
    assert!(!html.contains("<script"));
    // Title twice, summary, result twice, heading, text, table thrice, captions, program, file, config.
    assert_eq!(html.matches(ESCAPED).count(), 2 + 1 + 2 + 1 + 1 + 3 + common::gallery().unwrap().len() + 3);
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    assert_eq!(report("a"), report("a"));
}

#[test]
fn tags_are_balanced() {
    let html = report(HOSTILE);
    let body = &html[html.find("<main>").unwrap()..html.find("</body>").unwrap()];
    // But for <br>, what is written is XML.
    resvg::usvg::roxmltree::Document::parse(&body.replace("<br>", "<br/>")).unwrap();
}

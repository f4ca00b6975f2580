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

/// The policy of a page allows its own script by its hash, and the data of the part to explore are JSON.
#[test]
fn a_report_to_explore_runs_one_script_of_ours() {
    let artifact = common::lif_evaluation();
    let drawn = mdl_report::figures::draw(&artifact, &mdl_report::figures::names());
    let html = mdl_report::from_artifact::report(&artifact, &drawn).unwrap().html();
    for reference in ["http:", "https:", "src=", "href=", "@import", "<link", "<iframe", "<image"] {
        assert!(!html.contains(reference), "{reference}");
    }
    assert_eq!(html.matches("<script").count(), 2);
    let script = html.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    assert!((10_000..400_000).contains(&script.len()), "{} bytes of script", script.len());
    assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"));
    let data = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["trials"].as_array().unwrap().len(), 2);
    assert_eq!(data["conditions"][0]["name"], "NoGo");
    assert_eq!(data["population"].as_array().unwrap().len(), 200);
    let spikes = artifact.values::<u32>("spike_trial", &artifact.shape::<1>("spike_trial").unwrap()).unwrap();
    for trial in 0..2 {
        let own = spikes.iter().filter(|of| **of == trial as u32).count();
        assert_eq!(data["trials"][trial]["spikes"]["unit"].as_array().unwrap().len(), own);
    }
    let output = artifact.values::<f32>("output", &[80, 200, 1]).unwrap();
    let close = |found: &serde_json::Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-3;
    assert!(close(&data["trials"][1]["output"][0][150], f64::from(output[200 + 150])));
    let mean = output.chunks(200).step_by(2).map(|own| f64::from(own[150])).sum::<f64>() / 40.0;
    assert!(close(&data["means"][0]["output"][0][150], mean));
    assert!(data["rates"]["hz"][1].as_array().unwrap().len() == 200 && data["modes"].is_null());
}

#[test]
fn hostile_names_do_not_end_the_data() {
    let mut artifact = common::lif_evaluation();
    artifact.config["name"] = HOSTILE.into();
    let drawn = mdl_report::figures::draw(&artifact, &[]);
    let html = mdl_report::from_artifact::report(&artifact, &drawn).unwrap().html();
    assert_eq!(html.matches("<script").count(), 2);
    let data = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(!data.contains('<'));
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

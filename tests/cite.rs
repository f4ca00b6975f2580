//! `cite`: the papers behind an artifact, as BibTeX, as text and as JSON.

use mdl_tests::{SMALL_SPIKING, arguments, config, run};
use std::collections::BTreeSet;
use tempfile::TempDir;

#[test]
fn the_papers_behind_an_artifact() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let short = ["--set", "training.max_updates=1", "--set", "network.neurons=20", "-q"];
    let mut train = arguments!["--config", config("go-nogo"), "-o", at("rate")].to_vec();
    train.extend(short.iter().map(Into::into));
    assert_eq!(run("train-rate", &train).status, 4);
    let search =
        arguments![at("rate"), "--set", "search.trials=2", "--set", "search.factors=[30]", "-q", "-o", at("lif")];
    assert!([0, 4].contains(&run("lambda-search", &search).status));
    let mut spiking = arguments!["--config", config("mante-spiking"), "-q", "-o", at("spiking")].to_vec();
    spiking.extend(SMALL_SPIKING.iter().flat_map(|field| arguments!["--set", field]));
    assert_eq!(run("train-spiking", &spiking).status, 0);

    let keys = |files: &[&str]| -> BTreeSet<String> {
        let mut all: Vec<_> = files.iter().map(|name| at(name).into_os_string()).collect();
        all.push("--json".into());
        let told = run("cite", &all).result.unwrap();
        told["references"].as_array().unwrap().iter().map(|r| r["key"].as_str().unwrap().to_owned()).collect()
    };
    let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&["rate"]), set(&["mdl-rnn", "kim2019", "kingma2014", "salmon2011"]));
    let of_spiking = set(&["mdl-rnn", "mante2013", "kim2019", "lin2023", "zenke2018", "kingma2014", "salmon2011"]);
    assert_eq!(keys(&["spiking"]), of_spiking);
    let lif = keys(&["lif"]);
    assert!(lif.is_superset(&set(&["kim2019", "kingma2014", "wilson1927"])), "{lif:?}");
    let all = keys(&["lif", "spiking"]);
    assert_eq!(all, lif.union(&of_spiking).cloned().collect());

    let bibtex = run("cite", &arguments![at("lif"), at("spiking")]);
    assert_eq!(bibtex.status, 0, "{}", bibtex.stderr);
    assert_eq!(bibtex.stdout.lines().filter(|line| line.starts_with('@')).count(), all.len());
    assert_eq!(bibtex.stdout.matches("@article{kim2019,").count(), 1);
    let text = run("cite", &arguments![at("rate"), "--format", "text"]).stdout;
    let kim = text.lines().find(|line| line.starts_with("Kim, Li and Sejnowski (2019).")).unwrap();
    assert!(kim.contains("doi:10.1073/pnas.1905926116") && kim.ends_with("[task go-nogo; rate network]"), "{kim}");

    std::fs::write(at("other"), "text").unwrap();
    let refused = run("cite", &arguments![at("other")]);
    assert!(refused.status == 3 && refused.stderr.contains("other"), "{}", refused.stderr);
    assert_eq!(run::<&str>("cite", &[]).status, 2);
    assert_eq!(run("cite", &arguments![at("missing")]).status, 3);

    // The report has the same list.
    assert_eq!(run("report", &arguments![at("lif"), "--force", "-o", at("cited.html")]).status, 0);
    let html = std::fs::read_to_string(at("cited.html")).unwrap();
    assert!(lif.iter().all(|key| html.contains(&format!("{{{key},"))) && html.contains("<h2>References</h2>"));
}

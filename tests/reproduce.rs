//! `bench/reproduce.py`, without networks: scripts/test_reproduce.py tests its catalogue, plans, verdicts, measures and page;
//! here a network is made and is a row of the page. `make test-reproduce` makes a thinned version of all figures.

use mdl_tests::{have, program, repository};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn has_yaml() -> bool {
    let asked = Command::new("python3").args(["-c", "import yaml"]).output();
    let has = have("python3") && asked.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: python3 has no PyYAML");
    }
    has
}

#[test]
fn its_own_tests_pass() {
    if !has_yaml() {
        return;
    }
    let ran = Command::new("python3").arg(repository().join("scripts/test_reproduce.py")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn reproduce(place: &Path, more: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg(repository().join("bench/reproduce.py")).args(more);
    command.arg("--programs").arg(program("gather").parent().unwrap());
    command.arg("--output").arg(place.join("runs")).arg("--page").arg(place.join("page.md")).output().unwrap()
}

#[test]
fn a_network_is_made_once_and_is_on_the_page() {
    if !has_yaml() {
        return;
    }
    let place = TempDir::new().unwrap();
    let wanted =
        ["run", "--quick", "--figure", "pnas-1C", "--seeds", "1", "--keep", "network.neurons=10", "--jobs", "1"];
    let ran = reproduce(place.path(), &wanted);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let page = std::fs::read_to_string(place.path().join("page.md")).unwrap();
    assert!(page.contains("#### Figure 1C: ") && page.contains("up to 1 of 100 seeds per point"), "{page}");
    assert!(page.contains("| N = 10: networks that meet the criterion within 6000 trials | 69 of 100 |"), "{page}");
    let network = place.path().join("runs/go-nogo-sizes/go-nogo/network.neurons=10/1001/lif.safetensors");
    let written = || network.metadata().unwrap().modified().unwrap();
    let before = written();
    assert!(reproduce(place.path(), &wanted).status.success());
    assert_eq!(written(), before, "a complete network was run again");
    let refused = reproduce(place.path(), &["plan", "--figure", "9"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && message.starts_with("error: --figure 9: no such figure"), "{message}");
}

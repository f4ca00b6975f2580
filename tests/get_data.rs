//! `get-data` without a network: refusals, with their messages and exit statuses, and the files left behind.

use mdl_tests::{arguments, run};
use tempfile::TempDir;

const IMAGES: &str = "train-images-idx3-ubyte";

#[test]
fn unknown_data_sets_are_a_usage_error() {
    let ran = run("get-data", &arguments!["--dataset", "minst"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("found minst, expected mnist, fashion-mnist, shd or ssc"), "{}", ran.stderr);
}

#[test]
fn a_web_page_is_no_data_set() {
    let (from, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(from.path().join(format!("{IMAGES}.gz")), "<!DOCTYPE html><title>404</title>").unwrap();
    let ran = run("get-data", &arguments!["--dataset", "mnist", "--from", from.path(), "-o", to.path()]);
    assert_eq!(ran.status, 1);
    let culprit = format!("{IMAGES}.gz: found an HTML page, expected IDX images of unsigned bytes");
    assert!(ran.stderr.contains(&culprit), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0);
}

#[test]
fn files_of_other_people_are_not_overwritten() {
    let (from, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let own = to.path().join(IMAGES);
    std::fs::write(&own, "my own images").unwrap();
    let ran = run("get-data", &arguments!["--dataset", "mnist", "--from", from.path(), "-o", to.path()]);
    assert_eq!(ran.status, 3);
    assert!(ran.stderr.contains("use --force to replace the file"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches(IMAGES).count(), 1, "said once: {}", ran.stderr);
    assert_eq!(std::fs::read(&own).unwrap(), b"my own images");
}

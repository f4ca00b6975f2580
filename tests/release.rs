//! A release: its version, date and changelog agree, workflows are pinned, and what is linked is known.

use mdl_tests::{have, repository};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn read(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Rest of the first line that starts with `start`.
fn after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

#[test]
fn version_date_and_changelog_agree() {
    let (cargo, citation, changelog) = (read("Cargo.toml"), read("CITATION.cff"), read("CHANGELOG.md"));
    let version = after(&cargo, "version = \"").unwrap().trim_end_matches('"');
    assert_eq!(after(&citation, "version: "), Some(version), "CITATION.cff");
    let released = after(&changelog, &format!("## [{version}] - "));
    assert_eq!(after(&citation, "date-released: "), released, "CITATION.cff has the date of CHANGELOG.md");
    assert!(
        released.is_some() || changelog.contains("\n## [Unreleased]\n"),
        "CHANGELOG.md has neither {version} nor [Unreleased]"
    );
    let pyproject = read("pyproject.toml");
    assert!(pyproject.contains("dynamic = [\"version\"]"), "the wheel has the version of Cargo.toml");
    // Every program is in the wheel, too.
    for bin in std::fs::read_dir(repository().join("crates/cli/src/bin")).unwrap() {
        let name = bin.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            pyproject.contains(&format!("\n{name} = \"mdl_rnn._programs:main\"")),
            "pyproject.toml: no script {name}"
        );
    }
}

#[test]
fn a_wrong_tag_is_refused_and_the_notes_are_those_of_the_version() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir(at("scripts")).unwrap();
    std::fs::copy(repository().join("scripts/release-check"), at("scripts/release-check")).unwrap();
    let check = |arguments: &[&str]| {
        let ran = Command::new("python3").arg(at("scripts/release-check")).args(arguments).output().unwrap();
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    std::fs::write(at("Cargo.toml"), "[workspace.package]\nversion = \"1.2.0\"\n").unwrap();
    std::fs::write(at("CITATION.cff"), "version: 1.2.0\ndate-released: 2027-01-02\n").unwrap();
    std::fs::write(
        at("CHANGELOG.md"),
        "## [Unreleased]\n\n- x\n\n## [1.2.0] - 2027-01-02\n\n- new\n\n## [1.1.0] - 2026-01-01\n\n- old\n",
    )
    .unwrap();
    assert_eq!(check(&["v1.2.0", "--notes"]), (true, "- new\n".into(), String::new()));
    let (passed, _, said) = check(&["v1.3.0"]);
    assert!(!passed && said.contains("tag: found v1.3.0, expected v1.2.0"), "{said}");
    std::fs::write(at("CITATION.cff"), "version: 1.1.0\ndate-released: 2026-01-01\n").unwrap();
    let (passed, _, said) = check(&["v1.2.0"]);
    assert!(
        !passed && said.contains("version: found 1.1.0") && said.contains("date-released: found 2026-01-01"),
        "{said}"
    );
    std::fs::write(at("CHANGELOG.md"), "## [Unreleased]\n").unwrap();
    assert!(check(&["v1.2.0"]).2.contains("rename [Unreleased]"));
}

#[test]
fn actions_are_pinned_to_commits() {
    let mut used = 0;
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("\npermissions:\n  contents: read\n"),
            "{}: the token can do more than read",
            path.display()
        );
        for action in text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            let (_, pinned) = action.split_once('@').unwrap();
            let (commit, version) = pinned.split_once(" # v").unwrap_or_else(|| panic!("{action}: no version"));
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{action}: no commit");
            assert!(version.split('.').count() == 3, "{action}: no version");
            used += 1;
        }
    }
    assert!(used >= 4, "{used}");
}

#[test]
fn what_is_linked_has_licences_and_a_bill_of_materials() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let made = |what: &str, file: &Path| {
        let script = repository().join("scripts/linked.py");
        let ran = Command::new("python3").arg(script).arg(what).arg(file).output().unwrap();
        assert!(ran.status.success(), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
        std::fs::read_to_string(file).unwrap()
    };
    let licences = made("licences", &place.path().join("licences.txt"));
    for part in ["\ncandle-core 0.11.1 ", "\nsafetensors ", "Permission is hereby granted", "Apache License"] {
        assert!(licences.contains(part), "{part}");
    }
    // Only tests use it.
    assert!(!licences.contains("\ninsta "));
    let bill: serde_json::Value = serde_json::from_str(&made("sbom", &place.path().join("sbom.json"))).unwrap();
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let components = bill["components"].as_array().unwrap();
    let candle = components.iter().find(|one| one["name"] == "candle-core").unwrap();
    assert_eq!(candle["purl"], "pkg:cargo/candle-core@0.11.1");
    assert_eq!(candle["hashes"][0]["content"].as_str().map(str::len), Some(64));
    let known: Vec<_> = components.iter().map(|one| &one["bom-ref"]).collect();
    for edge in bill["dependencies"].as_array().unwrap() {
        assert!(edge["dependsOn"].as_array().unwrap().iter().all(|on| known.contains(&on)), "{edge}");
    }
}

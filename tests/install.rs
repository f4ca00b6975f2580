//! Files installed by `make install`.

use mdl_tests::{have, program, repository};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn programs_manual_pages_and_completions() {
    let place = TempDir::new().unwrap();
    let prefix = place.path().join("with a space");
    let at = |path: &str| prefix.join(path);
    // The programs are built already.
    let built = program("export-network");
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    let made = Command::new("make")
        .current_dir(repository())
        .args(["install".into(), "CARGO=true".into(), set("BIN", built.parent().unwrap()), set("PREFIX", &prefix)])
        .output();
    let made = made.expect("make starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let installed = files(&at("."));
    let mut bytes = 0;
    let mut directories = installed;
    while let Some(path) = directories.pop() {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            directories.extend(files(&path));
        } else {
            bytes += metadata.len();
        }
    }
    assert!(bytes < 150_000_000, "{bytes} bytes are installed");
    // The first example of the help, in a directory of its own.
    let elsewhere = TempDir::new().unwrap();
    let mut example = Command::new(at("bin/train-rate"));
    example.current_dir(&elsewhere).args(["--config", "configs/go-nogo.json", "-o", "rate.safetensors"]);
    let short = ["training.max_updates=1", "training.evaluation_trials=2", "network.neurons=10"];
    let ran = example.args(short.iter().flat_map(|set| ["--set", set])).output().unwrap();
    assert_eq!(ran.status.code(), Some(4), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(elsewhere.path().join("rate.safetensors").is_file());
    let version = Command::new(at("bin/inspect")).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.starts_with("mdl-rnn 0.1.0 ("), "{version}");

    let mut programs = files(&at("bin"));
    programs.retain(|program| !program.ends_with("mdl-rnn"));
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let names: Vec<String> = programs.iter().map(name).collect();
    for expected in [
        "eval-lif",
        "eval-rate",
        "eval-spiking",
        "export-network",
        "import-network",
        "report",
        "run",
        "train-rate",
        "train-spiking",
    ] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    for (program, name) in programs.iter().zip(&names) {
        let help = Command::new(program).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let manual = std::fs::read_to_string(at(&format!("share/man/man1/{name}.1"))).unwrap();
        assert!(manual.contains(&format!(".TH {name} 1")), "{name}: {manual}");
        // The first line of the help is the first line of the description; a manual page escapes signs.
        let plain = manual.replace("\\-", "-").replace("\\*(Aq", "'");
        assert!(plain.contains(help.lines().next().unwrap()), "{name}: {manual}");
        for completions in [
            format!("bash-completion/completions/{name}"),
            format!("zsh/site-functions/_{name}"),
            format!("fish/vendor_completions.d/{name}.fish"),
        ] {
            let text = std::fs::read_to_string(at("share").join(&completions)).unwrap();
            assert!(text.contains(name) && text.contains("help"), "{completions}");
        }
    }
    let share = |path: &str| at("share").join(path);
    if have("bash") {
        let ask = "source \"$0\"; COMP_WORDS=(train-rate --checkp); COMP_CWORD=1
            _train__rate train-rate --checkp train-rate; echo \"${COMPREPLY[@]}\"";
        assert_eq!(answer("bash", ask, &share("bash-completion/completions/train-rate")), "--checkpoint-every\n");
    }
    if have("fish") {
        let ask = "source $argv[1]; complete -C 'train-rate --checkp'";
        let completed = answer("fish", ask, &share("fish/vendor_completions.d/train-rate.fish"));
        assert!(completed.starts_with("--checkpoint-every\t"), "{completed}");
    }
    if have("zsh") {
        assert_eq!(answer("zsh", ASK_ZSH, &share("zsh/site-functions")), "completed\n");
    }
}

/// zsh only completes on a terminal: a second zsh in a pseudo-terminal, where a tab is typed.
const ASK_ZSH: &str = r#"
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1=; fpath=(${(q)0} \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' complete-word; echo RE''ADY"
    zpty -r shell seen '*READY*'
    zpty -w -n shell $'train-rate --checkp\t'
    zpty -r shell seen '*--checkpoint-every*' && echo completed
    zpty -d shell
"#;

/// Output of a shell without user settings, with the path of completions.
fn answer(shell: &str, ask: &str, completions: &Path) -> String {
    let bare = if shell == "fish" {
        "--no-config"
    } else if shell == "zsh" {
        "-f"
    } else {
        "--norc"
    };
    let output = Command::new("timeout").args(["60", shell, bare, "-c", ask]).arg(completions).output().unwrap();
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

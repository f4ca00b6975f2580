//! Parsing of the arguments, and the completions and manual pages generated from their definition.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

/// Arguments in place of those of the process.
static GIVEN: OnceLock<Vec<OsString>> = OnceLock::new();

/// The name and the arguments of the program: those given to [`crate::run_as`], or those of the process.
pub(crate) fn arguments() -> Vec<OsString> {
    GIVEN.get().cloned().unwrap_or_else(|| std::env::args_os().collect())
}

/// Sets the name and the arguments of the program, once.
pub(crate) fn give(arguments: Vec<OsString>) {
    // A second program in one process would find the first one's signal handlers and thread pool, too.
    let _ = GIVEN.set(arguments);
}

/// Arguments of the program.
///
/// When called as `PROGRAM --generate WHAT`, prints a completion script (`bash`, `fish`, `zsh`) or the manual page
/// (`man`) and exits. `make install` uses this.
///
/// Every argument must be Unicode, because results give file names in JSON.
pub fn parse<A: Parser + CommandFactory>() -> A {
    let mut typed = arguments();
    if typed.first().is_some_and(|called| Path::new(called).file_stem().is_some_and(|stem| stem == "mdl-rnn")) {
        typed.remove(0);
    }
    let stem = |called: &OsString| Some(Path::new(called).file_stem()?.to_str()?.to_owned());
    let program = typed.first().and_then(stem).unwrap_or_else(|| "mdl-rnn".into());
    let typed = typed.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>();
    let typed = typed.unwrap_or_else(|other| {
        let text = format!("found {other:?}, expected an argument in Unicode");
        named(A::command(), &program).error(ErrorKind::InvalidUtf8, text).exit()
    });
    if let [program, option, what] = &typed[..]
        && option == "--generate"
        && let Some(text) = generate(A::command(), program, what)
    {
        let printed = crate::status::print_line(text.trim_end());
        std::process::exit(i32::from(printed.is_err()));
    }
    let matches = named(A::command(), &program).get_matches_from(&typed);
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Command under the program's name; the version is that of the whole toolchain, with the revision of the build.
fn named(command: Command, program: &str) -> Command {
    let revision = option_env!("MDL_RNN_REVISION").filter(|revision| !revision.is_empty());
    let version = format!("{} ({})", env!("CARGO_PKG_VERSION"), revision.unwrap_or("unknown revision"));
    command.name(program.to_owned()).bin_name(program).display_name("mdl-rnn").version(version)
}

/// Text of `what` for a program of this file; none if there is no such text.
fn generate(command: Command, program: &str, what: &str) -> Option<String> {
    let name = Path::new(program).file_stem()?.to_str()?;
    let mut command = named(command, name).display_name(name);
    let mut text = Vec::new();
    match what {
        "man" => clap_mangen::Man::new(command).render(&mut text).ok()?,
        shell => clap_complete::generate(shell.parse::<Shell>().ok()?, &mut command, name, &mut text),
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Count sheep
    #[derive(Parser)]
    #[command(after_help = "Examples:\n  sheep --dogs 2")]
    struct Sheep {
        /// Dogs that help
        #[arg(long)]
        dogs: u32,
    }

    #[test]
    fn manual_and_completions_come_from_the_definition() {
        assert_eq!(Sheep::parse_from(["sheep", "--dogs", "2"]).dogs, 2);
        let text = |what| generate(Sheep::command(), "/bin/sheep", what);
        let manual = text("man").unwrap();
        for part in [".TH sheep 1", "Count sheep", "Dogs that help", "sheep \\-\\-dogs 2"] {
            assert!(manual.contains(part), "{part}: {manual}");
        }
        for shell in ["bash", "fish", "zsh"] {
            let script = text(shell).unwrap();
            assert!(script.contains("sheep") && script.contains("dogs"), "{shell}: {script}");
        }
        assert_eq!(text("tea"), None);
    }
}

//! Starts `mdl-rnn make-trials`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("make-trials")
}

//! Starts `mdl-rnn cite`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("cite")
}

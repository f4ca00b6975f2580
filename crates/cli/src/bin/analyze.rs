//! Starts `mdl-rnn analyze`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("analyze")
}

//! Starts `mdl-rnn report`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("report")
}

//! Starts `mdl-rnn eval-rate`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("eval-rate")
}

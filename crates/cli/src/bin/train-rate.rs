//! Starts `mdl-rnn train-rate`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("train-rate")
}

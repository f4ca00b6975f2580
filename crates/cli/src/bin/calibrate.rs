//! Starts `mdl-rnn calibrate`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("calibrate")
}

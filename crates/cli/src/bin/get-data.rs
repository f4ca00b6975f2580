//! Starts `mdl-rnn get-data`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("get-data")
}

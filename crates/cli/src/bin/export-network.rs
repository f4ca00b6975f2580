//! Starts `mdl-rnn export-network`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("export-network")
}

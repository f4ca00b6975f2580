//! Starts `mdl-rnn import-network`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("import-network")
}

//! Starts `mdl-rnn sweep-lif`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("sweep-lif")
}

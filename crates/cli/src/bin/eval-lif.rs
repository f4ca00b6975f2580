//! Starts `mdl-rnn eval-lif`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("eval-lif")
}

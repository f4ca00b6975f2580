//! Starts `mdl-rnn eval-spiking`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("eval-spiking")
}

//! Starts `mdl-rnn train-spiking`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("train-spiking")
}

//! Starts `mdl-rnn inspect`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("inspect")
}

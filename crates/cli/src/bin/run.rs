//! Starts `mdl-rnn run`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("run")
}

//! Starts `mdl-rnn gather`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("gather")
}

//! Starts `mdl-rnn lambda-search`.

fn main() -> std::process::ExitCode {
    mdl_launcher::start("lambda-search")
}

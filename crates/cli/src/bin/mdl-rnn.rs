//! Every program in one executable, selected by the name it is called by or by its first argument.

fn main() -> std::process::ExitCode {
    mdl_cli::main()
}

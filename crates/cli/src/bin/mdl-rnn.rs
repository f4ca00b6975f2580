//! Every program in one executable, selected by the name it is called by or by its first argument.

use mdl_cli::allocator::OrExit;

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

fn main() -> std::process::ExitCode {
    mdl_cli::main()
}

//! The `evenkeel` command.

fn main() -> std::process::ExitCode {
    evenkeel::edge::cli::main()
}

//! The crash test as a program: `cargo xtask crash --help`, and docs/crash.md.

fn main() -> std::process::ExitCode {
    testkit::crash::main()
}

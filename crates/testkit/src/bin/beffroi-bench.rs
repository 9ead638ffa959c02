//! `cargo xtask bench PART [--quick] [--only=sqlite|postgres]`: prints one JSON line a figure.

use std::process::ExitCode;

use testkit::bench::Load;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let load = Load {
        quick: arguments.iter().any(|argument| argument == "--quick"),
        only: arguments.iter().find_map(|argument| argument.strip_prefix("--only=")).map(str::to_owned),
    };
    let part = arguments.iter().find(|argument| !argument.starts_with("--"));
    match testkit::bench::run(part.map_or("", String::as_str), &load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

//! Measurements, printed as one JSON line a figure: name, value, unit, peer, ratio, target, holds.

mod figure;
mod letter;
mod machine;
mod reads;
mod store;

pub use figure::{Figure, Report};

/// The parts that can be measured, with what each measures.
pub const PARTS: &[(&str, &str)] = &[("store", "transactions, bodies, pages, changes since; both engines")];

/// Measures a part; `quick` makes every load a tenth, to see that it runs.
pub fn run(part: &str, quick: bool) -> Result<(), String> {
    let mut report = Report::new();
    match part {
        "store" => store::run(&mut report, quick),
        _ => {
            let known: Vec<_> = PARTS.iter().map(|(name, what)| format!("  {name}: {what}")).collect();
            return Err(format!("'{part}' is no part; choose from\n{}", known.join("\n")));
        }
    }
    Ok(())
}

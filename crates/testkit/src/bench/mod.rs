//! Measurements, printed as one JSON line a figure: name, value, unit, peer, ratio, target, holds.

mod body;
mod figure;
mod letter;
mod machine;
mod reads;
mod store;

pub use figure::{Figure, Report};

/// A part that can be measured: its name, what it measures, and how.
type Part = (&'static str, &'static str, fn(&mut Report, bool));

const PARTS: &[Part] = &[("store", "transactions, bodies, pages, changes since; both engines", store::run)];

/// Measures a part; `quick` makes every load a tenth, to see that it runs.
///
/// # Errors
/// The known parts, when `part` is none of them.
pub fn run(part: &str, quick: bool) -> Result<(), String> {
    let Some((_, _, measure)) = PARTS.iter().find(|(name, ..)| *name == part) else {
        let known: Vec<_> = PARTS.iter().map(|(name, what, _)| format!("  {name}: {what}")).collect();
        return Err(format!("'{part}' is no part; choose from\n{}", known.join("\n")));
    };
    measure(&mut Report::new(), quick);
    Ok(())
}

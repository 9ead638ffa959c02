//! Measurements, printed as one JSON line a figure: name, value, unit, peer, ratio, target, holds.

mod body;
mod deliver;
mod figure;
mod letter;
mod machine;
mod people;
mod reads;
mod store;

pub use figure::{Figure, Report};

/// A part that can be measured: its name, what it measures, and how.
type Part = (&'static str, &'static str, fn(&mut Report, &Load));

/// How much is measured.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Every load a tenth, to see that it runs.
    pub quick: bool,
    /// Only this engine, `sqlite` or `postgres`.
    pub only: Option<String>,
}

impl Load {
    /// The engines that are measured.
    pub fn engines(&self) -> impl Iterator<Item = ::store::sql::Dialect> + '_ {
        let all = [::store::sql::Dialect::Sqlite, ::store::sql::Dialect::Postgres];
        all.into_iter().filter(|dialect| self.only.as_ref().is_none_or(|only| only == dialect.name()))
    }
}

const PARTS: &[Part] = &[
    ("store", "transactions, bodies, pages, changes since; both engines", store::run),
    ("deliver", "deliveries of whole messages; both engines", deliver::run),
    ("directory", "an import of many people; both engines", people::run),
];

/// Measures a part.
///
/// # Errors
/// The known parts, when `part` is none of them.
pub fn run(part: &str, load: &Load) -> Result<(), String> {
    let Some((_, _, measure)) = PARTS.iter().find(|(name, ..)| *name == part) else {
        let known: Vec<_> = PARTS.iter().map(|(name, what, _)| format!("  {name}: {what}")).collect();
        return Err(format!("'{part}' is no part; choose from\n{}", known.join("\n")));
    };
    measure(&mut Report::new(), load);
    Ok(())
}

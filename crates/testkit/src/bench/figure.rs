//! A figure and how it is printed.

use serde_json::json;

/// A measured number.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is compared with in the same run, and that number.
    pub peer: Option<(&'static str, f64)>,
    /// What it must be: at least or at most, and whether the ratio or the value is meant.
    pub target: Option<Target>,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The value is at least this.
    AtLeast(f64),
    /// The value is at most this.
    AtMost(f64),
    /// The value is at least this times the peer's.
    RatioAtLeast(f64),
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.peer.map(|(_, peer)| self.value / peer)
    }

    fn holds(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtLeast(least) => self.value >= least,
            Target::AtMost(most) => self.value <= most,
            Target::RatioAtLeast(least) => self.ratio()? >= least,
        })
    }
}

/// Prints figures as they come.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
}

fn rounded(value: f64) -> f64 {
    let digits = if value.abs() >= 100.0 { 0 } else { 3 };
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints a figure on standard output.
    pub fn add(&mut self, figure: Figure) {
        let target = figure.target.map(|target| match target {
            Target::AtLeast(value) => format!(">= {value}"),
            Target::AtMost(value) => format!("<= {value}"),
            Target::RatioAtLeast(value) => format!(">= {value} x peer"),
        });
        let line = json!({
            "name": figure.name,
            "value": rounded(figure.value),
            "unit": figure.unit,
            "peer": figure.peer.map(|(name, value)| json!({ "name": name, "value": rounded(value) })),
            "ratio": figure.ratio().map(rounded),
            "target": target,
            "holds": figure.holds(),
        });
        println!("{line}");
        self.figures.push(figure);
    }
}

//! What the machine can do at all: the peer of every durable figure.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a second a file can be appended to and made durable, `bytes` at a time, by one thread.
pub fn fdatasync_rate(folder: &Path, bytes: usize, during: Duration) -> f64 {
    let mut file = File::create(folder.join("fdatasync")).expect("a file");
    let block = vec![7u8; bytes];
    let begun = Instant::now();
    let mut count = 0.0;
    while begun.elapsed() < during {
        file.write_all(&block).expect("room");
        file.sync_data().expect("a disk");
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

/// The middle of some measurements.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor time that this process has used, in seconds.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

//! Figures of the process itself, read from `/proc` when a scraper asks. Absent where there is no `/proc`.

use std::time::Instant;

use httpd::metrics::{Figures, Metrics};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Clock ticks of `/proc/self/stat` in a second: fixed for programs on Linux, whatever the kernel's own is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds memory, open files, threads, processor time, uptime and version.
pub fn measure(metrics: &mut Metrics) {
    let begun = Instant::now();
    metrics.add(move |figures| {
        figures.gauge("build_info", "The version that runs; always 1", &[("version", VERSION)], 1.0);
        figures.gauge("uptime_seconds", "Seconds since the start", &[], begun.elapsed().as_secs_f64());
        from_proc(figures);
    });
}

#[expect(clippy::cast_precision_loss, reason = "bytes and counts of a scrape fit a float well enough")]
fn from_proc(figures: &mut Figures) {
    if let Some(bytes) = status("VmRSS:").map(|kilobytes| kilobytes * 1024) {
        figures.gauge("resident_memory_bytes", "Memory of the process", &[], bytes as f64);
    }
    if let Some(threads) = status("Threads:") {
        figures.gauge("threads", "Threads of the process", &[], threads as f64);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        figures.gauge("open_files", "Open files and sockets of the process", &[], files.count() as f64);
    }
    if let Some(seconds) = processor_seconds() {
        figures.counter_real("processor_seconds", "Processor time of the process", &[], seconds);
    }
}

/// A number of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold spaces; the fields after it do not.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        let mut metrics = Metrics::new();
        measure(&mut metrics);
        let text = metrics.render().unwrap();
        for name in [
            "resident_memory_bytes ",
            "open_files ",
            "threads ",
            "processor_seconds_total ",
            "uptime_seconds ",
        ] {
            assert!(text.contains(&format!("beffroi_{name}")), "{name}: {text}");
        }
        assert!(status("VmRSS:").unwrap() > 100);
    }
}

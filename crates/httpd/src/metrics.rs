//! Figures for Prometheus, in the `OpenMetrics` text format.
//!
//! What HTTP itself counts stands here; everything else is asked for when a scraper comes, through the
//! sources that [`Metrics::add`] takes.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds in seconds of the buckets of times.
const TIME_BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Labels of one figure: names and values. Never a name or address of a person.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// The name of a figure, without the prefix of the program.
pub type Name = std::borrow::Cow<'static, str>;

/// All figures of the process.
pub struct Metrics {
    registry: Registry,
    pub(crate) http: Http,
}

/// What HTTP counts itself.
#[derive(Clone)]
pub(crate) struct Http {
    pub requests: Family<Vec<(&'static str, String)>, Counter>,
    pub seconds: Family<Vec<(&'static str, String)>, Histogram>,
    pub connections: Gauge,
    pub refused_connections: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Figures of HTTP only; add the others.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("beffroi");
        let http = Http {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(TIME_BUCKETS)),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
        };
        registry.register("http_requests", "Answered requests by door and status", http.requests.clone());
        registry.register("http_request_seconds", "Time to answer by door, in seconds", http.seconds.clone());
        registry.register("http_connections", "Open connections", http.connections.clone());
        registry.register(
            "http_refused_connections",
            "Connections refused because limits.http_connections was met",
            http.refused_connections.clone(),
        );
        Self { registry, http }
    }

    /// Adds a source that is asked at every scrape. It must not wait for anything.
    pub fn add(&mut self, source: impl Fn(&mut Figures) + Send + Sync + 'static) {
        self.registry.register_collector(Box::new(Source(Box::new(source))));
    }

    /// All figures as text.
    pub fn render(&self) -> Result<String, base::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).map_err(|error| {
            base::Error::corrupt("metrics", "a figure cannot be written as text").with_source(error)
        })?;
        Ok(text)
    }
}

struct Source(Box<dyn Fn(&mut Figures) + Send + Sync>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut figures = Figures::default();
        (self.0)(&mut figures);
        for group in &figures.groups {
            group.encode(&mut encoder)?;
        }
        Ok(())
    }
}

/// The figures of one scrape, filled by a source. Names get the prefix `beffroi_`; counters the ending `_total`.
#[derive(Debug, Default)]
pub struct Figures {
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: Name,
    help: &'static str,
    counter: bool,
    rows: Vec<(OwnedLabels, f64)>,
}

impl Figures {
    /// Something that only grows.
    #[expect(clippy::cast_precision_loss, reason = "figures of a scrape are floating point anyway")]
    pub fn counter(&mut self, name: impl Into<Name>, help: &'static str, labels: Labels<'_>, value: u64) {
        self.push(name.into(), help, true, labels, value as f64);
    }

    /// Something that only grows and has fractions, such as seconds of work.
    pub fn counter_real(
        &mut self,
        name: impl Into<Name>,
        help: &'static str,
        labels: Labels<'_>,
        value: f64,
    ) {
        self.push(name.into(), help, true, labels, value);
    }

    /// Something that goes up and down.
    pub fn gauge(&mut self, name: impl Into<Name>, help: &'static str, labels: Labels<'_>, value: f64) {
        self.push(name.into(), help, false, labels, value);
    }

    fn push(&mut self, name: Name, help: &'static str, counter: bool, labels: Labels<'_>, value: f64) {
        let labels = OwnedLabels(labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
        match self.groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.rows.push((labels, value)),
            None => self.groups.push(Group { name, help, counter, rows: vec![(labels, value)] }),
        }
    }
}

impl Group {
    fn encode(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let kind = if self.counter { MetricType::Counter } else { MetricType::Gauge };
        let mut metric = encoder.encode_descriptor(&self.name, self.help, None, kind)?;
        if let [(labels, value)] = self.rows.as_slice()
            && labels.0.is_empty()
        {
            return metric_value(self.counter, *value, metric);
        }
        for (labels, value) in &self.rows {
            metric_value(self.counter, *value, metric.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn metric_value(counter: bool, value: f64, encoder: MetricEncoder<'_>) -> fmt::Result {
    if counter { ConstCounter::new(value).encode(encoder) } else { ConstGauge::new(value).encode(encoder) }
}

#[derive(Debug)]
struct OwnedLabels(Vec<(&'static str, String)>);

impl EncodeLabelSet for OwnedLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_asked_at_every_scrape_and_labels_share_a_family() {
        let mut metrics = Metrics::new();
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = asked.clone();
        metrics.add(move |figures| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            figures.counter("jobs", "Jobs", &[("state", "done")], 3);
            figures.counter("jobs", "Jobs", &[("state", "failed")], 1);
            figures.gauge("memory_bytes", "Memory", &[], 1.5);
        });
        let text = metrics.render().unwrap();
        metrics.render().unwrap();
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2);
        assert_eq!(text.matches("# TYPE beffroi_jobs counter").count(), 1);
        assert!(text.contains("beffroi_jobs_total{state=\"failed\"} 1"), "{text}");
        assert!(text.contains("beffroi_memory_bytes 1.5"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}

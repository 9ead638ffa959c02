//! What was measured as lines of the form that all our measurements have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A figure of one server: which call, which number in its line, better when larger or smaller, what is promised.
struct Figure {
    name: &'static str,
    unit: &'static str,
    part: &'static str,
    path: &'static str,
    larger_is_better: bool,
    target: Target,
}

enum Target {
    /// At least so many times the best peer's.
    Times(f64),
    /// At most so much of the best peer's.
    Share(f64),
    /// At most this.
    AtMost(f64),
    None,
}

/// The figures, each once a number of connections that was measured.
const FIGURES: &[Figure] = &[
    Figure {
        name: "delivered",
        unit: "messages/s",
        part: "lmtp",
        path: "/msg_s",
        larger_is_better: true,
        target: Target::Times(1.3),
    },
    Figure {
        name: "delivery CPU",
        unit: "ms/message",
        part: "lmtp",
        path: "/server_cpu_ms_per_op",
        larger_is_better: false,
        target: Target::Share(0.25),
    },
    Figure {
        name: "delivery p50",
        unit: "ms",
        part: "lmtp",
        path: "/p50_ms",
        larger_is_better: false,
        target: Target::None,
    },
    Figure {
        name: "session CPU",
        unit: "ms/session",
        part: "imap-session",
        path: "/server_cpu_ms_per_op",
        larger_is_better: false,
        target: Target::None,
    },
    Figure {
        name: "resync by QRESYNC",
        unit: "ms",
        part: "sync",
        path: "/select_qresync/p50_ms",
        larger_is_better: false,
        target: Target::Share(1.0),
    },
    Figure {
        name: "resync by CHANGEDSINCE",
        unit: "ms",
        part: "sync",
        path: "/select_changedsince/p50_ms",
        larger_is_better: false,
        target: Target::Share(1.0),
    },
    Figure {
        name: "all flags of 10,000",
        unit: "ms",
        part: "sync",
        path: "/full_fetch_flags/p50_ms",
        larger_is_better: false,
        target: Target::Share(1.0),
    },
    Figure {
        name: "idle memory",
        unit: "KiB/connection",
        part: "idle",
        path: "/pss_kb_per_conn",
        larger_is_better: false,
        target: Target::AtMost(12.0),
    },
    Figure {
        name: "push",
        unit: "ms",
        part: "idle",
        path: "/push_after_250/p50_ms",
        larger_is_better: false,
        target: Target::AtMost(3.0),
    },
    Figure {
        name: "disk, distinct",
        unit: "B/message",
        part: "disk",
        path: "/distinct/allocated_per_msg",
        larger_is_better: false,
        target: Target::Share(0.5),
    },
    Figure {
        name: "disk, identical in one transaction",
        unit: "B/message",
        part: "disk",
        path: "/identical_one_transaction/allocated_per_msg",
        larger_is_better: false,
        target: Target::None,
    },
    Figure {
        name: "disk, identical in separate ones",
        unit: "B/message",
        part: "disk",
        path: "/identical_separate/allocated_per_msg",
        larger_is_better: false,
        target: Target::None,
    },
];

/// Commands of a session whose time is not compared: the peers do not make these durable.
const SYNCED: &[&str] = &["09_store_1", "10_store_100_silent", "16_append", "17_store_deleted", "18_expunge"];

fn number(line: &Value, path: &str) -> Option<f64> {
    line.pointer(path).and_then(Value::as_f64)
}

fn label(line: &Value) -> &str {
    line.get("label").and_then(Value::as_str).unwrap_or_default()
}

/// With how many connections a line was measured.
fn connections(line: &Value) -> i64 {
    line.get("conc").or_else(|| line.get("conns")).and_then(Value::as_i64).unwrap_or(0)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The medians of a number by connections and server.
fn medians(lines: &[Value], part: &str, path: &str) -> BTreeMap<i64, BTreeMap<String, f64>> {
    let mut all: BTreeMap<i64, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.get("cmd").and_then(Value::as_str) == Some(part)) {
        if let Some(value) = number(line, path).filter(|_| label(line) != "fill") {
            all.entry(connections(line)).or_default().entry(label(line).to_owned()).or_default().push(value);
        }
    }
    let each = |by: BTreeMap<String, Vec<f64>>| {
        by.into_iter().filter_map(|(name, values)| Some((name, median(values)?))).collect()
    };
    all.into_iter().map(|(connections, by)| (connections, each(by))).collect()
}

/// Prints all figures of ours with the best peer's.
pub fn print(lines: &[Value]) {
    for figure in FIGURES {
        for (connections, by) in medians(lines, figure.part, figure.path) {
            let name = match connections {
                0 => figure.name.to_owned(),
                1 => format!("{}, 1 connection", figure.name),
                many => format!("{}, {many} connections", figure.name),
            };
            let target = match (&figure.target, figure.name, connections) {
                // What is promised at many connections is more.
                (Target::Times(_), _, 8..) => &Target::Times(4.0),
                (Target::Share(_), "delivery CPU", ..8) => &Target::None,
                (target, ..) => target,
            };
            one(&name, figure.unit, figure.larger_is_better, target, &by);
        }
    }
    let mut commands: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| line.get("cmd").and_then(Value::as_str) == Some("imap-session")) {
        let named = line.get("commands").and_then(Value::as_object);
        commands.extend(named.into_iter().flat_map(|all| all.keys().cloned()));
    }
    commands.sort();
    commands.dedup();
    for command in commands {
        let target = if SYNCED.contains(&command.as_str()) { Target::None } else { Target::Share(1.0) };
        for (clients, by) in medians(lines, "imap-session", &format!("/commands/{command}/p50_ms")) {
            one(&format!("IMAP {command}, {clients} clients"), "ms", false, &target, &by);
        }
    }
}

/// With the digits that mean something.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

fn one(name: &str, unit: &str, larger: bool, target: &Target, by: &BTreeMap<String, f64>) {
    let Some(value) = by.get("beffroi") else { return };
    let peers = by.iter().filter(|(name, _)| *name != "beffroi");
    let best = if larger {
        peers.max_by(|a, b| a.1.total_cmp(b.1))
    } else {
        peers.min_by(|a, b| a.1.total_cmp(b.1))
    };
    let ratio = best.map(|(_, peer)| value / peer);
    let (words, holds) = match target {
        Target::Times(times) => (Some(format!(">= {times} x peer")), ratio.map(|ratio| ratio >= *times)),
        Target::Share(share) => (Some(format!("<= {share} x peer")), ratio.map(|ratio| ratio <= *share)),
        Target::AtMost(most) => (Some(format!("<= {most}")), Some(value <= most)),
        Target::None => (None, None),
    };
    let line = json!({
        "name": name,
        "value": rounded(*value),
        "unit": unit,
        "peer": best.map(|(name, value)| json!({ "name": name, "value": rounded(*value) })),
        "ratio": ratio.map(rounded),
        "target": words,
        "holds": holds,
    });
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_by_connections_and_server() {
        let line = |server: &str, clients: i64, rate: f64| json!({"cmd": "lmtp", "label": server, "conc": clients, "msg_s": rate});
        let lines = [
            line("a", 1, 1.0),
            line("a", 1, 9.0),
            line("a", 1, 2.0),
            line("b", 8, 5.0),
            line("fill", 1, 7.0),
        ];
        let all = medians(&lines, "lmtp", "/msg_s");
        let is =
            |connections: i64, server: &str, value: f64| (all[&connections][server] - value).abs() < 1e-9;
        assert!(is(1, "a", 2.0) && is(8, "b", 5.0));
        assert!(!all[&1].contains_key("fill"));
    }
}

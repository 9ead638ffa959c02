//! JSON of JMAP requests: whatever comes, it is read within its bounds, without a panic, and what was read is read again
//! from what it is written as, with as many values.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// The reader itself: the rest of its crate needs a database to be built.
#[allow(dead_code, reason = "the engine uses more of it")]
#[path = "../../crates/jmap/src/engine/value.rs"]
mod value;

/// A JSON object, as the engine has it.
pub type Map = serde_json::Map<String, serde_json::Value>;

const VALUES: u64 = 5_000;

fn count(value: &serde_json::Value) -> u64 {
    match value {
        serde_json::Value::Array(list) => 1 + list.iter().map(count).sum::<u64>(),
        serde_json::Value::Object(map) => 1 + map.values().map(count).sum::<u64>(),
        _ => 1,
    }
}

fuzz_target!(|text: &[u8]| {
    let Ok(read) = value::parse(text, VALUES) else { return };
    assert!(count(&read) <= VALUES);
    let written = read.to_string();
    // The last digit of a number may differ.
    assert_eq!(value::parse(written.as_bytes(), VALUES).as_ref().map(count), Ok(count(&read)));
});

//! The text of commits, as it stands in a database that somebody may have altered.
#![no_main]

use codec::changes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = changes::parse(text) else { return };
    // Lists may be enormous ranges: they are counted, not walked.
    for change in &read {
        if let changes::Change::Remove { items, .. } = change {
            assert!(items.len() > 0);
        }
    }
    let written = changes::write(&read);
    assert_eq!(changes::parse(&written).expect("what we wrote"), read, "its text is another commit");
});

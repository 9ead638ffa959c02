//! Messages as anybody may send them: what is kept of one is bounded and is read back, every section lies in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use summary::{Of, Structure, fields, parse, render_bodystructure, structure_of};

// The module alone: with the crate the database and all below it would be built and instrumented.
#[allow(dead_code, unused_imports)] // the crate uses what this does not
#[path = "../../crates/mail/src/summary/mod.rs"]
mod summary;

fuzz_target!(|bytes: &[u8]| {
    let parsed = parse(bytes);
    let summary = parsed.summary();
    assert!(summary.preview.chars().count() <= 200, "{} characters", summary.preview.chars().count());
    assert!(summary.refs.len() <= 40);
    for text in [&summary.subject, &summary.sender, &summary.preview, &summary.message_id, &summary.envelope]
    {
        assert!(!text.contains('\0'), "a NUL would not be stored");
    }
    assert!(!parsed.text(1 << 16).contains('\0'));

    let structure = structure_of(bytes);
    if !summary.structure.is_empty() {
        assert_eq!(
            Structure::parse(&summary.structure).as_ref(),
            Some(&structure),
            "the kept tree is another"
        );
    }
    for part in &structure.parts {
        assert!(part.header <= part.body && part.body <= part.end && part.end <= bytes.len());
    }
    let rendered = render_bodystructure(&structure, true);
    assert!(rendered.starts_with('(') && rendered.ends_with(')'));
    for path in [&[][..], &[1], &[2], &[1, 1], &[1, 2, 1]] {
        for of in [Of::Whole, Of::Header, Of::Text, Of::Mime] {
            if let Some(range) = structure.section_range(path, of) {
                assert!(range.start <= range.end && range.end <= bytes.len() as u64);
            }
        }
    }
    if let Some(kept) = fields::select(&summary.fields, &["Subject", "To"]) {
        let header = bytes.get(..usize::try_from(summary.header_bytes).unwrap_or(0)).unwrap_or_default();
        let told = fields::select_in(header, &["Subject", "To"], true);
        assert!(kept == told || kept.strip_suffix(b"\r\n") == Some(&told[..]), "the kept fields are others");
    }
});

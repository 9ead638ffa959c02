//! Commands of IMAP clients: nothing breaks the parser, and what is told by place lies within the command.
#![no_main]

use codec::imap::{AppendBody, Bounds, CatenatePart, Command, MessageUrl, Numbers, head, parse, utf7};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let bounds = Bounds::default();
    let _ = head(bytes);
    if let Some(name) = utf7::decode(bytes) {
        assert_eq!(utf7::encode(&name).as_bytes(), bytes, "a name has two forms");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = MessageUrl::parse(text, &bounds);
    }
    let Ok(tagged) = parse(bytes, &bounds) else { return };
    let messages = match tagged.command {
        Command::Append(append) => append.messages,
        Command::Replace(replace) => vec![replace.message],
        Command::Fetch(fetch) => {
            if let Numbers::Set(set) = fetch.numbers {
                let resolved = set.resolve(1_000);
                assert!(resolved.ranges().windows(2).all(|pair| pair[0].1 < pair[1].0), "ranges overlap");
            }
            return;
        }
        _ => return,
    };
    for message in messages {
        match message.body {
            AppendBody::Literal { place, .. } => assert!(place.end <= bytes.len()),
            AppendBody::Catenate(parts) => {
                for part in parts {
                    if let CatenatePart::Text(place) = part {
                        assert!(place.end <= bytes.len());
                    }
                }
            }
        }
    }
});

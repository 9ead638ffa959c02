//! POP3: command lines, and that a message comes out of its dots as it went in.
#![no_main]

use codec::pop3::{self, Stuffer, Top};
use libfuzzer_sys::fuzz_target;

/// What a client makes of a stuffed message: `None` when its end is not where it should be.
fn unstuffed(wire: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = wire;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let (line, after) = rest.split_at(end);
        if line == b".\r\n" {
            return after.is_empty().then_some(out);
        }
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        rest = after;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = pop3::command(bytes);
    let at = usize::from(bytes.first().copied().unwrap_or(0)).min(bytes.len());
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let mut stuffer = Stuffer::default();
    stuffer.write(&mut whole, bytes);
    stuffer.end(&mut whole);
    let mut stuffer = Stuffer::default();
    stuffer.write(&mut pieces, &bytes[..at]);
    stuffer.write(&mut pieces, &bytes[at..]);
    stuffer.end(&mut pieces);
    assert_eq!(whole, pieces, "it depends on how the message is cut");
    let read = unstuffed(&whole).expect("the end is where it should be");
    let lines =
        |text: &[u8]| text.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).copied().collect::<Vec<_>>();
    assert_eq!(lines(&read), lines(bytes), "it came out as another message");
    let mut top = Top::new(3);
    let cut = [top.take(&bytes[..at]), top.take(&bytes[at..])].concat();
    assert_eq!(cut, Top::new(3).take(bytes), "it depends on how the message is cut");
});

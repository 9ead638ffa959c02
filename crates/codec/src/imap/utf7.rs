//! Modified UTF-7, RFC 3501 section 5.1.3: names of mailboxes on the wire of `IMAP4rev1`.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name as it stands on the wire.
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u16> = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut shifted, &mut wire);
            wire.push(character);
            if character == '&' {
                wire.push('-');
            }
        } else {
            shifted.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut shifted, &mut wire);
    wire
}

fn flush(shifted: &mut Vec<u16>, wire: &mut String) {
    if shifted.is_empty() {
        return;
    }
    wire.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    for unit in shifted.drain(..) {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            push_digit(bits >> count, wire);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        push_digit(bits << (6 - count), wire);
    }
    wire.push('-');
}

fn push_digit(bits: u32, wire: &mut String) {
    let digit = usize::try_from(bits & 63).ok().and_then(|index| DIGITS.get(index)).copied().unwrap_or(b'A');
    wire.push(char::from(digit));
}

/// The name that the wire means; `None` when it is no modified UTF-7. Only the form that [`encode`] gives is
/// taken, so that a name has one form.
pub fn decode(wire: &[u8]) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'&' => {
                let end = rest.iter().position(|byte| *byte == b'-')?;
                let (encoded, after) = rest.split_at_checked(end)?;
                rest = after.get(1..)?;
                if encoded.is_empty() {
                    name.push('&');
                } else {
                    name.push_str(&decode_shifted(encoded)?);
                    // Two shifts in a row could have been one.
                    if rest.first() == Some(&b'&') && rest.get(1) != Some(&b'-') {
                        return None;
                    }
                }
            }
            0x20..=0x7e => name.push(char::from(*byte)),
            _ => return None,
        }
    }
    Some(name)
}

fn decode_shifted(encoded: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(encoded.len() * 6 / 16);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in encoded {
        let digit = DIGITS.iter().position(|digit| digit == byte)?;
        bits = bits << 6 | u32::try_from(digit).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count & 0xffff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    // What is left is padding: less than a digit, and zero.
    if count >= 6 || bits != 0 {
        return None;
    }
    let text = String::from_utf16(&units).ok()?;
    // What can stand for itself must.
    if text.chars().any(|character| matches!(character, ' '..='~')) { None } else { Some(text) }
}

//! Bodies like mail: half text in French, half an attachment in base64, 14 KiB each, no two alike.

use bytes::Bytes;

/// The size of each.
pub const BODY_BYTES: usize = 14_336;

/// A body that differs from every other number's, and compresses as mail does (about 3 to 4 times as text,
/// hardly where it is an attachment).
pub fn body(template: &[u8], n: u64) -> Bytes {
    let mut out = template.to_vec();
    let mark =
        format!("Message-ID: <{n:020}.{:020}@mail.example.org>\r\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    out[..mark.len()].copy_from_slice(mark.as_bytes());
    // Something else in the middle of the text too, as no two mails share a page.
    let line = format!("dossier {n} du {} novembre, salle {}", n % 30 + 1, n % 97);
    out[4_000..4_000 + line.len()].copy_from_slice(line.as_bytes());
    out.into()
}

/// What all bodies of a load have in common.
pub fn template(seed: u64) -> Vec<u8> {
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const WORDS: &[&str] = &[
        "bonjour",
        "merci",
        "de",
        "la",
        "le",
        "conseil",
        "compte",
        "rendu",
        "reunion",
        "avec",
        "pour",
        "vous",
        "trouver",
        "ci-joint",
        "calendrier",
        "budget",
        "salle",
        "mairie",
        "universite",
        "projet",
        "signature",
        "avant",
        "vendredi",
        "prochain",
        "cordialement",
        "equipe",
        "document",
        "annexe",
        "proposition",
    ];
    let random = base::Random::seeded(seed);
    let mut out = Vec::with_capacity(BODY_BYTES + 100);
    while out.len() < 8_000 {
        let word = WORDS[usize::try_from(random.u64() % WORDS.len() as u64).unwrap_or(0)];
        out.extend_from_slice(word.as_bytes());
        out.push(if random.u64().is_multiple_of(12) { b'\n' } else { b' ' });
    }
    while out.len() < BODY_BYTES {
        // An attachment of small entropy, as documents and pictures of logos are.
        out.push(BASE64[usize::try_from(random.u64() % 24).unwrap_or(0)]);
    }
    out.truncate(BODY_BYTES);
    out
}

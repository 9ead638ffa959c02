//! Encryption of what is pushed (RFC 8291, with the coding of RFC 8188), so that the push service reads nothing of it.

use base::{Error, Random, Result};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;

/// Bytes of a record: what every push service takes in one message (RFC 8030 section 7.2).
const RECORD_BYTES: usize = 4_096;
const HEADER_BYTES: usize = 16 + 4 + 1 + 65;
/// Bytes that one message can carry: behind it stand a delimiter and the tag.
pub(super) const MOST_BYTES: usize = RECORD_BYTES - HEADER_BYTES - 1 - 16;

fn failed(what: &'static str) -> Error {
    Error::invalid("keys", what)
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}

/// Both keys of one message: ours, and the client's with its secret.
struct Keys<'k> {
    ours: &'k [u8],
    theirs: &'k [u8],
    secret: &'k [u8],
    shared: &'k [u8],
}

/// The message of a text, in one record.
fn seal(keys: &Keys<'_>, salt: [u8; 16], text: &[u8]) -> Result<Vec<u8>> {
    let first = keyed(keys.secret, &[keys.shared]);
    let input = keyed(first.as_ref(), &[b"WebPush: info\0", keys.theirs, keys.ours, &[1]]);
    let second = keyed(&salt, &[input.as_ref()]);
    let key = keyed(second.as_ref(), &[b"Content-Encoding: aes128gcm\0\x01"]);
    let nonce = keyed(second.as_ref(), &[b"Content-Encoding: nonce\0\x01"]);
    let wrong = || failed("cannot be used");
    let key =
        key.as_ref().get(..16).and_then(|key| UnboundKey::new(&AES_128_GCM, key).ok()).ok_or_else(wrong)?;
    let nonce = nonce.as_ref().get(..12).and_then(|nonce| Nonce::try_assume_unique_for_key(nonce).ok());
    let mut sealed = text.to_vec();
    // The last record, without padding.
    sealed.push(2);
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce.ok_or_else(wrong)?, Aad::empty(), &mut sealed)
        .map_err(|_| wrong())?;
    let mut out = Vec::with_capacity(HEADER_BYTES + sealed.len());
    out.extend_from_slice(&salt);
    out.extend_from_slice(&u32::try_from(RECORD_BYTES).unwrap_or(u32::MAX).to_be_bytes());
    out.push(u8::try_from(keys.ours.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(keys.ours);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Encrypts a text of at most [`MOST_BYTES`] for the client with that public key and secret.
///
/// # Errors
/// `Invalid` for a key that is no point of P-256, `TooLarge`.
pub(super) fn encrypt(random: &Random, theirs: &[u8], secret: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    if text.len() > MOST_BYTES {
        return Err(Error::too_large("push", "is more than one message carries"));
    }
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
        .map_err(|_| Error::unavailable("push", "has no key of its own now"))?;
    let ours = own.compute_public_key().map_err(|_| failed("cannot be used"))?;
    let shared = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, theirs), <[u8]>::to_vec)
        .map_err(|_| failed("has a `p256dh` that is no point of P-256"))?;
    seal(&Keys { ours: ours.as_ref(), theirs, secret, shared: &shared }, random.bytes(), text)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn p08_the_example_of_the_standard_is_encrypted_as_it_shows() {
        let ours =
            bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let theirs =
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let (secret, shared) =
            (bytes("BTBZMqHH6r4Tts7J_aSIgg"), bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"));
        let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let keys = Keys { ours: &ours, theirs: &theirs, secret: &secret, shared: &shared };
        let sealed = seal(&keys, salt, b"When I grow up, I want to be a watermelon").unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_\
             yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn p08_only_what_fits_one_message_is_encrypted() {
        let random = Random::seeded(1);
        let client = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let theirs = client.compute_public_key().unwrap();
        let most = encrypt(&random, theirs.as_ref(), &[1; 16], &vec![b'x'; MOST_BYTES]).unwrap();
        assert_eq!(most.len(), RECORD_BYTES);
        assert!(encrypt(&random, theirs.as_ref(), &[1; 16], &vec![b'x'; MOST_BYTES + 1]).is_err());
        assert!(encrypt(&random, &[4; 65], &[1; 16], b"x").is_err());
    }
}

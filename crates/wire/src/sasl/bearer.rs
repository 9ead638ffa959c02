//! OAUTHBEARER (RFC 7628) and XOAUTH2: a token instead of a password.
//!
//! ```text
//! client-resp = gs2-header kvsep *kvpair kvsep     kvpair = key "=" value kvsep     kvsep = %x01
//! ```

use base::Secret;

use super::{Malformed, Step, text};

/// A message of OAUTHBEARER.
pub(super) fn oauth_bearer(message: &[u8]) -> Result<Step, Malformed> {
    let (header, pairs) = message
        .iter()
        .position(|byte| *byte == 1)
        .and_then(|at| Some((message.get(..at)?, message.get(at + 1..)?)))
        .ok_or(Malformed("OAUTHBEARER has a header and pairs"))?;
    let header = text(header)?;
    // Channel binding is not part of the mechanism: `n`, or `y` from a client that could.
    let authorize = header
        .strip_prefix("n,")
        .or_else(|| header.strip_prefix("y,"))
        .and_then(|rest| rest.strip_suffix(','))
        .ok_or(Malformed("OAUTHBEARER begins with n,a=name,"))?;
    let authorize = match authorize.strip_prefix("a=") {
        Some(name) => unescape(name)?,
        None if authorize.is_empty() => String::new(),
        None => return Err(Malformed("OAUTHBEARER begins with n,a=name,")),
    };
    Ok(Step::Token { authorize, token: token(pairs)? })
}

/// A message of XOAUTH2: `user=name ^A auth=Bearer token ^A ^A`.
pub(super) fn xoauth2(message: &[u8]) -> Result<Step, Malformed> {
    let authorize = pair(message, "user").ok_or(Malformed("XOAUTH2 has a user"))?;
    Ok(Step::Token { authorize: text(authorize)?.to_owned(), token: token(message)? })
}

fn pair<'a>(pairs: &'a [u8], key: &str) -> Option<&'a [u8]> {
    pairs.split(|byte| *byte == 1).find_map(|pair| {
        let (name, value) = pair.split_at_checked(key.len())?;
        if name.eq_ignore_ascii_case(key.as_bytes()) { value.strip_prefix(b"=") } else { None }
    })
}

fn token(pairs: &[u8]) -> Result<Secret, Malformed> {
    let value = text(pair(pairs, "auth").ok_or(Malformed("there is no token"))?)?;
    let (scheme, token) = value.split_once(' ').ok_or(Malformed("there is no token"))?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Malformed("the token is no bearer token"));
    }
    Ok(Secret::new(token))
}

/// `=2C` is a comma, `=3D` an equals sign (RFC 5801 section 4).
pub(super) fn unescape(name: &str) -> Result<String, Malformed> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('=') {
        out.push_str(before);
        let (code, after) =
            after.split_at_checked(2).ok_or(Malformed("a name has = that is not =2C or =3D"))?;
        out.push(match code {
            "2C" => ',',
            "3D" => '=',
            _ => return Err(Malformed("a name has = that is not =2C or =3D")),
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(step: Result<Step, Malformed>) -> Option<(String, String)> {
        match step {
            Ok(Step::Token { authorize, token }) => Some((authorize, token.expose().to_owned())),
            _ => None,
        }
    }

    /// RFC 7628 section 4.1, and the example of those who made XOAUTH2.
    #[test]
    fn tokens_of_the_standard() {
        let own = |name: &str, token: &str| Some((name.to_owned(), token.to_owned()));
        let message = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        assert_eq!(
            said(oauth_bearer(message)),
            own("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
        );
        assert_eq!(said(oauth_bearer(b"n,,\x01auth=bearer x\x01\x01")), own("", "x"));
        assert_eq!(said(oauth_bearer(b"n,a=a=2Cb=3D,\x01auth=Bearer x\x01\x01")), own("a,b=", "x"));
        let message =
            b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
        assert_eq!(
            said(xoauth2(message)),
            own("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
        );
        for wrong in [
            &b""[..],
            b"n,,",
            b"p=tls-exporter,,\x01auth=Bearer x\x01\x01",
            b"n,a=x=,\x01auth=Bearer x\x01\x01",
            b"n,,\x01auth=Basic x\x01\x01",
            b"n,,\x01auth=Bearer \x01\x01",
        ] {
            assert!(oauth_bearer(wrong).is_err(), "{}", wrong.escape_ascii());
            assert!(xoauth2(wrong).is_err(), "{}", wrong.escape_ascii());
        }
    }
}

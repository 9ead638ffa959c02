//! PLAIN (RFC 4616) and LOGIN.
//!
//! ```text
//! message = [authzid] NUL authcid NUL passwd
//! ```

use base::Secret;

use super::{Malformed, Step, text};

pub(super) const ASK_NAME: &[u8] = b"Username:";
const ASK_PASSWORD: &[u8] = b"Password:";

/// A message of PLAIN.
pub(super) fn plain(message: &[u8]) -> Result<Step, Malformed> {
    let mut parts = message.split(|byte| *byte == 0);
    let (Some(authorize), Some(name), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed("PLAIN has three parts with NUL between them"));
    };
    if name.is_empty() || password.is_empty() {
        return Err(Malformed("PLAIN has a name and a password"));
    }
    Ok(Step::Password {
        authorize: text(authorize)?.to_owned(),
        name: text(name)?.to_owned(),
        password: Secret::new(std::str::from_utf8(password).map_err(|_| Malformed("is not UTF-8"))?),
    })
}

/// The two messages of LOGIN.
#[derive(Default)]
pub(super) struct Login {
    name: Option<String>,
}

impl Login {
    pub(super) fn respond(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        match self.name.take() {
            None => {
                let name = text(message)?;
                if name.is_empty() {
                    // Some clients send an empty first message and wait to be asked.
                    return Ok(Step::Challenge(ASK_NAME.to_vec()));
                }
                self.name = Some(name.to_owned());
                Ok(Step::Challenge(ASK_PASSWORD.to_vec()))
            }
            Some(name) => {
                let password = std::str::from_utf8(message).map_err(|_| Malformed("is not UTF-8"))?;
                Ok(Step::Password { authorize: String::new(), name, password: Secret::new(password) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(step: Result<Step, Malformed>) -> Option<(String, String, String)> {
        match step {
            Ok(Step::Password { authorize, name, password }) => {
                Some((authorize, name, password.expose().to_owned()))
            }
            _ => None,
        }
    }

    /// RFC 4616 section 4.
    #[test]
    fn plain_of_the_standard() {
        let own = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(said(plain(b"\0tim\0tanstaaftanstaaf")), own("", "tim", "tanstaaftanstaaf"));
        assert_eq!(said(plain(b"Ursel\0Kurt\0xipj3plmq")), own("Ursel", "Kurt", "xipj3plmq"));
        for wrong in
            [&b""[..], b"tim", b"\0tim", b"\0tim\0", b"\0\0x", b"\0a\0b\0c", b"\0\xff\0b", b"\0a\nb\0c"]
        {
            assert!(plain(wrong).is_err(), "{}", wrong.escape_ascii());
        }
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let mut login = Login::default();
        assert!(matches!(login.respond(b""), Ok(Step::Challenge(ask)) if ask == ASK_NAME));
        assert!(matches!(login.respond(b"tim"), Ok(Step::Challenge(ask)) if ask == ASK_PASSWORD));
        assert_eq!(said(login.respond(b"secret")).unwrap().2, "secret");
    }
}

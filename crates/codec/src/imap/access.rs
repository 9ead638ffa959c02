//! Commands about the session: AUTHENTICATE with SASL-IR (RFC 4959), LOGIN, ENABLE (RFC 5161), ID (RFC 2971),
//! COMPRESS (RFC 4978).

use super::cursor::{Cursor, Fault, Parsed};

/// `AUTHENTICATE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// The SASL mechanism, in capitals.
    pub mechanism: String,
    /// The first answer in base64; `=` stands for an empty one.
    pub initial: Option<String>,
}

/// `LOGIN`. Its debug form does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub user: String,
    /// The password.
    pub password: String,
}

/// A field of `ID` and its value.
pub type IdField = (Vec<u8>, Option<Vec<u8>>);

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Authenticate {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mechanism = cursor.atom()?.to_ascii_uppercase();
        let mut initial = None;
        if cursor.take(b' ') {
            let text = cursor.skip_to_end();
            let is_base64 = !text.is_empty()
                && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
            if !is_base64 {
                return Err(Fault::syntax("the first answer is base64 or '='"));
            }
            initial = Some(String::from_utf8_lossy(text).into_owned());
        }
        Ok(Self { mechanism, initial })
    }
}

impl Login {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let user = cursor.astring_text()?;
        cursor.space()?;
        Ok(Self { user, password: cursor.astring_text()? })
    }
}

/// `ENABLE`: at least one capability, in capitals.
pub(crate) fn enable(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut names = Vec::new();
    loop {
        names.push(cursor.atom()?.to_ascii_uppercase());
        if names.len() > cursor.bounds().list_items {
            return Err(Fault::limit("too many capabilities"));
        }
        if !cursor.take(b' ') {
            return Ok(names);
        }
    }
}

/// `ID`: at most 30 fields (RFC 2971 section 3.3).
pub(crate) fn id(cursor: &mut Cursor<'_>) -> Parsed<Vec<IdField>> {
    if cursor.nil() {
        return Ok(Vec::new());
    }
    let mut count = 0;
    cursor.list(true, |cursor| {
        count += 1;
        if count > 30 {
            return Err(Fault::limit("ID takes at most 30 fields"));
        }
        let name = cursor.string()?;
        cursor.space()?;
        Ok((name, cursor.nstring()?))
    })
}

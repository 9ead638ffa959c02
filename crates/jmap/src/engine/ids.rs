//! Ids: a letter, which says of what, and a number.

use base::AccountId;

/// The id of the number, such as `M12`.
pub fn write(letter: char, number: i64) -> String {
    format!("{letter}{number}")
}

/// The number of an id with this letter. Only the one text that [`write()`] makes of a number is an id.
pub fn read(letter: char, id: &str) -> Option<i64> {
    let digits = id.strip_prefix(letter)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    digits.parse().ok()
}

/// The id of an account.
pub fn account(account: AccountId) -> String {
    write('a', account.0)
}

/// The account of an id.
pub fn read_account(id: &str) -> Option<AccountId> {
    read('a', id).map(AccountId)
}

/// Whether a text may be an id at all (RFC 8620 section 1.2).
pub fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(write('M', 12), "M12");
        assert_eq!(read('M', "M12"), Some(12));
        for other in ["m12", "M012", "M", "M-1", "M1x", "M99999999999999999999", "12", ""] {
            assert_eq!(read('M', other), None, "{other}");
        }
        assert!(is_id("A-_9") && !is_id("") && !is_id("a b") && !is_id("é") && !is_id(&"a".repeat(256)));
    }
}

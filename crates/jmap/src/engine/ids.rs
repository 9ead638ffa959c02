//! Ids: a letter, which says of what, and a number.

use base::{AccountId, Seq, Tree};

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

/// The id of what is seen of an account: itself, what arrived in it lately, or one of its images.
pub fn tree(account: AccountId, tree: Tree) -> String {
    match tree {
        Tree::Present => self::account(account),
        Tree::Rescue => write('r', account.0),
        Tree::Images => write('h', account.0),
        Tree::Image(mark) => format!("h{account}-{mark}"),
    }
}

/// The account of such an id, and what is seen of it.
pub fn read_tree(id: &str) -> Option<(AccountId, Tree)> {
    if let Some((account, mark)) = id.split_once('-') {
        let mark = read('h', &format!("h{mark}"))?;
        return Some((AccountId(read('h', account)?), Tree::Image(Seq(mark))));
    }
    let tree = |letter, tree| read(letter, id).map(|account| (AccountId(account), tree));
    tree('a', Tree::Present).or_else(|| tree('r', Tree::Rescue))
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
        for (id, seen) in [("a7", Tree::Present), ("r7", Tree::Rescue), ("h7-12", Tree::Image(Seq(12)))] {
            assert_eq!(tree(AccountId(7), seen), id);
            assert_eq!(read_tree(id), Some((AccountId(7), seen)));
        }
        for other in ["h7", "a7-12", "h7-012", "h-1", "r", "h7-1-2"] {
            assert_eq!(read_tree(other), None, "{other}");
        }
        assert!(is_id("A-_9") && !is_id("") && !is_id("a b") && !is_id("é") && !is_id(&"a".repeat(256)));
    }
}

//! What every place that mail is taken from has: folders, messages in them, and their bytes.

use base::Result;
use bytes::Bytes;
use mail::Role;
use mail::flags::Keywords;

use super::imap::Imap;
use super::maildir::Maildir;
use super::mbox::Mbox;

/// A folder elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// How the source names it.
    pub name: String,
    /// Its name here, level by level.
    pub path: Vec<String>,
    /// What it is for, as far as the source says.
    pub role: Option<Role>,
    /// Why nothing can be taken from it; none: something can.
    pub closed: Option<String>,
}

/// A message elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What names it for good in its folder.
    pub key: String,
    /// Its flags and keywords.
    pub keywords: Keywords,
    /// When it arrived, in milliseconds since 1970.
    pub received_at: Option<i64>,
    /// Its size, as far as it is known.
    pub size: u64,
    /// Where the source finds it again.
    pub place: u64,
}

/// A place that mail is taken from.
pub enum Source {
    Maildir(Maildir),
    Mbox(Mbox),
    Imap(Box<Imap>),
}

impl Source {
    /// What stands for this source in the notes of what was taken.
    pub fn name(&self) -> &str {
        match self {
            Self::Maildir(source) => &source.name,
            Self::Mbox(source) => &source.name,
            Self::Imap(source) => &source.name,
        }
    }

    /// Its folders.
    pub async fn folders(&mut self) -> Result<Vec<Folder>> {
        match self {
            Self::Maildir(source) => source.folders(),
            Self::Mbox(source) => source.folders(),
            Self::Imap(source) => source.folders().await,
        }
    }

    /// The messages of a folder, which is open until the next one is.
    pub async fn entries(&mut self, folder: &Folder) -> Result<Vec<Entry>> {
        match self {
            Self::Maildir(source) => source.entries(&folder.name),
            Self::Mbox(source) => source.entries(&folder.name),
            Self::Imap(source) => source.entries(&folder.name).await,
        }
    }

    /// The bytes of messages of the open folder, in their order; none of one that went meanwhile.
    pub async fn fetch(&mut self, entries: &[Entry]) -> Result<Vec<Option<Bytes>>> {
        match self {
            Self::Maildir(source) => entries.iter().map(|entry| source.fetch(entry)).collect(),
            Self::Mbox(source) => entries.iter().map(|entry| source.fetch(entry).map(Some)).collect(),
            Self::Imap(source) => source.fetch(entries).await,
        }
    }

    /// Says goodbye where that is done.
    pub async fn close(self) {
        if let Self::Imap(source) = self {
            source.close().await;
        }
    }
}

/// Line ends as mail has them.
pub fn with_crlf(bytes: Vec<u8>) -> Bytes {
    let bare = |bytes: &[u8]| {
        let mut last = 0;
        bytes.iter().filter(|byte| std::mem::replace(&mut last, **byte) != b'\r' && **byte == b'\n').count()
    };
    let missing = bare(&bytes);
    if missing == 0 {
        return bytes.into();
    }
    let mut out = Vec::with_capacity(bytes.len() + missing);
    let mut last = 0;
    for byte in bytes {
        if byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        last = byte;
    }
    out.into()
}

/// What a folder is for, by the names that mail programs give.
pub fn role_by_name(path: &[String]) -> Option<Role> {
    let [name] = path else { return None };
    let is = |names: &[&str]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    match () {
        () if is(&["inbox"]) => Some(Role::Inbox),
        () if is(&["sent", "sent items", "sent messages", "envoyés", "éléments envoyés"]) => {
            Some(Role::Sent)
        }
        () if is(&["drafts", "brouillons"]) => Some(Role::Drafts),
        () if is(&["trash", "deleted items", "deleted messages", "corbeille", "éléments supprimés"]) => {
            Some(Role::Trash)
        }
        () if is(&["junk", "spam", "junk e-mail", "indésirables", "courrier indésirable"]) => {
            Some(Role::Junk)
        }
        () if is(&["archive", "archives"]) => Some(Role::Archive),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_those_of_mail() {
        assert_eq!(with_crlf(b"a\nb\r\nc\rd\n\n".to_vec()), "a\r\nb\r\nc\rd\r\n\r\n");
        assert_eq!(with_crlf(b"a\r\n".to_vec()), "a\r\n");
    }
}

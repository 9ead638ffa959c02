//! A mail server elsewhere, by IMAP (RFC 9051, RFC 3501): read only, nothing there changes.

mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Meaning, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use mail::Role;
use mail::flags::Keywords;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::source::{Entry, Folder, role_by_name};
use wire::Value;

/// How long the server may take for one line.
const PATIENCE: Duration = Duration::from_mins(2);
/// UIDs that are asked for at a time.
const PAGE: usize = 5_000;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Security {
    /// From the first byte on (port 993)
    Tls,
    /// After a command (port 143)
    Starttls,
    /// Not at all (port 143): for servers on this machine
    None,
}

/// Whose mail is read, and who logs in.
pub struct Login {
    /// Whose mail.
    pub user: String,
    /// Somebody who may read everyone's mail, and logs in instead.
    pub master: Option<String>,
    /// The password of whoever logs in.
    pub password: Secret,
}

/// Where the server is.
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// How certificates are verified.
    pub tls: Arc<ClientConfig>,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A session.
pub struct Imap {
    pub(super) name: String,
    stream: BufReader<Box<dyn Wire>>,
    tags: u32,
    capabilities: Vec<String>,
    most: u64,
}

fn lost(error: std::io::Error) -> Error {
    Error::unavailable("server", "cannot be reached, or ended the connection").with_source(error)
}

fn slow() -> Error {
    Error::unavailable("server", "took too long to answer")
}

/// A text between quotes, or as a literal that needs no answer first when it cannot stand between quotes.
fn quoted(text: &str) -> Result<String> {
    if text.chars().any(|character| matches!(character, '\r' | '\n' | '\0')) {
        return Err(Error::invalid("text", "has a line end, which IMAP cannot carry"));
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

impl Imap {
    /// Connects and logs in. Messages of more than `most` bytes are not read.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer, `Forbidden` when it does not let us in.
    pub async fn open(server: &Server, login: &Login, most: u64) -> Result<Self> {
        let name = format!("imap:{}@{}:{}", login.user, server.host, server.port);
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let tcp = tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| slow())?.map_err(lost)?;
        let stream: Box<dyn Wire> =
            if server.security == Security::Tls { Box::new(tls(server, tcp).await?) } else { Box::new(tcp) };
        let mut session =
            Self { name, stream: BufReader::new(stream), tags: 0, capabilities: Vec::new(), most };
        session.next().await?;
        if server.security == Security::Starttls {
            session.command("STARTTLS").await?;
            // What came before TLS began does not count.
            session.stream = BufReader::new(Box::new(tls(server, session.stream.into_inner()).await?));
        }
        session.login(login).await?;
        Ok(session)
    }

    async fn login(&mut self, login: &Login) -> Result<()> {
        self.ask_capabilities().await?;
        let who = login.master.as_deref().unwrap_or(&login.user);
        let password = login.password.expose();
        let done = if self.can("AUTH=PLAIN") {
            let owner = if login.master.is_some() { login.user.as_str() } else { "" };
            let words = BASE64.encode(format!("{owner}\0{who}\0{password}"));
            self.authenticate(&words).await
        } else if login.master.is_some() {
            return Err(Error::invalid("--master", "needs a server that takes AUTHENTICATE PLAIN"));
        } else {
            let command = format!("LOGIN {} {}", quoted(who)?, quoted(password)?);
            self.command(&command).await.map(|_| ())
        };
        done.map_err(|error| match error.meaning() {
            Meaning::Forbidden | Meaning::Invalid => {
                Error::forbidden("login", "was refused by the server; look at name and password")
                    .with_source(error)
            }
            _ => error,
        })?;
        self.ask_capabilities().await
    }

    async fn authenticate(&mut self, words: &str) -> Result<()> {
        let tag = self.send("AUTHENTICATE PLAIN").await?;
        if !self.next().await?.first().is_some_and(|value| value.is("+")) {
            return Err(Error::forbidden("login", "was refused"));
        }
        self.write(&format!("{words}\r\n")).await?;
        self.until(&tag).await.map(|_| ())
    }

    async fn ask_capabilities(&mut self) -> Result<()> {
        let said = self.command("CAPABILITY").await?;
        let words = said.iter().filter(|line| line.get(1).is_some_and(|word| word.is("CAPABILITY")));
        self.capabilities = words.flatten().filter_map(Value::text).map(|word| word.to_uppercase()).collect();
        Ok(())
    }

    fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|own| own == capability)
    }

    async fn write(&mut self, text: &str) -> Result<()> {
        let stream = self.stream.get_mut();
        let writing = async {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await
        };
        tokio::time::timeout(PATIENCE, writing).await.map_err(|_| slow())?.map_err(lost)
    }

    async fn send(&mut self, command: &str) -> Result<String> {
        self.tags += 1;
        let tag = format!("i{}", self.tags);
        self.write(&format!("{tag} {command}\r\n")).await?;
        Ok(tag)
    }

    async fn next(&mut self) -> Result<Vec<Value>> {
        let reading = wire::answer(&mut self.stream, self.most);
        tokio::time::timeout(PATIENCE, reading).await.map_err(|_| slow())?
    }

    /// The answers to a command, up to the last.
    async fn until(&mut self, tag: &str) -> Result<Vec<Vec<Value>>> {
        let mut all = Vec::new();
        loop {
            let line = self.next().await?;
            if !line.first().is_some_and(|value| value.is(tag)) {
                all.push(line);
                continue;
            }
            if line.get(1).is_some_and(|value| value.is("OK")) {
                return Ok(all);
            }
            let said: Vec<String> = line.iter().skip(1).filter_map(Value::text).collect();
            return Err(Error::forbidden("server", format!("answered: {}", said.join(" "))));
        }
    }

    async fn command(&mut self, command: &str) -> Result<Vec<Vec<Value>>> {
        let tag = self.send(command).await?;
        self.until(&tag).await
    }

    pub(super) async fn folders(&mut self) -> Result<Vec<Folder>> {
        let returns =
            if self.can("SPECIAL-USE") && self.can("LIST-EXTENDED") { " RETURN (SPECIAL-USE)" } else { "" };
        let said = self.command(&format!("LIST \"\" \"*\"{returns}")).await?;
        let mut folders = Vec::new();
        for line in said.iter().filter(|line| line.get(1).is_some_and(|word| word.is("LIST"))) {
            let [_, _, attributes, delimiter, name] = line.as_slice() else { continue };
            let Some(name) = name.text() else { continue };
            let has = |attribute: &str| attributes.list().iter().any(|value| value.is(attribute));
            let plain = codec::imap::utf7::decode(name.as_bytes()).unwrap_or_else(|| name.clone());
            let path: Vec<String> = match delimiter.text().filter(|text| !text.is_empty()) {
                Some(delimiter) => plain.split(&delimiter).map(|level| level.replace('/', "_")).collect(),
                None => vec![plain.replace('/', "_")],
            };
            let special =
                attributes.list().iter().filter_map(Value::text).find_map(|word| Role::from_attribute(&word));
            let role = special.or_else(|| role_by_name(&path));
            let closed =
                (has("\\Noselect") || has("\\NonExistent")).then(|| "it holds no messages".to_owned());
            folders.push(Folder { name, path, role, closed });
        }
        Ok(folders)
    }

    pub(super) async fn entries(&mut self, folder: &str) -> Result<Vec<Entry>> {
        let said = self.command(&format!("EXAMINE {}", quoted(folder)?)).await?;
        let validity = said.iter().find_map(|line| code(line, "UIDVALIDITY"));
        let validity = validity.ok_or_else(|| Error::unavailable("server", "tells no UIDVALIDITY"))?;
        let is_empty = said.iter().any(|line| {
            line.get(2).is_some_and(|word| word.is("EXISTS")) && line.get(1).is_some_and(|word| word.is("0"))
        });
        if is_empty {
            return Ok(Vec::new());
        }
        let said = self.command("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)").await?;
        let mut entries: Vec<Entry> = Vec::new();
        for line in said.iter().filter(|line| line.get(2).is_some_and(|word| word.is("FETCH"))) {
            let items = members(line.get(3));
            let number = |name: &str| items.get(name).and_then(|value| value.text()?.parse::<u64>().ok());
            let Some(uid) = number("UID") else { continue };
            entries.push(Entry {
                key: format!("{validity}:{uid:010}"),
                keywords: items.get("FLAGS").map(|flags| keywords(flags.list())).unwrap_or_default(),
                received_at: items.get("INTERNALDATE").and_then(|value| moment(&value.text()?)),
                size: number("RFC822.SIZE").unwrap_or(0),
                place: uid,
            });
        }
        entries.sort_by_key(|entry| entry.place);
        entries.dedup_by_key(|entry| entry.place);
        Ok(entries)
    }

    pub(super) async fn fetch(&mut self, entries: &[Entry]) -> Result<Vec<Option<Bytes>>> {
        let mut found: HashMap<u64, Bytes> = HashMap::new();
        for page in entries.chunks(PAGE) {
            let uids: Vec<String> = page.iter().map(|entry| entry.place.to_string()).collect();
            let said = self.command(&format!("UID FETCH {} (UID BODY.PEEK[])", uids.join(","))).await?;
            for line in said.iter().filter(|line| line.get(2).is_some_and(|word| word.is("FETCH"))) {
                let items = members(line.get(3));
                let uid = items.get("UID").and_then(|value| value.text()?.parse().ok());
                if let (Some(uid), Some(Value::Text(bytes))) = (uid, items.get("BODY[]")) {
                    found.insert(uid, bytes.clone());
                }
            }
        }
        Ok(entries.iter().map(|entry| found.remove(&entry.place)).collect())
    }

    pub(super) async fn close(mut self) {
        let _ = self.command("LOGOUT").await;
    }
}

async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
    server: &Server,
    stream: S,
) -> Result<tokio_rustls::client::TlsStream<S>> {
    let name = ServerName::try_from(server.host.clone())
        .map_err(|error| Error::invalid("--server", "is no name of a server").with_source(error))?;
    let connecting = TlsConnector::from(server.tls.clone()).connect(name, stream);
    tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| slow())?.map_err(|error| {
        let rule = "has a certificate that cannot be trusted; --authorities names a file with its authority";
        Error::unavailable("server", rule).with_source(error)
    })
}

/// The items of a FETCH by their names.
fn members(list: Option<&Value>) -> HashMap<String, &Value> {
    let list = list.map(Value::list).unwrap_or_default();
    list.chunks(2)
        .filter_map(|pair| match pair {
            [name, value] => Some((name.text()?.to_uppercase(), value)),
            _ => None,
        })
        .collect()
}

/// The number of a response code such as `[UIDVALIDITY 7]`, which is one word here.
fn code(line: &[Value], name: &str) -> Option<u64> {
    line.iter().filter_map(Value::text).find_map(|word| {
        let inner = word.strip_prefix('[')?.strip_suffix(']')?;
        let (own, number) = inner.split_once(' ')?;
        own.eq_ignore_ascii_case(name).then(|| number.parse().ok())?
    })
}

fn keywords(flags: &[Value]) -> Keywords {
    let mut all = Keywords::default();
    for name in flags.iter().filter_map(Value::text) {
        // \Recent is nobody's, and a word that is none here is left out.
        if let Ok(one) = Keywords::parse([name.as_str()]) {
            all.flags |= one.flags;
            all.others.extend(one.others);
        }
    }
    all
}

/// A date and time as IMAP writes them: ` 2-Nov-2026 09:00:00 +0100`.
fn moment(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    Some(parsed.to_timestamp().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_codes_and_texts() {
        assert_eq!(moment(" 2-Nov-2026 09:00:00 +0100"), Some(1_793_606_400_000));
        let line =
            [Value::Word("*".into()), Value::Word("OK".into()), Value::Word("[UIDVALIDITY 77]".into())];
        assert_eq!(code(&line, "uidvalidity"), Some(77));
        assert_eq!(quoted("a\"b\\").unwrap(), "\"a\\\"b\\\\\"");
        assert!(quoted("a\r\nLOGOUT").is_err());
    }
}

//! A connection to another mail server, read by answers and written by commands.
//!
//! What must stay true here:
//! - Every wait has an end, and every answer a length.
//! - What was read before TLS began is thrown away (RFC 3207 section 6).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::queue::Reply;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bytes that are read at a time.
const READ_BYTES: usize = 4_096;
/// Bytes of text of an answer that are kept.
const TEXT_BYTES: usize = 1_000;

/// Why a conversation broke off.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection failed, or ended.
    Lost(std::io::Error),
    /// The server took too long.
    Slow,
    /// What the server said is no SMTP.
    Nonsense(&'static str),
    /// TLS could not be agreed on.
    Tls(std::io::Error),
}

impl Broken {
    /// As a reply about the host.
    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::Lost(error) => Reply::local("4.4.2", format!("the connection was lost: {error}")),
            Self::Slow => Reply::local("4.4.2", "took too long to answer"),
            Self::Nonsense(what) => Reply::local("4.5.0", *what),
            Self::Tls(error) => Reply::local("4.7.5", format!("TLS failed: {error}")),
        }
    }
}

/// An answer: its lines under one code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// The enhanced status code (RFC 2034); empty: none.
    pub(super) enhanced: String,
    /// The text of each line, without code and enhanced code.
    pub(super) lines: Vec<String>,
}

impl Answer {
    pub(super) fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub(super) fn is_final(&self) -> bool {
        (500..600).contains(&self.code)
    }

    pub(super) fn reply(&self, from: &str) -> Reply {
        let mut text = self.lines.join(" ");
        while text.len() > TEXT_BYTES {
            text.pop();
        }
        Reply { code: Some(self.code), enhanced: self.enhanced.clone(), text, from: Some(from.to_owned()) }
    }

    /// Reads one line of an answer into it; whether it was the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, Broken> {
        let nonsense = || Broken::Nonsense("what it answered is no SMTP");
        let line = String::from_utf8_lossy(line);
        let code: u16 = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(nonsense)?;
        if !(200..600).contains(&code) || (self.code != 0 && self.code != code) {
            return Err(nonsense());
        }
        self.code = code;
        let is_last = match line.as_bytes().get(3) {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err(nonsense()),
        };
        let text = line.get(4..).unwrap_or_default().trim_end();
        let (enhanced, text) = split_enhanced(code, text);
        if self.enhanced.is_empty() {
            enhanced.clone_into(&mut self.enhanced);
        }
        self.lines.push(text.to_owned());
        Ok(is_last)
    }
}

/// An enhanced code that fits the code, and what follows it.
fn split_enhanced(code: u16, text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut parts = word.split('.');
    let class = parts.next().and_then(|part| part.parse::<u16>().ok());
    let others = [parts.next(), parts.next()];
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if class == Some(code / 100) && others.into_iter().all(is_number) && parts.next().is_none() {
        (word, rest)
    } else {
        ("", text)
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection.
pub(super) struct Line {
    stream: Stream,
    buffer: Vec<u8>,
    most: usize,
}

impl Line {
    /// Connects; `most` bounds an answer.
    pub(super) async fn connect(address: SocketAddr, wait: Duration, most: u64) -> Result<Self, Broken> {
        let stream = timeout(wait, TcpStream::connect(address))
            .await
            .map_err(|_| Broken::Slow)?
            .map_err(Broken::Lost)?;
        // Commands are written whole; waiting for more of them would only cost time.
        let _ = stream.set_nodelay(true);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Self { stream: Stream::Plain(stream), buffer: Vec::new(), most })
    }

    /// Whether it is encrypted.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Goes on in TLS.
    pub(super) async fn secure(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        wait: Duration,
    ) -> Result<Self, Broken> {
        let Stream::Plain(stream) = self.stream else {
            return Err(Broken::Nonsense("is encrypted already"));
        };
        let stream = timeout(wait, TlsConnector::from(config).connect(name, stream))
            .await
            .map_err(|_| Broken::Slow)?
            .map_err(Broken::Tls)?;
        Ok(Self { stream: Stream::Tls(Box::new(stream)), buffer: Vec::new(), most: self.most })
    }

    /// Writes all of it.
    pub(super) async fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<(), Broken> {
        let write = async {
            match &mut self.stream {
                Stream::Plain(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Stream::Tls(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
            }
        };
        timeout(wait, write).await.map_err(|_| Broken::Slow)?.map_err(Broken::Lost)
    }

    /// Reads an answer.
    pub(super) async fn answer(&mut self, wait: Duration) -> Result<Answer, Broken> {
        timeout(wait, self.read_answer()).await.map_err(|_| Broken::Slow)?
    }

    async fn read_answer(&mut self) -> Result<Answer, Broken> {
        let mut answer = Answer::default();
        let mut seen = 0;
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                seen += line.len();
                if seen > self.most {
                    return Err(Broken::Nonsense("its answer is too long"));
                }
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                if answer.add(text.strip_suffix(b"\r").unwrap_or(text))? {
                    return Ok(answer);
                }
            }
            if self.buffer.len() > self.most {
                return Err(Broken::Nonsense("its answer is too long"));
            }
            let mut piece = [0; READ_BYTES];
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut piece).await,
                Stream::Tls(stream) => stream.read(&mut piece).await,
            };
            let count = read.map_err(Broken::Lost)?;
            if count == 0 {
                return Err(Broken::Lost(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Answer, Broken> {
        let mut answer = Answer::default();
        for (index, line) in lines.iter().enumerate() {
            let is_last = answer.add(line.as_bytes())?;
            assert_eq!(is_last, index + 1 == lines.len(), "{line}");
        }
        Ok(answer)
    }

    #[test]
    fn answers_have_a_code_an_enhanced_code_and_a_text() {
        let answer = read(&["550-5.1.1 no such", "550 5.1.1 user"]).unwrap();
        assert_eq!((answer.code, answer.enhanced.as_str()), (550, "5.1.1"));
        assert_eq!(answer.reply("mx").line(), "550 5.1.1 no such user");
        assert_eq!(read(&["250"]).unwrap().code, 250);
        assert_eq!(read(&["250 2.1.x odd"]).unwrap().lines, ["2.1.x odd"]);
        assert_eq!(read(&["450 5.1.1 another class"]).unwrap().enhanced, "");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(read(&["hello"]).is_err());
        assert!(read(&["250-a", "550 b"]).is_err());
        assert!(read(&["999 x"]).is_err());
        assert!(read(&["250x"]).is_err());
    }
}

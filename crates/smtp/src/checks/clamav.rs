//! `ClamAV`: `INSTREAM` of clamd's protocol.
//!
//! ```text
//! zINSTREAM NUL *(length chunk) 0       answer: "stream: OK" / "stream: NAME FOUND" / "... ERROR"
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use base::{Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CHUNK_BYTES: usize = 64 * 1_024;
const ANSWER_BYTES: u64 = 4_096;

/// The name of what was found in a message, if anything.
pub(super) async fn scan(address: SocketAddr, message: &[u8], time: Duration) -> Result<Option<String>> {
    tokio::time::timeout(time, ask(address, message))
        .await
        .map_err(|_| Error::unavailable("clamav", "takes too long"))?
        .map_err(|error| Error::unavailable("clamav", "does not answer").with_source(error))
        .and_then(|answer| read(&answer))
}

async fn ask(address: SocketAddr, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"zINSTREAM\0").await?;
    for chunk in message.chunks(CHUNK_BYTES) {
        stream.write_all(&u32::try_from(chunk.len()).unwrap_or(0).to_be_bytes()).await?;
        stream.write_all(chunk).await?;
    }
    stream.write_all(&[0; 4]).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &[u8]) -> Result<Option<String>> {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_end_matches(['\0', '\n', '\r']).trim();
    let verdict = text.strip_prefix("stream:").unwrap_or(text).trim();
    if verdict == "OK" {
        return Ok(None);
    }
    if let Some(name) = verdict.strip_suffix(" FOUND") {
        return Ok(Some(name.chars().filter(char::is_ascii_graphic).take(200).collect()));
    }
    Err(Error::unavailable("clamav", "could not scan").with_source(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_clamd() {
        assert_eq!(read(b"stream: OK\0").unwrap(), None);
        assert_eq!(
            read(b"stream: Eicar-Test-Signature FOUND\0").unwrap().as_deref(),
            Some("Eicar-Test-Signature")
        );
        assert!(read(b"INSTREAM size limit exceeded. ERROR\0").is_err());
        assert!(read(b"").is_err());
    }
}

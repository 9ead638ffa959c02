//! What is written to a client: gathered, and sent in large pieces.

use std::pin::pin;
use std::time::Duration;

use wire::{Conn, Fault};

/// How long a client waits for an answer before it is told that the server is still at it.
const PROGRESS: Duration = Duration::from_secs(10);

/// Bytes after which what was gathered is sent.
const SEND_BYTES: usize = 64 * 1_024;

/// A buffer before a connection. Handlers append to [`Out::bytes`], and call [`Out::checkpoint`] between messages, so
/// that the buffer stays bounded and a slow client holds up nobody but itself.
pub struct Out<'c> {
    /// What waits to be sent.
    pub bytes: Vec<u8>,
    conn: Option<&'c mut Conn>,
}

impl<'c> Out<'c> {
    /// A buffer before a connection.
    pub fn new(conn: &'c mut Conn) -> Self {
        Self { bytes: Vec::new(), conn: Some(conn) }
    }

    /// A buffer that keeps everything, for tests.
    pub fn memory() -> Self {
        Self { bytes: Vec::new(), conn: None }
    }

    /// The connection.
    ///
    /// # Errors
    /// There is none behind a buffer for tests.
    pub fn conn(&mut self) -> Result<&mut Conn, Fault> {
        self.conn.as_deref_mut().ok_or(Fault::Closed)
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends an untagged line: `* ` before it, CRLF after it.
    pub fn untagged(&mut self, line: std::fmt::Arguments<'_>) {
        use std::io::Write as _;
        self.bytes.extend_from_slice(b"* ");
        // Writing into a Vec does not fail.
        let _ = self.bytes.write_fmt(line);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Sends what was gathered when it is much.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub async fn checkpoint(&mut self) -> Result<(), Fault> {
        if self.bytes.len() < SEND_BYTES || self.conn.is_none() {
            return Ok(());
        }
        self.hand_over().await
    }

    /// Gives all that was gathered to the connection, which sends it when it is much or flushed.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub async fn hand_over(&mut self) -> Result<(), Fault> {
        if let Some(conn) = &mut self.conn {
            conn.write(&self.bytes).await?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// Sends everything now.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub async fn flush(&mut self) -> Result<(), Fault> {
        self.hand_over().await?;
        match &mut self.conn {
            Some(conn) => conn.flush().await,
            None => Ok(()),
        }
    }
}

/// Waits for work that writes nothing meanwhile, and tells the client from time to time that it goes on (RFC 9585).
///
/// # Errors
/// Those of the work, and a broken connection.
pub(crate) async fn patiently<T>(
    tag: &str,
    out: &mut Out<'_>,
    work: impl Future<Output = crate::failure::Result<T>>,
) -> crate::failure::Result<T> {
    every(PROGRESS, tag, out, work).await
}

async fn every<T>(
    pause: Duration,
    tag: &str,
    out: &mut Out<'_>,
    work: impl Future<Output = crate::failure::Result<T>>,
) -> crate::failure::Result<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(pause) => {}
        }
        out.text("* OK [INPROGRESS (");
        codec::imap::write::quoted(&mut out.bytes, tag.as_bytes());
        out.text(" NIL NIL)] Still at work\r\n");
        out.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_work_is_told_of() {
        let mut out = Out::memory();
        let work = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(7)
        };
        let done = every(Duration::from_millis(1), "a\"1", &mut out, work).await.expect("it is done");
        assert_eq!(done, 7);
        let told = String::from_utf8(out.bytes).expect("text");
        assert!(told.starts_with("* OK [INPROGRESS (\"a\\\"1\" NIL NIL)] Still at work\r\n"), "{told}");
    }
}

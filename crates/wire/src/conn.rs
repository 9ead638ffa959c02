//! A buffered line connection over TCP or TLS.
//!
//! What must stay true here:
//! - Reads lose nothing when they are cancelled: bytes go to the connection's buffer before anything waits again.
//! - Before a read waits with nothing buffered, all buffers are freed: an idle connection holds none.
//! - Nothing is read without a limit, and nothing waits without an end.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::ServerConfig;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::deflate::Deflate;
use crate::proxy::{self, Header};
use crate::stream::Stream;
use crate::{Fault, Interrupt};

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 * 1_024;
/// Bytes that wait to be written before [`Conn::write`] sends them.
const WRITE_BYTES: usize = 32 * 1_024;
/// What a literal's buffer is given before any of it came: a client may announce more than it sends.
const LITERAL_BYTES: usize = 256 * 1_024;

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// With CRLF. A carriage return or line feed alone is refused: others might see a line's end there.
    Strict,
    /// With LF, or CRLF.
    Lenient,
}

/// How long a connection waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a client to send something.
    pub read: Duration,
    /// For a client to take something.
    pub write: Duration,
    /// For a TLS handshake, or a header of the PROXY protocol.
    pub handshake: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            read: Duration::from_mins(5),
            write: Duration::from_mins(1),
            handshake: Duration::from_secs(30),
        }
    }
}

/// A connection with a client.
pub struct Conn {
    stream: Stream,
    input: BytesMut,
    output: Vec<u8>,
    deflate: Option<Box<Deflate>>,
    /// Bytes of `input` that hold no line feed.
    searched: usize,
    peer: SocketAddr,
    local: SocketAddr,
    patience: Patience,
    interrupt: Interrupt,
}

impl Conn {
    /// A connection over a stream that was accepted.
    ///
    /// # Errors
    /// The stream is broken already.
    pub fn new(stream: TcpStream, patience: Patience, interrupt: Interrupt) -> Result<Self, Fault> {
        let (peer, local) = (canonical(stream.peer_addr()?), canonical(stream.local_addr()?));
        // Small answers must not wait for more to come.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: Stream::Tcp(stream),
            input: BytesMut::new(),
            output: Vec::new(),
            deflate: None,
            searched: 0,
            peer,
            local,
            patience,
            interrupt,
        })
    }

    /// Where the client is: what a trusted balancer said, else the other end of the connection.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Says where the client really is, when something trusted knows better.
    pub fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = canonical(peer);
    }

    /// The address that the client called.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How long reads wait from now on.
    pub fn set_read_patience(&mut self, read: Duration) {
        self.patience.read = read;
    }

    /// Interrupts this connection between two reads.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Reads a line without its end. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`Fault::TooLong`] for a line of more than `limit` bytes, [`Fault::BareNewline`], and whatever ends a read.
    pub async fn read_line(&mut self, limit: usize, end: LineEnd) -> Result<Bytes, Fault> {
        loop {
            if let Some(line) = self.buffered_line(limit, end)? {
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    /// The next line if it came already: for answers that are to be sent together.
    ///
    /// # Errors
    /// As [`Conn::read_line`].
    pub fn buffered_line(&mut self, limit: usize, end: LineEnd) -> Result<Option<Bytes>, Fault> {
        let unseen = self.input.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.searched = self.input.len();
            // A carriage return may be the last byte that came: it counts when the line is whole.
            let length = self.input.strip_suffix(b"\r").unwrap_or(&self.input).len();
            return if length > limit { Err(Fault::TooLong) } else { Ok(None) };
        };
        let at = self.searched + at;
        let line = self.input.get(..at).unwrap_or_default();
        let (length, crlf) = match line.strip_suffix(b"\r") {
            Some(line) => (line.len(), true),
            None => (line.len(), false),
        };
        if length > limit {
            return Err(Fault::TooLong);
        }
        let stray = || memchr::memchr(b'\r', line.get(..length).unwrap_or_default()).is_some();
        if end == LineEnd::Strict && (!crlf || stray()) {
            self.consume(at + 1);
            return Err(Fault::BareNewline);
        }
        let mut line = self.input.split_to(at + 1);
        self.searched = 0;
        line.truncate(length);
        Ok(Some(line.freeze()))
    }

    /// Skips what is left of a line that was too long, up to `limit` bytes.
    ///
    /// # Errors
    /// [`Fault::TooLong`] when even that does not reach its end, and whatever ends a read.
    pub async fn skip_line(&mut self, limit: usize) -> Result<(), Fault> {
        let mut skipped = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.input) {
                self.consume(at + 1);
                return Ok(());
            }
            skipped += self.input.len();
            if skipped > limit {
                return Err(Fault::TooLong);
            }
            self.consume(self.input.len());
            self.fill().await?;
        }
    }

    /// Reads `length` bytes as they are. The caller has checked `length` against its limit.
    ///
    /// # Errors
    /// Whatever ends a read.
    pub async fn read_literal(&mut self, length: usize) -> Result<Bytes, Fault> {
        if self.input.len() >= length {
            self.searched = 0;
            return Ok(self.input.split_to(length).freeze());
        }
        let mut literal = BytesMut::with_capacity(length.min(LITERAL_BYTES));
        loop {
            let wanted = length - literal.len();
            let take = wanted.min(self.input.len());
            literal.extend_from_slice(self.input.get(..take).unwrap_or_default());
            self.consume(take);
            if literal.len() >= length {
                return Ok(literal.freeze());
            }
            self.fill().await?;
        }
    }

    /// Reads some bytes, at least one and at most `most`: for what is streamed elsewhere.
    ///
    /// # Errors
    /// Whatever ends a read.
    pub async fn read_some(&mut self, most: usize) -> Result<Bytes, Fault> {
        if self.input.is_empty() {
            self.fill().await?;
        }
        self.searched = 0;
        Ok(self.input.split_to(most.min(self.input.len())).freeze())
    }

    /// What was read and not taken yet.
    pub fn buffered(&self) -> &[u8] {
        &self.input
    }

    /// Takes bytes of [`Conn::buffered`] away.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.input.len());
        bytes::Buf::advance(&mut self.input, count);
        self.searched = 0;
    }

    /// Waits until more was read. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`Fault::Closed`], [`Fault::TimedOut`], [`Fault::Stopping`], [`Fault::Ended`] and what the layers say.
    pub async fn fill(&mut self) -> Result<(), Fault> {
        let patience = self.patience.read;
        self.fill_within(patience).await
    }

    async fn fill_within(&mut self, patience: Duration) -> Result<(), Fault> {
        timeout(patience, self.fill_unbounded()).await.unwrap_or(Err(Fault::TimedOut))
    }

    async fn fill_unbounded(&mut self) -> Result<(), Fault> {
        loop {
            if let Some(layer) = &mut self.deflate
                && layer.pull(&mut self.input)?
            {
                return Ok(());
            }
            let Self { stream, input, output, deflate, interrupt, .. } = self;
            poll_fn(|context| {
                // The room to read into is on the stack, and only while something is read.
                let mut room = [const { MaybeUninit::uninit() }; READ_BYTES];
                let mut room = ReadBuf::uninit(&mut room);
                match Pin::new(&mut *stream).poll_read(context, &mut room) {
                    Poll::Ready(Ok(())) if room.filled().is_empty() => Poll::Ready(Err(Fault::Closed)),
                    Poll::Ready(Ok(())) => {
                        match deflate {
                            Some(layer) => layer.push(room.filled()),
                            None => input.extend_from_slice(room.filled()),
                        }
                        Poll::Ready(Ok(()))
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                    Poll::Pending => {
                        if input.is_empty() {
                            *input = BytesMut::new();
                        }
                        if output.is_empty() {
                            *output = Vec::new();
                        }
                        match interrupt.poll(context) {
                            Some(fault) => Poll::Ready(Err(fault)),
                            None => Poll::Pending,
                        }
                    }
                }
            })
            .await?;
            if self.deflate.is_none() {
                return Ok(());
            }
        }
    }

    /// Adds to what is to be written, without waiting. Whoever adds much uses [`Conn::write`].
    pub fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Bytes that wait to be written.
    pub fn pending(&self) -> usize {
        self.output.len()
    }

    /// Adds to what is to be written, and sends it when it is much: what waits stays bounded.
    ///
    /// # Errors
    /// [`Fault::TimedOut`] when the client takes nothing, and what the layers say.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.output.len() + bytes.len() <= WRITE_BYTES {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        self.send(false).await?;
        if bytes.len() <= WRITE_BYTES {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        for part in bytes.chunks(WRITE_BYTES) {
            self.send_bytes(part, false).await?;
        }
        Ok(())
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// [`Fault::TimedOut`] when the client takes nothing, and what the layers say.
    pub async fn flush(&mut self) -> Result<(), Fault> {
        if self.output.is_empty() && self.deflate.is_none() {
            return Ok(());
        }
        self.send(true).await
    }

    async fn send(&mut self, flush: bool) -> Result<(), Fault> {
        let mut bytes = std::mem::take(&mut self.output);
        let sent = self.send_bytes(&bytes, flush).await;
        bytes.clear();
        if self.output.is_empty() {
            self.output = bytes;
        }
        sent
    }

    async fn send_bytes(&mut self, bytes: &[u8], flush: bool) -> Result<(), Fault> {
        let Self { stream, deflate, patience, .. } = self;
        let compressed = match deflate {
            Some(layer) => {
                layer.compress(bytes, flush)?;
                Some(layer.take())
            }
            None => None,
        };
        let mut rest = compressed.as_deref().unwrap_or(bytes);
        // Each piece that the client takes begins its patience anew: slow is not silent.
        while !rest.is_empty() {
            let written =
                timeout(patience.write, stream.write(rest)).await.map_err(|_| Fault::TimedOut)??;
            if written == 0 {
                return Err(Fault::Closed);
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        if flush || stream.tls().is_some() {
            timeout(patience.write, stream.flush()).await.map_err(|_| Fault::TimedOut)??;
        }
        Ok(())
    }

    /// Negotiates TLS. What the client sent before is thrown away: it may be somebody else's.
    ///
    /// # Errors
    /// What makes the handshake fail; the connection is of no use afterwards.
    pub async fn start_tls(&mut self, config: Arc<ServerConfig>) -> Result<(), Fault> {
        self.input.clear();
        self.searched = 0;
        self.output.clear();
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Tcp(stream) => {
                let accepted = timeout(self.patience.handshake, TlsAcceptor::from(config).accept(stream));
                let stream = accepted.await.map_err(|_| Fault::TimedOut)??;
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            other => {
                self.stream = other;
                Err(Fault::Broken("tls"))
            }
        }
    }

    /// Compresses both directions from now on (RFC 4978). Everything before is sent first.
    ///
    /// # Errors
    /// As [`Conn::flush`].
    pub async fn start_deflate(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        let mut layer = Box::new(Deflate::new());
        layer.push(&self.input);
        self.input.clear();
        self.searched = 0;
        self.deflate = Some(layer);
        Ok(())
    }

    /// Whether the connection is compressed.
    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.stream.tls().is_some()
    }

    /// The negotiated version and cipher, for trace fields: `TLSv1.3 TLS_AES_256_GCM_SHA384`.
    pub fn tls_parameters(&self) -> Option<(&'static str, String)> {
        let (_, session) = self.stream.tls()?.get_ref();
        let version = match session.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
            _ => "TLS",
        };
        let cipher = session.negotiated_cipher_suite()?.suite().as_str().unwrap_or("unknown");
        Some((version, cipher.to_owned()))
    }

    /// The server name that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.stream.tls()?.get_ref().1.server_name()
    }

    /// The channel binding `tls-exporter` (RFC 9266), which only TLS 1.3 has safely.
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        let (_, session) = self.stream.tls()?.get_ref();
        if session.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        session.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok()
    }

    /// Reads a header of the PROXY protocol and takes the client's address from it.
    ///
    /// # Errors
    /// [`Fault::Broken`] for anything else than a header.
    pub async fn read_proxy_header(&mut self) -> Result<(), Fault> {
        loop {
            match proxy::parse(&self.input) {
                Header::Found(length, named) => {
                    self.consume(length);
                    if let Some((peer, local)) = named {
                        (self.peer, self.local) = (canonical(peer), canonical(local));
                    }
                    return Ok(());
                }
                Header::Wrong => return Err(Fault::Broken("PROXY header")),
                Header::More => self.fill_within(self.patience.handshake).await?,
            }
        }
    }

    /// Sends what waits and says goodbye; a client that does not take it is left.
    pub async fn close(mut self) {
        let goodbye = async {
            if self.flush().await.is_ok() {
                let _ = self.stream.shutdown().await;
            }
        };
        let _ = timeout(Duration::from_secs(5), goodbye).await;
    }
}

/// An IPv4 address that came over IPv6 is shown, counted and trusted as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

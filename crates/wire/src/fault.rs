//! Why a connection gave no line.

use std::io;

/// Why nothing could be read or written.
#[derive(Debug)]
pub enum Fault {
    /// The client closed the connection.
    Closed,
    /// The client was silent, or took nothing, for too long.
    TimedOut,
    /// A line is longer than it may be. What came of it is still buffered: the connection is to be closed, or the
    /// rest skipped with [`crate::Conn::skip_line`].
    TooLong,
    /// A carriage return or a line feed stood alone where lines end with both.
    BareNewline,
    /// The server stops; the client is told and the connection closed.
    Stopping,
    /// The session was ended elsewhere: logged out everywhere, locked, or the password was changed.
    Ended,
    /// The bytes are not what the layer takes: TLS or compression.
    Broken(&'static str),
    /// The network failed.
    Io(io::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the client"),
            Self::TimedOut => f.write_str("timed out"),
            Self::TooLong => f.write_str("a line is too long"),
            Self::BareNewline => f.write_str("a line does not end with CRLF"),
            Self::Stopping => f.write_str("the server stops"),
            Self::Ended => f.write_str("the session was ended"),
            Self::Broken(what) => write!(f, "broken {what}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

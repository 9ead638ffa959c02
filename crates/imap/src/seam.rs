//! What the door takes from below; stands in for `wire` until that is there.

/// Why nothing could be read or written.
#[derive(Debug)]
pub enum Fault {
    /// The client closed the connection.
    Closed,
}

/// A connection.
pub struct Conn(());

impl Conn {
    /// Adds to what is to be written.
    ///
    /// # Errors
    /// Always.
    pub async fn write(&mut self, _: &[u8]) -> Result<(), Fault> {
        std::future::ready(Err(Fault::Closed)).await
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// Always.
    pub async fn flush(&mut self) -> Result<(), Fault> {
        std::future::ready(Err(Fault::Closed)).await
    }
}

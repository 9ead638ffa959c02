//! What line-based doors share: connections, listeners, TLS, SASL, and sessions of people who logged in.
//!
//! * [`conn`]: a buffered line connection over TCP or TLS, with limits and timeouts, that costs little while idle.
//! * [`serve()`]: accepts connections within bounds, one task each, until it is told to stop.
//! * [`tls`]: certificates by server name, replaced while running.
//! * [`sasl`]: mechanisms as pure state machines.
//! * [`auth`]: someone who proved who it is, over `directory`.
//!
//! What must stay true here:
//! - Every line, literal, wait and number of connections has a limit.
//! - An idle connection holds no buffer: they are freed before it waits.
//! - What a client sent before TLS began is never read after it (RFC 3207 section 6, RFC 9051 section 6.2.1).

pub mod auth;
mod book;
pub mod conn;
mod deflate;
mod fault;
mod interrupt;
mod networks;
mod places;
mod proxy;
pub mod sasl;
mod serve;
mod stream;
pub mod tls;

pub use conn::{Conn, LineEnd};
pub use fault::Fault;
pub use interrupt::{Interrupt, Reason};
pub use networks::Networks;
pub use places::{Place, Places};
pub use serve::{Listening, Protocol, Stop, serve};

//! Bytes to values and back: formats that no good library covers. No I/O and no waiting.
//!
//! * [`address`]: mail addresses (RFC 5321, RFC 5322 addr-spec, RFC 6531).
//! * [`changes`]: what a commit did, as text.
//! * [`imap`]: commands of `IMAP4rev1` and `IMAP4rev2`.
//! * [`managesieve`]: commands of `ManageSieve` (RFC 5804).
//! * [`pop3`]: commands of POP3 (RFC 1939 and its extensions), and dot-stuffing.
//! * [`domain`]: domain names as they are stored and shown (UTS #46, RFC 1035 lengths).
//! * [`fold`]: texts as they are compared in searches.
//! * [`text`]: names and free text that people type.

pub mod address;
pub mod changes;
pub mod domain;
pub mod fold;
pub mod imap;
pub mod managesieve;
pub mod pop3;
pub mod text;

pub use address::{Address, Host};

//! The tests of the formats, one module a format.

mod address;
mod managesieve;
mod pop3;

//! The store from outside, on both engines.

mod migrations;
mod transactions;

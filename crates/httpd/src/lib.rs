//! The HTTP door's frame: listener, router, health, metrics. The only crate that knows axum and Prometheus.
//!
//! Lower floors keep plain counters; whoever wires the server turns them into [`metrics::Figures`] when a
//! scraper asks. Later doors are mounted as a [`Mount`]: their routes with their own bounds.

pub mod auth;
pub mod clients;
pub mod health;
pub mod jmap;
mod listener;
pub mod metrics;
mod problem;
mod request;
mod site;
mod stall;
pub mod web;

pub use listener::{Listening, Stop, serve};
pub use problem::{Problem, status_of};
pub use request::{Peer, RequestId};
pub use site::{Mount, Options, Site};

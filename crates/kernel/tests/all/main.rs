//! The kernel from outside, on both engines, with a toy kind.

mod history;
mod isolation;
mod model;
mod verbs;

//! The JMAP door, from outside.

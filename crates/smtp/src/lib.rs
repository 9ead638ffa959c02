//! SMTP: sending mail to others.

pub mod outbound;

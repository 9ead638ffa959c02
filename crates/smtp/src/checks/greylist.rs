//! Greylisting: whoever is not known is asked to come back later (RFC 6647). What it remembers is mail's
//! (`mail::greylist`); here is only how long.

use std::net::IpAddr;

use mail::greylist::Delays;
use wire::Networks;

/// Who has to come back, and when.
#[derive(Debug, Clone)]
pub struct Greylisting {
    /// How long is remembered what.
    pub delays: Delays,
    /// Networks that need not.
    pub exempt: Networks,
}

impl Default for Greylisting {
    fn default() -> Self {
        Self { delays: Delays::default(), exempt: Networks::loopback() }
    }
}

impl Greylisting {
    /// Whether an address need not come back.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.contains(address)
    }
}

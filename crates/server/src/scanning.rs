//! What is looked at in mail that comes in, as the configuration says.

use std::time::Duration;

use base::Result;
use smtp::checks::{CheckSettings, Checks, Greylisting};

use crate::certificates;
use crate::config::Config;

/// What is looked at in mail from other servers.
///
/// # Errors
/// `Unavailable` when there are no name servers.
pub fn checks(config: &Config) -> Result<Checks> {
    let keys = &config.scan;
    let settings = CheckSettings {
        dmarc_rejects: keys.dmarc_rejects,
        rspamd: (!keys.rspamd.is_empty()).then(|| keys.rspamd.clone()),
        clamav: keys.clamav,
        fails_open: keys.pass_unchecked,
        scanner_time: Duration::from_secs(keys.seconds),
        greylisting: keys
            .greylisting
            .then(|| Greylisting { exempt: config.mail.trusted.networks.clone(), ..Greylisting::default() }),
        ..CheckSettings::new(certificates::hostname(config))
    };
    if keys.authentication {
        Checks::with_dns(settings, &keys.name_servers.0)
    } else {
        Checks::new(settings, None)
    }
}

//! `beffroi vacation`: what senders are answered while somebody is away.

use base::Error;
use mail::sieve::{Filter, Vacation};
use serde_json::json;

use super::super::Session;
use super::super::directory::Desk;
use super::super::output::{Cell, time};
use crate::failure::Failure;

/// Commands on the answer while away.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the answer of somebody
    Show {
        /// Whose
        address: String,
    },
    /// Answer senders from now on, or from a day on
    On {
        /// Whose
        address: String,
        /// What senders are told
        #[arg(long)]
        text: String,
        /// The subject; without it, that of the message behind `Auto:`
        #[arg(long, default_value = "")]
        subject: String,
        /// The first moment, such as 2026-12-24 or 2026-12-24T08:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// The first moment after it
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// A sender is answered again after so many days
        #[arg(long, default_value = "3")]
        days: i64,
    },
    /// Answer nobody any more; the text stays for the next time
    Off {
        /// Whose
        address: String,
    },
}

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, &Filter::new(desk.directory().clone()), command).await)
}

async fn at(desk: &Desk<'_>, filter: &Filter, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { address } => {
            let account = desk.owner(&address).await?;
            let set = filter.vacation(&desk.ctx, account).await?;
            let moment = |at: Option<i64>| at.map_or(Cell::Nothing, |at| Cell::Text(time(at)));
            let members = [
                ("active", Cell::Flag(set.active)),
                ("from", moment(set.from_ms)),
                ("until", moment(set.until_ms)),
                ("days", Cell::Whole(set.days)),
                ("subject", Cell::Text(set.subject)),
                ("text", Cell::Text(set.text)),
            ];
            desk.session.out.members(members.into_iter().map(|(key, cell)| (key.to_owned(), cell)).collect())
        }
        Command::On { address, text, subject, from, until, days } => {
            let account = desk.owner(&address).await?;
            let old = filter.vacation(&desk.ctx, account).await?;
            let vacation = Vacation {
                active: true,
                from_ms: from.as_deref().map(|text| moment("--from", text)).transpose()?,
                until_ms: until.as_deref().map(|text| moment("--until", text)).transpose()?,
                subject,
                text,
                html: None,
                days,
                addresses: old.addresses,
            };
            filter.set_vacation(&desk.ctx, account, vacation).await?;
            desk.done(
                &format!("Senders to {address} are answered."),
                &json!({ "address": address, "active": true }),
            )
        }
        Command::Off { address } => {
            let account = desk.owner(&address).await?;
            let old = filter.vacation(&desk.ctx, account).await?;
            filter.set_vacation(&desk.ctx, account, Vacation { active: false, ..old }).await?;
            desk.done(
                &format!("Senders to {address} are not answered any more."),
                &json!({ "address": address, "active": false }),
            )
        }
    }
}

/// A day in UTC, or a moment with its zone, in milliseconds since 1970.
fn moment(option: &'static str, text: &str) -> Result<i64, Failure> {
    let day =
        text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let at = match day {
        Some(day) if !text.contains('T') => Some(day.timestamp()),
        _ => text.parse::<jiff::Timestamp>().ok(),
    };
    let rule = "is no time; write it like 2026-12-24 or 2026-12-24T08:00:00Z";
    Ok(at.map(jiff::Timestamp::as_millisecond).ok_or_else(|| Error::invalid(option, rule))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read() {
        assert_eq!(moment("--from", "2026-11-02").unwrap(), 1_793_577_600_000);
        assert_eq!(moment("--from", "2026-11-02T09:00:00+01:00").unwrap(), 1_793_606_400_000);
        assert!(moment("--from", "tomorrow").is_err());
    }
}

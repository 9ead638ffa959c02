//! What a person sets without writing a script: the answer while away, and forwarding.

use base::{AccountId, CollectionId, Ctx, Error, Limits, Result};
use kernel::{Batch, Right};
use store::{Read, params};

use super::filter::Filter;
use super::forward::lines;
use super::scripts;

/// The answer while away (RFC 5230 without a script).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacation {
    /// Whether senders are answered.
    pub active: bool,
    /// Answers begin then, milliseconds since 1970; none: at once.
    pub from_ms: Option<i64>,
    /// Answers end then; none: when it is turned off.
    pub until_ms: Option<i64>,
    /// The subject; empty: that of the message behind a prefix.
    pub subject: String,
    /// The answer.
    pub text: String,
    /// The answer as HTML.
    pub html: Option<String>,
    /// Further addresses of the person, for which it answers too.
    pub addresses: Vec<String>,
    /// A sender is answered again after so many days.
    pub days: i64,
}

impl Default for Vacation {
    fn default() -> Self {
        Self {
            active: false,
            from_ms: None,
            until_ms: None,
            subject: String::new(),
            text: String::new(),
            html: None,
            addresses: Vec::new(),
            days: 3,
        }
    }
}

impl Vacation {
    /// Whether senders are answered at that time.
    pub fn is_in_force(&self, now_ms: i64) -> bool {
        self.active
            && self.from_ms.is_none_or(|from| from <= now_ms)
            && self.until_ms.is_none_or(|until| now_ms < until)
    }

    fn checked(mut self, limits: &Limits) -> Result<Self> {
        self.subject = codec::text::optional_name("subject", &self.subject, limits.name_bytes)?;
        self.text = codec::text::note("text", &self.text, limits.text_bytes)?;
        if let Some(html) = &self.html {
            self.html = Some(codec::text::note("html", html, limits.text_bytes)?);
        }
        if self.active && self.text.trim().is_empty() {
            return Err(Error::invalid("text", "is empty; write what senders are told"));
        }
        if !(1..=365).contains(&self.days) {
            return Err(Error::invalid("days", "is a whole number from 1 to 365"));
        }
        if self.from_ms.zip(self.until_ms).is_some_and(|(from, until)| until <= from) {
            return Err(Error::invalid("until", "is not after the beginning"));
        }
        self.addresses = addresses("addresses", &self.addresses, limits)?;
        Ok(self)
    }
}

/// Where mail goes besides, or instead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forwarding {
    /// Whether mail is forwarded.
    pub active: bool,
    /// Where to.
    pub addresses: Vec<String>,
    /// Whether a copy stays in the inbox. The history keeps one in any case.
    pub keep: bool,
}

/// Addresses in their canonical form, each once, not more than a message may be redirected to.
fn addresses(field: &'static str, given: &[String], limits: &Limits) -> Result<Vec<String>> {
    let most = usize::try_from(limits.sieve_redirects).unwrap_or(usize::MAX);
    if given.len() > most {
        return Err(Error::limit(field, format!("has at most {most} addresses")));
    }
    let mut all: Vec<String> = Vec::with_capacity(given.len());
    for text in given {
        let address = codec::Address::parse(text.trim())?.to_string();
        if !all.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
            all.push(address);
        }
    }
    Ok(all)
}

/// The settings of an account, active or not; none where they were never made.
pub(super) fn read(tx: &mut Read<'_>, account: AccountId) -> Result<(Option<Vacation>, Option<Forwarding>)> {
    let found = tx.query_opt(
        "SELECT vacation_on, vacation_from, vacation_until, vacation_subject, vacation_text, vacation_html,
                vacation_addresses, vacation_days, forward_on, forward_addresses, forward_keep
         FROM sieve_account WHERE account_id = $1",
        params![account],
        |row| {
            let vacation = Vacation {
                active: row.flag(0)?,
                from_ms: row.opt_int(1)?,
                until_ms: row.opt_int(2)?,
                subject: row.text(3)?,
                text: row.text(4)?,
                html: row.opt_text(5)?,
                addresses: lines(row.str(6)?),
                days: row.int(7)?,
            };
            let forwarding =
                Forwarding { active: row.flag(8)?, addresses: lines(row.str(9)?), keep: row.flag(10)? };
            Ok((vacation, forwarding))
        },
    )?;
    Ok(found.map_or((None, None), |(vacation, forwarding)| (Some(vacation), Some(forwarding))))
}

/// Only who may do everything with an account decides what becomes of its mail.
pub(super) fn require_owner(batch: &mut Batch<'_, '_>) -> Result<()> {
    batch.require(CollectionId(0), Right::Share)
}

impl Filter {
    /// The answer while away, as it is set.
    ///
    /// # Errors
    /// `NotFound` for another's account.
    pub async fn vacation(&self, ctx: &Ctx, account: AccountId) -> Result<Vacation> {
        self.settings(ctx, account).await.map(|(vacation, _)| vacation.unwrap_or_default())
    }

    /// The forwarding, as it is set.
    ///
    /// # Errors
    /// `NotFound` for another's account.
    pub async fn forwarding(&self, ctx: &Ctx, account: AccountId) -> Result<Forwarding> {
        let keeps = Forwarding { keep: true, ..Forwarding::default() };
        self.settings(ctx, account).await.map(|(_, forwarding)| forwarding.unwrap_or(keeps))
    }

    async fn settings(
        &self,
        ctx: &Ctx,
        account: AccountId,
    ) -> Result<(Option<Vacation>, Option<Forwarding>)> {
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                read(view.tx(), account)
            })
            .await
    }

    /// Sets the answer while away. Whoever was answered before is answered again.
    ///
    /// # Errors
    /// `Invalid`, `TooLarge` or `Limit` about a field; `NotFound` or `Forbidden` for another's account.
    pub async fn set_vacation(&self, ctx: &Ctx, account: AccountId, vacation: Vacation) -> Result<()> {
        let vacation = vacation.checked(&ctx.limits)?;
        let words = format!(
            "vacation {}: from {}, until {}, every {} days, subject {:?}",
            if vacation.active { "on" } else { "off" },
            shown(vacation.from_ms),
            shown(vacation.until_ms),
            vacation.days,
            vacation.subject
        );
        let notifier = self.notifier();
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            scripts::make_row(batch, &notifier)?;
            let account = batch.account();
            batch.tx().execute(
                "UPDATE sieve_account SET vacation_on = $2, vacation_from = $3, vacation_until = $4,
                    vacation_subject = $5, vacation_text = $6, vacation_html = $7, vacation_addresses = $8,
                    vacation_days = $9 WHERE account_id = $1",
                params![
                    account,
                    vacation.active,
                    vacation.from_ms,
                    vacation.until_ms,
                    &vacation.subject,
                    &vacation.text,
                    vacation.html.clone(),
                    vacation.addresses.join("\n"),
                    vacation.days
                ],
            )?;
            batch.tx().execute(
                "DELETE FROM sieve_seen WHERE account_id = $1 AND what = $2",
                params![account, super::Seen::ANSWERED],
            )?;
            batch.words(words.clone());
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Sets the forwarding.
    ///
    /// # Errors
    /// `Invalid` or `Limit` about an address; `Forbidden` where the class of service keeps mail inside the
    /// organisation; `NotFound` or `Forbidden` for another's account.
    pub async fn set_forwarding(&self, ctx: &Ctx, account: AccountId, given: Forwarding) -> Result<()> {
        let addresses = addresses("addresses", &given.addresses, &ctx.limits)?;
        if given.active && addresses.is_empty() {
            return Err(Error::invalid("addresses", "is empty; say where mail goes"));
        }
        if given.active && !self.may_forward_outside(ctx, account).await? {
            for address in &addresses {
                if self.is_outside(ctx, address).await? {
                    return Err(Error::forbidden(
                        "addresses",
                        "is outside; the class of service keeps mail inside the organisation",
                    ));
                }
            }
        }
        let words = format!(
            "forwarding {}: to {}, {}",
            if given.active { "on" } else { "off" },
            addresses.join(", "),
            if given.keep { "a copy stays" } else { "no copy stays" }
        );
        let notifier = self.notifier();
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            scripts::make_row(batch, &notifier)?;
            let account = batch.account();
            batch.tx().execute(
                "UPDATE sieve_account SET forward_on = $2, forward_addresses = $3, forward_keep = $4
                 WHERE account_id = $1",
                params![account, given.active, addresses.join("\n"), given.keep],
            )?;
            batch.words(words.clone());
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }
}

fn shown(time_ms: Option<i64>) -> String {
    time_ms
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or("none".to_owned(), |t| t.to_string())
}

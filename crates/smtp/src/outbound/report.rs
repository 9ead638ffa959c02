//! Reports about TLS to those who ask for them (RFC 8460): each day's results, the day after.

use std::collections::BTreeMap;

use base::{Error, OrganisationId, Result};
use bytes::Bytes;
use codec::Address;
use directory::resolve::{self, Resolution};
use mail::queue::{Body, NewMessage, NewRecipient, Notify, TlsDay, TlsResult};
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::mime::{BodyPart, MimePart};
use serde_json::{Value, json};

use super::Shared;

const DAY_SECONDS: i64 = 86_400;

/// Queues the reports of days that are over; how many. Results of domains that ask for none are forgotten.
pub(super) async fn send(shared: &Shared) -> Result<usize> {
    let Some(from) = &shared.settings.report_from else { return Ok(0) };
    let limit = i64::try_from(shared.ctx.limits.tls_report_domains).unwrap_or(i64::MAX);
    let days = shared.queue.tls_days(&shared.ctx, limit).await?;
    if days.is_empty() {
        return Ok(0);
    }
    let organisation = organisation(shared, from).await?;
    let mut sent = 0;
    for day in days {
        let to = addresses(shared, &day.domain).await;
        if !to.is_empty() {
            send_one(shared, organisation, from, &day, &to).await?;
            sent += 1;
        }
        shared.queue.tls_reported(day.day, &day.domain).await?;
    }
    Ok(sent)
}

/// Whose mail a report is: of the organisation that the sender's address belongs to.
async fn organisation(shared: &Shared, from: &str) -> Result<OrganisationId> {
    let address = Address::parse(from).map_err(Error::from)?;
    let ctx = shared.ctx.clone();
    let resolved = shared.mail.directory().read(move |tx| resolve::resolve(tx, &ctx, &address)).await?;
    match resolved {
        Resolution::Found(found) => found.mailboxes.first().map(|mailbox| mailbox.organisation),
        _ => None,
    }
    .ok_or_else(|| Error::invalid("report_from", "is no address of a mailbox here; write one that is"))
}

/// Where a domain wants its reports (RFC 8460 section 3): by mail only.
async fn addresses(shared: &Shared, domain: &str) -> Vec<String> {
    let texts = shared.settings.dns.texts(&format!("_smtp._tls.{domain}")).await.unwrap_or_default();
    let mut records = texts.iter().filter(|text| text.starts_with("v=TLSRPTv1;"));
    let (Some(record), None) = (records.next(), records.next()) else { return Vec::new() };
    let rua = record.split(';').find_map(|field| field.trim().strip_prefix("rua=")).unwrap_or_default();
    let mails = rua.split(',').filter_map(|uri| uri.trim().strip_prefix("mailto:"));
    mails.filter(|address| Address::parse(address).is_ok()).take(10).map(str::to_owned).collect()
}

async fn send_one(
    shared: &Shared,
    organisation: OrganisationId,
    from: &str,
    day: &TlsDay,
    to: &[String],
) -> Result<()> {
    let host = &shared.settings.hostname;
    let id = format!("{}.{:016x}@{host}", day.day, shared.ctx.random.u64());
    let (begin, end) = (day.day * DAY_SECONDS, (day.day + 1) * DAY_SECONDS - 1);
    let report = json!({
        "organization-name": host,
        "date-range": { "start-datetime": moment(begin)?, "end-datetime": moment(end)? },
        "contact-info": from,
        "report-id": id,
        "policies": policies(day),
    });
    let file = format!("{host}!{}!{begin}!{end}.json", day.domain);
    let text = format!(
        "TLS report for {} from {host}.\r\nRapport TLS pour {} de la part de {host}.\r\n",
        day.domain, day.domain
    );
    let parts = vec![
        MimePart::new("text/plain", text),
        MimePart::new("application/tlsrpt+json", BodyPart::Binary(report.to_string().into_bytes().into()))
            .attachment(file),
    ];
    let message = MessageBuilder::new()
        .from(from)
        .to(to.iter().map(String::as_str).collect::<Vec<_>>())
        .subject(format!("Report Domain: {} Submitter: {host} Report-ID: <{id}>", day.domain))
        .date(Date::new(shared.ctx.now_ms().div_euclid(1_000)))
        .message_id(id.as_str())
        .header("TLS-Report-Domain", mail_builder::headers::raw::Raw::new(day.domain.as_str()))
        .header("TLS-Report-Submitter", mail_builder::headers::raw::Raw::new(host.as_str()))
        .header("Auto-Submitted", mail_builder::headers::raw::Raw::new("auto-generated"))
        .body(MimePart::new(
            ContentType::new("multipart/report").attribute("report-type", "tlsrpt"),
            BodyPart::Multipart(parts),
        ))
        .write_to_vec()
        .map_err(|error| Error::corrupt("report", "cannot be written").with_source(error))?;
    let put = shared.mail.blobs().put(organisation, Bytes::from(message)).await?;
    let recipients =
        to.iter().map(|to| NewRecipient { notify: Notify::NEVER, ..NewRecipient::new(to.as_str()) });
    let new = NewMessage {
        sign_domain: Address::parse(from).ok().and_then(|from| from.domain().map(str::to_owned)),
        ..NewMessage::new(organisation, Body::Put(put), from, recipients)
    };
    shared.queue.send(&shared.ctx, new).await.map(|_| ())
}

fn moment(seconds: i64) -> Result<String> {
    jiff::Timestamp::from_second(seconds)
        .map(|moment| moment.to_string())
        .map_err(|error| Error::corrupt("day", "is out of range").with_source(error))
}

/// The results by policy (RFC 8460 section 4.4).
fn policies(day: &TlsDay) -> Vec<Value> {
    let mut by_policy: BTreeMap<(&str, &str), Vec<(&TlsResult, i64)>> = BTreeMap::new();
    for (result, sessions) in &day.results {
        by_policy.entry((&result.policy_type, &result.policy)).or_default().push((result, *sessions));
    }
    let policy = |((kind, text), results): ((&str, &str), Vec<(&TlsResult, i64)>)| {
        let failures: Vec<Value> = (results.iter())
            .filter(|(result, _)| !result.result.is_empty())
            .map(|(result, sessions)| {
                json!({
                    "result-type": result.result,
                    "receiving-mx-hostname": result.host,
                    "failed-session-count": sessions,
                })
            })
            .collect();
        let sum = |failed: bool| -> i64 {
            let some = results.iter().filter(|(result, _)| result.result.is_empty() != failed);
            some.map(|(_, sessions)| sessions).sum()
        };
        json!({
            "policy": {
                "policy-type": kind,
                "policy-string": text.lines().map(str::trim).collect::<Vec<_>>(),
                "policy-domain": day.domain,
            },
            "summary": {
                "total-successful-session-count": sum(false),
                "total-failure-session-count": sum(true),
            },
            "failure-details": failures,
        })
    };
    by_policy.into_iter().map(policy).collect()
}

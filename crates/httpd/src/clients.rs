//! How mail programs find out by themselves where a person's mail is: Thunderbird's autoconfig, Outlook's
//! Autodiscover (POX, [MS-OXDSCLI]), and configuration profiles of Apple's systems.
//!
//! Nothing here tells whether an address exists: what is answered depends on its domain only.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::{Error, Result};
use serde::Deserialize;

use crate::problem::Problem;
use crate::site::Mount;

/// What a mail program speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// Submission.
    Smtp,
}

/// A door that people of a domain use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What is spoken.
    pub speaks: Speaks,
    /// The port.
    pub port: u16,
    /// TLS from the first byte on; otherwise by STARTTLS.
    pub begins_with_tls: bool,
}

/// Where the mail of a domain is. What comes first in `doors` is preferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The host that all doors are on.
    pub host: String,
    /// What the mail service is called for people.
    pub name: String,
    /// Its doors.
    pub doors: Vec<Access>,
}

/// The service of a domain; none when the domain is not ours.
pub type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Option<Service>>> + Send>> + Send + Sync>;

/// The most bytes of a request of Autodiscover.
const BODY_BYTES: u64 = 16_384;

/// The routes.
pub fn mount(lookup: Lookup) -> Mount {
    let router = Router::new()
        .route("/mail/config-v1.1.xml", get(autoconfig))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(autoconfig))
        .route("/autodiscover/autodiscover.xml", post(autodiscover))
        .route("/Autodiscover/Autodiscover.xml", post(autodiscover))
        .route("/AutoDiscover/AutoDiscover.xml", post(autodiscover))
        .route("/mail.mobileconfig", get(profile))
        .with_state(lookup);
    Mount { body_bytes: Some(BODY_BYTES), ..Mount::new("clients", router) }
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default, alias = "email")]
    emailaddress: String,
}

async fn autoconfig(
    State(lookup): State<Lookup>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let domain = match domain_of(&asked.emailaddress) {
        Some(domain) => domain,
        None => host_domain(&headers).ok_or_else(|| Error::invalid("emailaddress", "is missing"))?,
    };
    let service = ours(&lookup, &domain).await?;
    Ok(xml("application/xml; charset=utf-8", autoconfig_text(&domain, &service)))
}

async fn autodiscover(State(lookup): State<Lookup>, body: String) -> std::result::Result<Response, Problem> {
    let address = between(&body, "<EMailAddress>", "</EMailAddress>").unwrap_or_default();
    let address = unescaped(address.trim());
    let domain = domain_of(&address)
        .ok_or_else(|| Error::invalid("EMailAddress", "is missing, or is no mail address"))?;
    let service = ours(&lookup, &domain).await?;
    Ok(xml("application/xml; charset=utf-8", autodiscover_text(&address, &service)))
}

async fn profile(
    State(lookup): State<Lookup>,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let domain = domain_of(&asked.emailaddress)
        .ok_or_else(|| Error::invalid("email", "is missing, or is no mail address"))?;
    let service = ours(&lookup, &domain).await?;
    let mut answer = xml(
        "application/x-apple-aspen-config; charset=utf-8",
        profile_text(&asked.emailaddress, &domain, &service),
    );
    let disposition = header::HeaderValue::from_static("attachment; filename=\"mail.mobileconfig\"");
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(answer)
}

async fn ours(lookup: &Lookup, domain: &str) -> Result<Service> {
    lookup(domain.to_owned()).await?.ok_or_else(|| Error::not_found("domain"))
}

fn xml(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// The domain of an address.
fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-');
    let is_right =
        !local.is_empty() && !domain.is_empty() && domain.len() <= 253 && domain.chars().all(is_plain);
    is_right.then(|| domain.to_lowercase())
}

/// The domain whose `autoconfig` host was asked.
fn host_domain(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?.to_lowercase();
    let host = host.split(':').next()?;
    let domain = host.strip_prefix("autoconfig.")?;
    domain_of(&format!("x@{domain}"))
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.split_once(begin)?.1.split_once(end).map(|(inner, _)| inner)
}

/// Text as it stands in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// What [`escaped`] and other programs wrote.
fn unescaped(text: &str) -> String {
    let names =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    names.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
}

/// <https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat>
fn autoconfig_text(domain: &str, service: &Service) -> String {
    let (domain, host, name) = (escaped(domain), escaped(&service.host), escaped(&service.name));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n  <emailProvider id=\"{domain}\">\n    \
         <domain>{domain}</domain>\n    <displayName>{name}</displayName>\n    <displayShortName>{name}</displayShortName>\n"
    );
    for door in &service.doors {
        let (element, kind) = match door.speaks {
            Speaks::Imap => ("incomingServer", "imap"),
            Speaks::Pop3 => ("incomingServer", "pop3"),
            Speaks::Smtp => ("outgoingServer", "smtp"),
        };
        let socket = if door.begins_with_tls { "SSL" } else { "STARTTLS" };
        let _ = write!(
            out,
            "    <{element} type=\"{kind}\">\n      <hostname>{host}</hostname>\n      <port>{}</port>\n      \
             <socketType>{socket}</socketType>\n      <authentication>password-cleartext</authentication>\n      \
             <username>%EMAILADDRESS%</username>\n    </{element}>\n",
            door.port
        );
    }
    out.push_str("  </emailProvider>\n</clientConfig>\n");
    out
}

fn autodiscover_text(address: &str, service: &Service) -> String {
    const ANSWER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
    const OUTLOOK: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
    let (address, host) = (escaped(address), escaped(&service.host));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"{ANSWER}\">\n  <Response xmlns=\"{OUTLOOK}\">\n    \
         <User><DisplayName>{address}</DisplayName></User>\n    <Account>\n      <AccountType>email</AccountType>\n      \
         <Action>settings</Action>\n"
    );
    for door in &service.doors {
        let kind = match door.speaks {
            Speaks::Imap => "IMAP",
            Speaks::Pop3 => "POP3",
            Speaks::Smtp => "SMTP",
        };
        let encryption = if door.begins_with_tls { "SSL" } else { "TLS" };
        let _ = write!(
            out,
            "      <Protocol>\n        <Type>{kind}</Type>\n        <Server>{host}</Server>\n        <Port>{}</Port>\n        \
             <LoginName>{address}</LoginName>\n        <DomainRequired>off</DomainRequired>\n        <SPA>off</SPA>\n        \
             <SSL>on</SSL>\n        <Encryption>{encryption}</Encryption>\n        <AuthRequired>on</AuthRequired>\n      \
             </Protocol>\n",
            door.port
        );
    }
    out.push_str("    </Account>\n  </Response>\n</Autodiscover>\n");
    out
}

/// A name that is always the same for the same thing, in the form of a UUID.
fn uuid(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("beffroi mail profile 1");
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let hash = hasher.finalize().to_hex();
    let piece = |from: usize, to: usize| hash.get(from..to).unwrap_or_default().to_uppercase();
    format!("{}-{}-4{}-8{}-{}", piece(0, 8), piece(8, 12), piece(13, 16), piece(17, 20), piece(20, 32))
}

fn profile_text(address: &str, domain: &str, service: &Service) -> String {
    let first = |speaks: &[Speaks]| service.doors.iter().find(|door| speaks.contains(&door.speaks));
    let incoming = first(&[Speaks::Imap]).or_else(|| first(&[Speaks::Pop3]));
    let is_pop = incoming.is_some_and(|door| door.speaks == Speaks::Pop3);
    let mut entries = String::new();
    text_entry(&mut entries, "EmailAccountType", if is_pop { "EmailTypePOP" } else { "EmailTypeIMAP" });
    text_entry(&mut entries, "EmailAddress", address);
    text_entry(&mut entries, "EmailAccountDescription", &service.name);
    for (side, door) in [("Incoming", incoming), ("Outgoing", first(&[Speaks::Smtp]))] {
        text_entry(&mut entries, &format!("{side}MailServerAuthentication"), "EmailAuthPassword");
        text_entry(&mut entries, &format!("{side}MailServerHostName"), &service.host);
        text_entry(&mut entries, &format!("{side}MailServerUsername"), address);
        if let Some(door) = door {
            let _ = writeln!(
                entries,
                "      <key>{side}MailServerPortNumber</key><integer>{}</integer>\n      \
                 <key>{side}MailServerUseSSL</key><true/>",
                door.port
            );
        }
    }
    payload(&entries, address, domain, &service.name)
}

fn text_entry(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "      <key>{key}</key><string>{}</string>", escaped(value));
}

fn payload(entries: &str, address: &str, domain: &str, name: &str) -> String {
    let (inner, outer) = (uuid(&["account", address]), uuid(&["profile", address]));
    let (domain, name) = (escaped(domain), escaped(name));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n  <key>PayloadContent</key>\n  \
         <array>\n    <dict>\n{entries}      <key>OutgoingPasswordSameAsIncomingPassword</key><true/>\n      \
         <key>PayloadType</key><string>com.apple.mail.managed</string>\n      \
         <key>PayloadIdentifier</key><string>{domain}.mail.account</string>\n      \
         <key>PayloadUUID</key><string>{inner}</string>\n      <key>PayloadVersion</key><integer>1</integer>\n      \
         <key>PayloadDisplayName</key><string>{name}</string>\n    </dict>\n  </array>\n  \
         <key>PayloadType</key><string>Configuration</string>\n  \
         <key>PayloadIdentifier</key><string>{domain}.mail</string>\n  <key>PayloadUUID</key><string>{outer}</string>\n  \
         <key>PayloadVersion</key><integer>1</integer>\n  <key>PayloadDisplayName</key><string>{name}</string>\n\
         </dict>\n</plist>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_domain_is_taken_from_an_address() {
        for (address, domain) in [
            ("Ada@Example.ORG", Some("example.org")),
            ("ada", None),
            ("@example.org", None),
            ("ada@", None),
            ("ada@exa<mple.org", None),
        ] {
            assert_eq!(domain_of(address).as_deref(), domain, "{address}");
        }
        assert_eq!(escaped("<a & \"b\">\u{7}"), "&lt;a &amp; &quot;b&quot;&gt;");
    }

    #[test]
    fn a_profile_is_the_same_every_time() {
        assert_eq!(uuid(&["a", "b"]), uuid(&["a", "b"]));
        assert_ne!(uuid(&["a", "b"]), uuid(&["ab", ""]));
        assert_eq!(uuid(&["a"]).len(), 36);
    }
}

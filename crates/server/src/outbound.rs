//! The client that sends mail to other servers, as the configuration says.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Ctx, Error, Result};
use mail::Mail;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use smtp::outbound::{Dns, Login, Outbound, Relay, Settings};

use crate::certificates;
use crate::config::Config;

/// Starts sending; nothing when this node does not send.
///
/// # Errors
/// `Invalid` for settings that make no sense, those of the database.
pub async fn start(config: &Config, mail: &Mail, ctx: &Ctx) -> Result<Option<Outbound>> {
    let keys = &config.outbound;
    if !keys.send {
        return Ok(None);
    }
    let dns = match keys.name_servers.0.as_slice() {
        [] => Dns::of_the_machine(),
        servers => Dns::at(servers),
    };
    let dns = match dns {
        Ok(dns) => dns,
        Err(error) => {
            tracing::error!(?error, "no mail is sent to others: name servers are missing");
            return Ok(None);
        }
    };
    let settings = settings(config, dns)?;
    Outbound::start(mail, ctx, settings).await.map(Some)
}

fn settings(config: &Config, dns: Dns) -> Result<Settings> {
    let keys = &config.outbound;
    let mut settings = Settings::new(certificates::hostname(config), roots(config)?, dns);
    if !keys.smarthost.is_empty() {
        settings.smarthost = Some(Relay::parse(&keys.smarthost)?);
    }
    if !keys.smarthost_user.is_empty() {
        settings.smarthost_login =
            Some(Login { name: keys.smarthost_user.clone(), password: keys.smarthost_password.clone() });
    }
    for transport in &keys.transports.0 {
        let (domain, relay) = transport.split_once('=').unwrap_or((transport, ""));
        settings.transports.push((domain.to_ascii_lowercase(), Relay::parse(relay)?));
    }
    settings.port = u16::try_from(keys.port).unwrap_or(25);
    settings.ipv6 = keys.ipv6;
    settings.dane = keys.dane;
    settings.mta_sts = keys.mta_sts;
    settings.report_from = Some(keys.tls_reports_from.clone()).filter(|from| !from.is_empty());
    // Mail that leads to an address on which we receive ourselves would come back. On a machine of its own that
    // holds for the loopback too; where other servers have it, it is for them.
    let own = config.smtp.listen.0.iter().filter(|address| address.port() == settings.port);
    settings.own_addresses =
        own.map(std::net::SocketAddr::ip).filter(|address: &IpAddr| !address.is_unspecified()).collect();
    Ok(settings)
}

/// The authorities of the system, and those of the configuration.
pub fn roots(config: &Config) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "certificate authorities of the system cannot be read");
    }
    let (_, ignored) = roots.add_parsable_certificates(system.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "certificate authorities of the system were passed over");
    }
    let file = &config.outbound.authorities;
    if !file.as_os_str().is_empty() {
        let path = config.in_data_dir(file);
        let wrong = |error: rustls::pki_types::pem::Error| {
            Error::invalid("outbound.authorities", "is no readable file of certificates in PEM")
                .with_source(error)
        };
        for certificate in CertificateDer::pem_file_iter(&path).map_err(wrong)? {
            let added = roots.add(certificate.map_err(wrong)?);
            added.map_err(|error| {
                Error::invalid("outbound.authorities", "holds a certificate that is no authority's")
                    .with_source(error)
            })?;
        }
    }
    Ok(Arc::new(roots))
}

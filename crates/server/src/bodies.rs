//! The blob store as the configuration says, and whether it takes bodies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{Error, Result};
use store::blobs::{Reference, S3Options};
use store::{BlobBackend, BlobOptions, Blobs};

use crate::config::Config;
use crate::config::setting::BlobsBackend;
use crate::folder;
use crate::node::Node;

/// All that names bodies: the tables of the kinds, and beside them those of no kind, which are added here. A test
/// refuses a column of bytes that is neither here nor known to be something else.
pub fn references(node: &Node) -> Vec<Reference> {
    let beside = mail::REFERENCES.iter().cloned();
    node.kernel.body_references().into_iter().chain(beside).collect()
}

/// Opens the blob store.
pub async fn open(node: &Node, config: &Config) -> Result<Blobs> {
    let keys = &config.blobs;
    let backend = match keys.backend {
        BlobsBackend::Disk => {
            let path = path(config);
            folder::create(&path)?;
            BlobBackend::Disk { path }
        }
        BlobsBackend::S3 => BlobBackend::S3(S3Options {
            endpoint: keys.s3_endpoint.clone(),
            bucket: keys.s3_bucket.clone(),
            region: keys.s3_region.clone(),
            key: keys.s3_access_key.clone(),
            secret: keys.s3_secret_key.clone(),
            prefix: keys.s3_prefix.clone(),
            object_lock_days: u32::try_from(keys.s3_object_lock_days).unwrap_or(u32::MAX),
        }),
    };
    let ctx = &node.ctx;
    let options = BlobOptions {
        lease: Duration::from_secs(keys.lease_minutes.saturating_mul(60)),
        pack_bytes: keys.pack_bytes,
        ..BlobOptions::new(backend, ctx.clock.clone(), ctx.random.clone(), ctx.limits.clone())
    };
    Blobs::open(node.store().clone(), options).await
}

fn path(config: &Config) -> PathBuf {
    config.in_data_dir(&config.blobs.path)
}

/// Where bodies go, as far as a check of health looks.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A server.
    Server(String),
}

/// Where bodies go.
pub fn place(config: &Config) -> Place {
    match config.blobs.backend {
        BlobsBackend::Disk => Place::Folder(path(config)),
        BlobsBackend::S3 => Place::Server(host_and_port(&config.blobs.s3_endpoint)),
    }
}

/// Whether bodies can be written: into a folder a small file is; of a server it is asked only whether it listens,
/// since writing costs money there.
pub async fn takes_bodies(place: &Place) -> Result<()> {
    match place {
        Place::Folder(folder) => {
            let probe = folder.join("probe");
            tokio::task::spawn_blocking(move || write_probe(&probe))
                .await
                .unwrap_or_else(|error| Err(std::io::Error::other(error)))
                .map_err(|error| {
                    let rule = "cannot be written; look for a full disk or a missing right";
                    Error::unavailable("blobs.path", rule).with_source(error)
                })
        }
        Place::Server(address) => {
            tokio::net::TcpStream::connect(address).await.map(|_| ()).map_err(|error| {
                Error::unavailable("blobs.s3_endpoint", "does not answer; is the object store running?")
                    .with_source(error)
            })
        }
    }
}

fn write_probe(probe: &Path) -> std::io::Result<()> {
    std::fs::write(probe, b"Written to see whether bodies can be.\n")?;
    std::fs::remove_file(probe)
}

/// `host:port` of an address such as `https://s3.example.org`.
fn host_and_port(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let host = rest.split('/').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (has_port, scheme) {
        (true, _) => host.to_owned(),
        (false, "http") => format!("{host}:80"),
        (false, _) => format!("{host}:443"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_host_and_a_port() {
        let cases = [
            ("https://s3.example.org", "s3.example.org:443"),
            ("http://127.0.0.1:3900/", "127.0.0.1:3900"),
            ("http://garage", "garage:80"),
        ];
        for (endpoint, address) in cases {
            assert_eq!(host_and_port(endpoint), address);
        }
    }

    /// Columns of bytes that name no body.
    const NO_BODIES: &[&str] = &[
        "account.head_hash",
        "app_password.hash",
        "blob.hash",
        "blob_dictionary.data",
        "blob_stage.hash",
        "blob_stage.data",
        "commit_.hash",
        "sieve_seen.key",
        "import_run.file_hash",
        "mailbox_annotation.value",
        "mark.hash",
        "message.envelope",
        "message.fields",
        "message.trace",
        "one_time_code.secret",
        "passkey.credential_id",
        "password_scram.salt",
        "password_scram.server_key",
        "password_scram.stored_key",
        "recovery_code.hash",
        "session.token_hash",
        "used_ticket.id",
    ];

    /// The columns of bytes of a schema, as `table.column`.
    fn columns_of_bytes(schema: &str) -> Vec<String> {
        let mut table = "";
        let mut columns = Vec::new();
        for line in schema.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                table = rest.split([' ', '(']).next().unwrap_or_default();
            }
            if let Some((column, rest)) = line.split_once(' ')
                && rest.trim_start().starts_with("{bytes}")
            {
                columns.push(format!("{table}.{column}"));
            }
        }
        columns
    }

    #[tokio::test]
    async fn every_column_of_bytes_is_kept_by_a_reference_or_known_to_be_none() {
        let folder = std::env::temp_dir().join(format!("beffroi-references-{}", std::process::id()));
        let mut config = Config::default();
        config.top.data_dir.clone_from(&folder);
        let node = Node::open(&config).await.unwrap();
        let references = references(&node);
        let parts = crate::node::parts();
        let columns: Vec<_> = parts.iter().flat_map(|part| columns_of_bytes(part.schema)).collect();
        assert!(columns.len() >= NO_BODIES.len(), "{columns:?}");
        for column in columns {
            let (table, name) = column.split_once('.').unwrap();
            let kept = references
                .iter()
                .any(|reference| reference.name == table && reference.list.contains(&format!(".{name}")));
            assert!(
                kept || NO_BODIES.contains(&column.as_str()),
                "{column}: does it name bodies? Then a sweep must know it, else write it above"
            );
        }
        node.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_missing_folder_takes_no_bodies() {
        let error = takes_bodies(&Place::Folder(PathBuf::from("/no/such/folder"))).await.unwrap_err();
        assert_eq!(error.field(), "blobs.path");
    }
}

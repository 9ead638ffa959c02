//! Containers in an object store that speaks S3.
//!
//! What must stay true here: an object is written once under a key that is never used again; nothing is
//! ever listed, and nothing relies on conditional requests, which not every server has.

use std::ops::Range;
use std::sync::Arc;

use base::{Error, Result};
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use super::disk::Form;
use super::options::S3Options;

/// The object store.
pub(crate) struct S3 {
    client: Arc<AmazonS3>,
    prefix: String,
    pub(crate) object_lock_days: u32,
}

pub(crate) fn failed(error: object_store::Error) -> Error {
    use object_store::Error as E;
    let made = match &error {
        E::NotFound { .. } => Error::not_found("container"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::unavailable(
            "object store",
            "refuses the access key; look at its rights and at the settings of the blob store",
        ),
        _ => Error::unavailable("object store", "does not answer as it should; try again"),
    };
    made.with_source(error)
}

impl S3 {
    pub(crate) fn open(options: &S3Options) -> Result<Self> {
        // Another part of the program may have chosen the provider before; it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = AmazonS3Builder::new()
            .with_endpoint(&options.endpoint)
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_access_key_id(&options.key)
            .with_secret_access_key(options.secret.expose())
            .with_allow_http(options.endpoint.starts_with("http://"))
            .with_virtual_hosted_style_request(false)
            .build()
            .map_err(|e| {
                Error::invalid("blobs.s3", "does not describe an object store; look at its settings")
                    .with_source(e)
            })?;
        Ok(Self {
            client: Arc::new(client),
            prefix: options.prefix.clone(),
            object_lock_days: options.object_lock_days,
        })
    }

    fn key(&self, form: Form, id: i64) -> Path {
        Path::from(format!("{}{}", self.prefix, form.key(id)))
    }

    pub(crate) async fn read(&self, form: Form, id: i64, offset: u64, length: usize) -> Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let range: Range<u64> = offset..offset.saturating_add(length as u64);
        let bytes = self.client.get_range(&self.key(form, id), range).await.map_err(failed)?;
        if bytes.len() != length {
            return Err(Error::corrupt("container", "is shorter than what is said to be in it"));
        }
        Ok(bytes)
    }

    pub(crate) async fn write(&self, form: Form, id: i64, bytes: Bytes) -> Result<()> {
        self.client.put(&self.key(form, id), PutPayload::from(bytes)).await.map_err(failed)?;
        Ok(())
    }

    pub(crate) async fn begin(&self, form: Form, id: i64) -> Result<Box<dyn MultipartUpload>> {
        self.client.put_multipart(&self.key(form, id)).await.map_err(failed)
    }

    pub(crate) async fn remove(&self, form: Form, id: i64) -> Result<()> {
        match self.client.delete(&self.key(form, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

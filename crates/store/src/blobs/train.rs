//! Training a dictionary on small bodies of this server: alike mails then take a quarter less.

use base::{OrganisationId, Result};
use bytes::Bytes;

use super::Blobs;
use super::backend::busy;
use super::encoding::Dictionary;
use super::read::Located;
use super::record::{FIRST_DICTIONARY, Place};
use super::{compact::Resident, lookup};

/// With fewer samples a dictionary is not worth its place.
pub const SAMPLES_LEAST: usize = 2_000;
const SAMPLES_MOST: usize = 8_000;
/// Longer bodies win little.
const SAMPLE_BYTES: u64 = 64 << 10;
/// Bytes of all samples together.
const ALL_BYTES: u64 = 64 << 20;
const DICTIONARY_BYTES: usize = 112 << 10;

/// From a random place in the table on, so that samples are of no special kind: hashes have no order.
const SAMPLE: &str = "SELECT organisation_id, hash, size, container_id, offset_bytes, stored_bytes, encoding \
     FROM blob WHERE organisation_id = $1 AND hash > $2 AND size BETWEEN 512 AND $3 ORDER BY hash LIMIT $4";
const ORGANISATIONS: &str = "SELECT min(organisation_id) FROM blob WHERE organisation_id > $1";
const NEXT: &str = "SELECT coalesce(max(id), $1) + 1 FROM blob_dictionary";
const ADD: &str = "INSERT INTO blob_dictionary (id, data, trained_at, sample_count) VALUES ($1, $2, $3, $4)";

impl Blobs {
    /// Trains a dictionary on small bodies, evenly from all organisations, and uses it for new bodies from
    /// now on; its number, or nothing when there are fewer than [`SAMPLES_LEAST`] bodies to learn from.
    ///
    /// Other nodes use it after [`Blobs::refresh_dictionary`]; all can read what was written with it.
    pub async fn train(&self) -> Result<Option<i64>> {
        let mut samples: Vec<Bytes> = Vec::new();
        let mut bytes = 0;
        for resident in self.sample().await? {
            let Resident { organisation, hash, place } = resident;
            if bytes + place.size > ALL_BYTES || place.container == 0 {
                continue;
            }
            // A body that was removed or moved meanwhile is no loss.
            if let Ok(body) = self.small(organisation, hash, &Located { place, staged: None }).await {
                bytes += place.size;
                samples.push(body);
            }
        }
        let count = samples.len();
        if count < SAMPLES_LEAST {
            return Ok(None);
        }
        let trained = busy(move || {
            zstd::dict::from_samples(&samples, DICTIONARY_BYTES).map_err(|e| {
                base::Error::invalid("samples", "are too unlike for a dictionary").with_source(e)
            })
        });
        let data = trained.await?;
        let (now, kept) = (self.0.options.clock.now_ms(), data.clone());
        let id = self
            .0
            .store
            .write([], move |tx| {
                let id = tx.query_one(NEXT, params![FIRST_DICTIONARY - 1], |row| row.int(0))?;
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                tx.execute(ADD, params![id, &kept[..], now, count])?;
                Ok(id)
            })
            .await?;
        self.0.codec.learn(Dictionary::new(id, &data));
        Ok(Some(id))
    }

    async fn sample(&self) -> Result<Vec<Resident>> {
        let (first, most) = (self.0.options.random.bytes::<32>(), SAMPLES_MOST);
        self.0
            .store
            .read(move |read| {
                let mut organisations: Vec<i64> = Vec::new();
                while let Some(next) = read
                    .query_one(
                        ORGANISATIONS,
                        params![organisations.last().copied().unwrap_or(i64::MIN)],
                        |row| row.opt_int(0),
                    )?
                    .filter(|_| organisations.len() < most)
                {
                    organisations.push(next);
                }
                let each = i64::try_from(most.div_ceil(organisations.len().max(1))).unwrap_or(1);
                let mut found: Vec<Resident> = Vec::new();
                for organisation in organisations {
                    for from in [first, [0; 32]] {
                        let size = super::record::sql(SAMPLE_BYTES);
                        let values = params![organisation, from, size, each];
                        found.extend(read.query(SAMPLE, values, |row| {
                            let organisation = OrganisationId(row.int(0)?);
                            let place: Place = lookup::place(row, 2)?;
                            Ok(Resident { organisation, hash: row.hash(1)?, place })
                        })?);
                    }
                }
                found.sort_unstable_by_key(|resident| (resident.organisation, resident.hash));
                found.dedup_by_key(|resident| (resident.organisation, resident.hash));
                found.truncate(most);
                Ok(found)
            })
            .await
    }
}

//! Checking that every row has its body, whole and unchanged, and that every container is accounted for.

use std::borrow::Cow;

use base::{Error, Meaning, OrganisationId, Result};

use super::backend::{Backend, busy};
use super::compact::Resident;
use super::container::{self, Container};
use super::disk::Form;
use super::read::Located;
use super::record::{FRAMES, HEAD_BYTES, HEAD_LENGTH, Hash, Head};
use super::sweep::Reference;
use super::{Blobs, lookup};

const NEXT_CONTAINER: &str = "SELECT min(container_id) FROM blob WHERE container_id > $1";
const CONTAINER: &str = "SELECT state FROM blob_container WHERE id = $1";
const STAGED: &str = "SELECT b.organisation_id, b.hash, b.size, b.container_id, b.offset_bytes, \
     b.stored_bytes, b.encoding FROM blob b WHERE b.container_id = 0 \
     AND (b.organisation_id, b.hash) > ($1, $2) ORDER BY b.organisation_id, b.hash LIMIT 200";
const OF_NO_BODY: &str = "SELECT s.organisation_id, s.hash FROM blob_stage s WHERE NOT EXISTS \
     (SELECT 1 FROM blob b WHERE b.organisation_id = s.organisation_id AND b.hash = s.hash) LIMIT 1000";

/// What is wrong with a body or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// A row names a body that does not exist.
    Dangling {
        /// The kind of row.
        reference: Cow<'static, str>,
    },
    /// Its container is not known, or its bytes are gone.
    NoContainer,
    /// Its container was given up although it is in it.
    Dying,
    /// What is in its place is not this body.
    WrongRecord,
    /// Its bytes are not those that were put.
    WrongBytes,
    /// It is staged for no body.
    StagedForNothing,
    /// A file on the disk that no row of `blob_container` tells of.
    UnknownFile,
}

/// A flaw, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The organisation of the body; 0 for a container.
    pub organisation: OrganisationId,
    /// The hash of the body; zeros for a container.
    pub hash: Hash,
    /// The container; 0 for what is in the database.
    pub container: i64,
    /// Where in the container.
    pub offset: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match &self.flaw {
            Flaw::Dangling { reference } => &format!("is named by {reference} and does not exist"),
            Flaw::NoContainer => "is in a container that is not there",
            Flaw::Dying => "is in a container that was given up",
            Flaw::WrongRecord => "has the record of something else in its place",
            Flaw::WrongBytes => "has bytes that are not those which were put",
            Flaw::StagedForNothing => "is in the staging table and has no row",
            Flaw::UnknownFile => "is a file that the database does not know",
        };
        if self.organisation.0 == 0 {
            return write!(f, "container {} {what}", self.container);
        }
        write!(f, "body ")?;
        for byte in &self.hash[..8] {
            write!(f, "{byte:02x}")?;
        }
        write!(
            f,
            " of organisation {} (container {}, byte {}) ",
            self.organisation, self.container, self.offset
        )?;
        f.write_str(what)
    }
}

/// What a check saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Bodies that were read.
    pub bodies: u64,
    /// Bytes of their plain text.
    pub bytes: u64,
    /// Flaws that were found.
    pub flaws: u64,
}

impl Finding {
    fn of(resident: &Resident, flaw: Flaw) -> Self {
        Self {
            organisation: resident.organisation,
            hash: resident.hash,
            container: resident.place.container,
            offset: resident.place.offset,
            flaw,
        }
    }
}

impl Blobs {
    /// Reads every body and compares it with its row, container by container; then looks for rows that name
    /// bodies which do not exist, and for files that no row tells of. Each flaw goes to `found` at once.
    /// Runs beside all else; what is removed or moved meanwhile is no flaw.
    pub async fn verify(
        &self,
        references: &[Reference],
        mut found: impl FnMut(Finding) + Send,
    ) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let mut tell = |finding| {
            report.flaws += 1;
            found(finding);
        };
        let (mut bodies, mut bytes) = (0, 0);
        let mut container = 0;
        while let Some(next) = self.next_container(container).await? {
            container = next;
            let flaw = self.flaw_of_container(container).await?;
            let mut from = 0;
            loop {
                let page = self.residents(container, from).await?;
                let Some(last) = page.last() else { break };
                from = last.place.offset + 1;
                for resident in &page {
                    let flaw = match &flaw {
                        None => self.flaw_of(resident).await?,
                        some => some.clone(),
                    };
                    bodies += 1;
                    bytes += resident.place.size;
                    if let Some(flaw) = flaw
                        && self.is_current(resident).await?
                    {
                        tell(Finding::of(resident, flaw));
                    }
                }
            }
        }
        let mut after = (i64::MIN, Vec::new());
        loop {
            let page = self.staged_rows(after).await?;
            let Some(last) = page.last() else { break };
            after = (last.organisation.0, last.hash.to_vec());
            for resident in &page {
                bodies += 1;
                bytes += resident.place.size;
                if let Some(flaw) = self.flaw_of_staged(resident).await? {
                    tell(Finding::of(resident, flaw));
                }
            }
        }
        for reference in references {
            for (organisation, hash) in self.dangling(reference).await? {
                let flaw = Flaw::Dangling { reference: reference.name.clone() };
                tell(Finding { organisation, hash, container: 0, offset: 0, flaw });
            }
        }
        for finding in self.of_no_body().await? {
            tell(finding);
        }
        Ok(VerifyReport { bodies, bytes, ..report })
    }

    async fn next_container(&self, after: i64) -> Result<Option<i64>> {
        let next = self
            .0
            .store
            .read(move |read| read.query_one(NEXT_CONTAINER, params![after], |row| row.opt_int(0)));
        next.await
    }

    async fn flaw_of_container(&self, id: i64) -> Result<Option<Flaw>> {
        let state =
            self.0.store.read(move |read| read.query_opt(CONTAINER, params![id], |row| row.text(0))).await?;
        Ok(match state.as_deref() {
            None => Some(Flaw::NoContainer),
            Some("dying") => Some(Flaw::Dying),
            Some(_) => None,
        })
    }

    pub(crate) async fn flaw_of(&self, resident: &Resident) -> Result<Option<Flaw>> {
        self.know_dictionary(resident.place.encoding).await?;
        let located = Located { place: resident.place, staged: None };
        let done = if resident.place.encoding == FRAMES {
            self.whole(resident).await
        } else {
            self.small(resident.organisation, resident.hash, &located).await.map(|_| ())
        };
        flaw(done)
    }

    /// Reads a large body frame by frame, and its head.
    async fn whole(&self, resident: &Resident) -> Result<()> {
        let Resident { organisation, hash, place } = *resident;
        let at = place.stored.saturating_sub(HEAD_LENGTH);
        let head = self.0.backend.read(Form::Large, place.container, at, HEAD_BYTES).await?;
        let wanted = Head {
            organisation: organisation.0,
            hash,
            size: place.size,
            stored: place.stored,
            encoding: place.encoding,
        };
        if Head::read(&head, place.container) != Some(wanted) {
            return Err(no_record());
        }
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < place.size {
            let part = self.frames(&place, at..place.size).await?;
            at += part.len() as u64;
            hasher.update(&part);
        }
        if hasher.finalize().as_bytes() == &hash {
            Ok(())
        } else {
            Err(Error::corrupt("body", "does not have the hash that it is stored under"))
        }
    }

    async fn staged_rows(&self, after: (i64, Vec<u8>)) -> Result<Vec<Resident>> {
        let page = self.0.store.read(move |read| {
            read.query(STAGED, params![after.0, after.1], |row| {
                let organisation = OrganisationId(row.int(0)?);
                Ok(Resident { organisation, hash: row.hash(1)?, place: lookup::place(row, 2)? })
            })
        });
        page.await
    }

    async fn flaw_of_staged(&self, resident: &Resident) -> Result<Option<Flaw>> {
        flaw(match self.read(resident.organisation, resident.hash, None).await {
            // It was removed meanwhile.
            Err(error) if error.meaning() == Meaning::NotFound => Ok(()),
            done => done.map(|_| ()),
        })
    }

    /// Whether the row still has this place: what was moved or removed meanwhile is no flaw.
    async fn is_current(&self, resident: &Resident) -> Result<bool> {
        let Resident { organisation, hash, place } = *resident;
        let located = self.0.store.read(move |read| super::read::locate(read, organisation, &hash)).await;
        match located {
            Ok(located) => Ok(located.place == place),
            Err(error) if error.meaning() == Meaning::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn dangling(&self, reference: &Reference) -> Result<Vec<(OrganisationId, Hash)>> {
        let question = format!(
            "WITH r(o, h) AS ({}) SELECT DISTINCT r.o, r.h FROM r WHERE NOT EXISTS (SELECT 1 FROM blob b \
             WHERE b.organisation_id = r.o AND b.hash = r.h) LIMIT 1000",
            reference.list
        );
        let found = self.0.store.read(move |read| {
            read.query(&question, [], |row| Ok((OrganisationId(row.int(0)?), row.hash(1)?)))
        });
        found.await
    }

    async fn of_no_body(&self) -> Result<Vec<Finding>> {
        let staged = self.0.store.read(|read| {
            read.query(OF_NO_BODY, [], |row| {
                let (organisation, hash) = (OrganisationId(row.int(0)?), row.hash(1)?);
                let flaw = Flaw::StagedForNothing;
                Ok(Finding { organisation, hash, container: 0, offset: 0, flaw })
            })
        });
        let mut findings = staged.await?;
        for (_, id) in self.unknown_files().await? {
            let (organisation, hash, flaw) = (OrganisationId(0), [0; 32], Flaw::UnknownFile);
            findings.push(Finding { organisation, hash, container: id, offset: 0, flaw });
        }
        Ok(findings)
    }

    /// Files of containers that no row tells of.
    pub(crate) async fn unknown_files(&self) -> Result<Vec<(Form, i64)>> {
        let Backend::Disk(disk) = &self.0.backend else { return Ok(Vec::new()) };
        let disk = disk.disk.clone();
        let files = busy(move || disk.list()).await?;
        let mut unknown = Vec::new();
        for some in files.chunks(500) {
            let ids: Vec<i64> = some.iter().map(|(_, id)| *id).collect();
            let sql = format!("SELECT {} FROM blob_container WHERE id IN ({{list $1}})", container::COLUMNS);
            let known =
                self.0.store.read(move |read| read.query(&sql, params![ids], Container::read)).await?;
            unknown.extend(some.iter().filter(|(_, id)| known.iter().all(|row| row.id != *id)));
        }
        Ok(unknown)
    }
}

fn no_record() -> Error {
    Error::corrupt("record", "is not there")
}

/// What the error of a read says about the body.
fn flaw(done: Result<()>) -> Result<Option<Flaw>> {
    match done {
        Ok(()) => Ok(None),
        Err(error) => match (error.meaning(), error.field()) {
            (Meaning::NotFound, _) => Ok(Some(Flaw::NoContainer)),
            (Meaning::Corrupt, "record" | "container") => Ok(Some(Flaw::WrongRecord)),
            (Meaning::Corrupt, _) => Ok(Some(Flaw::WrongBytes)),
            _ => Err(error),
        },
    }
}

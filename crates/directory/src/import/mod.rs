//! Import of people from CSV. The header names the columns: `address` or `external_id` says who a line is about,
//! the others are the fields of people, and `password_hash` takes hashes of an older system.
//!
//! What must stay true here:
//! - Several hundred lines are one transaction, and a stop in between loses none: the run remembers its lines.
//! - A line can be done again: who is as the line says stays as it is.
//! - A wrong line is an error with its number, field and rule; the lines around it are done.

mod apply;
mod lines;
mod prefetch;

use std::io::Seek;

use base::{Ctx, Error, OrganisationId, Result};
pub use lines::{COLUMNS_BESIDE_FIELDS, Line, LineError};
use store::params;

use crate::edit::Edit;
use crate::handle::Directory;
use crate::organisations;
use crate::roles::{self, Place, Verb};

/// Lines of one transaction.
const LINES_A_COMMIT: usize = 500;

/// What an import did, or in a dry run would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The run, to look at later; 0 for a dry run.
    pub run_id: i64,
    /// Lines of the file that are done; the header is line 1.
    pub lines: u64,
    /// People it created.
    pub created: u64,
    /// People it changed.
    pub changed: u64,
    /// People who were as the file says.
    pub unchanged: u64,
    /// Lines with errors.
    pub failed: u64,
    /// The first errors: as many as `import_errors` allows.
    pub errors: Vec<LineError>,
    /// It began where an earlier run of the same file had stopped.
    pub resumed: bool,
}

impl Report {
    fn add(&mut self, batch: &Batch, most_errors: usize) {
        self.created += batch.created;
        self.changed += batch.changed;
        self.unchanged += batch.unchanged;
        self.failed += u64::try_from(batch.errors.len()).unwrap_or(0);
        let room = most_errors.saturating_sub(self.errors.len());
        self.errors.extend(batch.errors.iter().take(room).cloned());
        self.lines = self.lines.max(batch.last_line);
    }
}

/// What some lines came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) created: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    pub(crate) errors: Vec<LineError>,
    pub(crate) last_line: u64,
}

/// Imports people. `progress` is told after every few hundred lines.
///
/// A dry run checks everything and writes nothing. A run that stopped is taken up after its last line when the same
/// file comes again; one that ended is done again from its beginning, and changes what the file and the directory
/// have different.
///
/// # Errors
/// `Forbidden`, `NotFound`; `Invalid` about the header; `Limit` when there are more errors than `import_errors`.
pub async fn run<R: std::io::Read + Seek + Send>(
    directory: &Directory,
    ctx: &Ctx,
    organisation: OrganisationId,
    file_name: &str,
    mut file: R,
    dry_run: bool,
    mut progress: impl FnMut(&Report) + Send,
) -> Result<Report> {
    let file_hash = hash_of(&mut file)?;
    let mut reader = lines::Reader::new(file, &ctx.limits)?;
    let most_errors = usize::try_from(ctx.limits.import_errors).unwrap_or(usize::MAX);
    let mut report = begin(directory, ctx, organisation, file_name, file_hash, dry_run).await?;
    let already = report.lines;
    while let Some(lines) = reader.next_batch(LINES_A_COMMIT, already)? {
        if lines.lines.is_empty() && lines.errors.is_empty() {
            continue;
        }
        let lines = hash_passwords(directory, ctx, lines).await?;
        let run_id = report.run_id;
        let batch = if dry_run {
            let own = ctx.clone();
            directory.read(move |tx| apply::plan(tx, &own, organisation, &lines)).await?
        } else {
            directory.edit(ctx, organisation, move |edit| commit(edit, run_id, &lines)).await?
        };
        report.add(&batch, most_errors);
        progress(&report);
        if report.failed >= u64::try_from(most_errors).unwrap_or(u64::MAX) {
            return Err(Error::limit(
                "import",
                format!(
                    "stopped after {} errors, the last on line {}; correct the file and run it again",
                    report.failed, report.lines
                ),
            ));
        }
    }
    if !dry_run {
        let run_id = report.run_id;
        directory.edit(ctx, organisation, move |edit| finish(edit, run_id)).await?;
    }
    Ok(report)
}

/// Plain passwords become hashes before the transaction: that takes its time.
async fn hash_passwords(directory: &Directory, ctx: &Ctx, mut batch: lines::Chunk) -> Result<lines::Chunk> {
    for line in &mut batch.lines {
        if let Some(password) = line.password.take() {
            match crate::credentials::check_password(ctx, &password) {
                Ok(()) => line.password_hash = Some(directory.hasher().hash(password, &ctx.random).await?),
                Err(error) => batch.errors.push(LineError::new(line.number, &error)),
            }
        }
    }
    let wrong: Vec<u64> = batch.errors.iter().map(|error| error.line).collect();
    batch.lines.retain(|line| !wrong.contains(&line.number));
    Ok(batch)
}

fn hash_of(file: &mut (impl std::io::Read + Seek)) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; 64 * 1_024];
    loop {
        let length = file.read(&mut chunk).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        hasher.update(chunk.get(..length).unwrap_or_default());
    }
    file.rewind().map_err(unreadable)?;
    Ok(hasher.finalize().into())
}

fn unreadable(error: std::io::Error) -> Error {
    Error::unavailable("file", "cannot be read").with_source(error)
}

/// Finds the run of this file, or notes a new one.
async fn begin(
    directory: &Directory,
    ctx: &Ctx,
    organisation: OrganisationId,
    file_name: &str,
    file_hash: [u8; 32],
    dry_run: bool,
) -> Result<Report> {
    if dry_run {
        let own = ctx.clone();
        directory
            .read(move |tx| {
                let place = Place::organisation(organisation);
                roles::require(tx, &own, Verb::ImportRun, &place, "organisation").map(|_| Report::default())
            })
            .await
    } else {
        let file_name = codec::text::name("file", file_name, ctx.limits.name_bytes)?;
        directory.edit(ctx, organisation, move |edit| begin_run(edit, &file_name, file_hash)).await
    }
}

fn begin_run(edit: &mut Edit<'_, '_>, file_name: &str, file_hash: [u8; 32]) -> Result<Report> {
    let organisation = organisations::require_all(edit, Verb::ImportRun, "organisation")?.organisation;
    let now = edit.now_ms();
    let found = edit.query_opt(
        "SELECT id, lines, created, changed, unchanged, failed, finished_at FROM import_run
         WHERE organisation_id = $1 AND file_hash = $2",
        params![organisation, file_hash],
        |row| {
            let count = |column| row.int(column).map(|count| u64::try_from(count).unwrap_or(0));
            let report = Report {
                run_id: row.int(0)?,
                lines: count(1)?,
                created: count(2)?,
                changed: count(3)?,
                unchanged: count(4)?,
                failed: count(5)?,
                ..Report::default()
            };
            Ok((report, row.opt_int(6)?.is_some()))
        },
    )?;
    match found {
        Some((report, false)) => Ok(Report { resumed: true, ..report }),
        Some((Report { run_id, .. }, true)) => {
            edit.execute(
                "UPDATE import_run SET started_at = $3, finished_at = NULL, lines = 0, created = 0, changed = 0,
                        unchanged = 0, failed = 0 WHERE organisation_id = $1 AND id = $2",
                params![organisation, run_id, now],
            )?;
            edit.execute(
                "DELETE FROM import_error WHERE organisation_id = $1 AND run_id = $2",
                params![organisation, run_id],
            )?;
            Ok(Report { run_id, ..Report::default() })
        }
        None => {
            let run_id = edit.next_id()?;
            edit.execute(
                "INSERT INTO import_run (organisation_id, id, file_name, file_hash, started_at)
                 VALUES ($1, $2, $3, $4, $5)",
                params![organisation, run_id, file_name, file_hash, now],
            )?;
            edit.note("import", run_id, crate::edit::What::Created, file_name);
            Ok(Report { run_id, ..Report::default() })
        }
    }
}

/// One transaction of an import: its people, its errors and where it stands.
fn commit(edit: &mut Edit<'_, '_>, run_id: i64, lines: &lines::Chunk) -> Result<Batch> {
    let organisation = organisations::require_all(edit, Verb::ImportRun, "organisation")?.organisation;
    let batch = apply::apply(edit, lines)?;
    for error in &batch.errors {
        edit.later(
            "INSERT INTO import_error (organisation_id, run_id, line, field, rule) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            params![organisation, run_id, i64::try_from(error.line).unwrap_or(0), &error.field, &error.rule],
        )?;
    }
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    edit.later(
        "UPDATE import_run SET lines = $3, created = created + $4, changed = changed + $5,
                unchanged = unchanged + $6, failed = failed + $7 WHERE organisation_id = $1 AND id = $2",
        params![
            organisation,
            run_id,
            count(batch.last_line),
            count(batch.created),
            count(batch.changed),
            count(batch.unchanged),
            count(u64::try_from(batch.errors.len()).unwrap_or(0))
        ],
    )?;
    Ok(batch)
}

fn finish(edit: &mut Edit<'_, '_>, run_id: i64) -> Result<()> {
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    edit.execute(
        "UPDATE import_run SET finished_at = $3 WHERE organisation_id = $1 AND id = $2",
        params![organisation, run_id, now],
    )
    .map(|_| ())
}

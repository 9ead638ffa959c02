//! The bytes of one section of one message, for what is put together from others (CATENATE).

use base::{AccountId, CollectionId, Ctx};
use bytes::Bytes;
use codec::imap::{Section, SectionText};
use mail::summary::{Structure, fields, structure_of};
use mail::{Columns, Entry, Mail};

use super::section::range_of;
use crate::failure::Result;

/// The bytes; nothing for a section that is not there.
///
/// # Errors
/// `NO` when they cannot be read.
pub async fn part(
    ctx: &Ctx,
    mail: &Mail,
    (account, mailbox): (AccountId, CollectionId),
    entry: &Entry,
    section: &Section,
) -> Result<Option<Bytes>> {
    let columns = Columns { structure: true, ..Columns::default() };
    let rows = mail.rows(ctx, account, mailbox, vec![entry.content], columns).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let structure = match Structure::parse(&row.structure) {
        Some(structure) => structure,
        None => structure_of(&mail.body(ctx, account, mailbox, entry.content, None).await?),
    };
    let Some(range) = range_of(section, row.size, Some(row), Some(&structure)) else { return Ok(None) };
    let bytes = mail.body(ctx, account, mailbox, entry.content, Some(range)).await?;
    Ok(Some(match &section.text {
        SectionText::Fields { not, names } => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Bytes::from(fields::select_in(&bytes, &names, !not))
        }
        _ => bytes,
    }))
}

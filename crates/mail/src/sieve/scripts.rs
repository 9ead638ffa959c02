//! Scripts of an account: rows with a history, one of them in force.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use kernel::{Batch, Right};
use store::notify::Notifier;
use store::{Read, params};

use super::absent;
use super::compile;
use super::filter::Filter;
use super::settings::require_owner;

/// A script without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Unique in the account, stable over renames.
    pub id: i64,
    /// Unique in the account.
    pub name: String,
    /// Whether it is the one in force.
    pub active: bool,
    /// Bytes of its text.
    pub bytes: i64,
    /// When its text last changed, milliseconds since 1970.
    pub changed_at: i64,
}

/// The row of the account's settings, made where it is not there; all nodes hear that it changes.
pub(super) fn make_row(batch: &mut Batch<'_, '_>, notifier: &Notifier) -> Result<()> {
    let account = batch.account();
    absent::account_changed(batch.tx(), notifier, account);
    batch.tx().execute(
        "INSERT INTO sieve_account (account_id) VALUES ($1) ON CONFLICT (account_id) DO NOTHING",
        params![account],
    )?;
    Ok(())
}

fn list(tx: &mut Read<'_>, account: AccountId) -> Result<Vec<Script>> {
    tx.query(
        "SELECT s.id, s.name, CASE WHEN a.script_id = s.id THEN 1 ELSE 0 END, {octets}(s.text), s.changed_at
         FROM sieve_script s LEFT JOIN sieve_account a ON a.account_id = s.account_id
         WHERE s.account_id = $1 ORDER BY s.name",
        params![account],
        |row| {
            Ok(Script {
                id: row.int(0)?,
                name: row.text(1)?,
                active: row.flag(2)?,
                bytes: row.int(3)?,
                changed_at: row.int(4)?,
            })
        },
    )
}

fn find(tx: &mut Read<'_>, account: AccountId, name: &str) -> Result<Option<Script>> {
    Ok(list(tx, account)?.into_iter().find(|script| script.name == name))
}

fn require(tx: &mut Read<'_>, account: AccountId, name: &str) -> Result<Script> {
    find(tx, account, name)?.ok_or_else(|| Error::not_found("script"))
}

/// A name that others can see on one line (RFC 5804 section 1.6).
fn checked_name(ctx: &Ctx, name: &str) -> Result<String> {
    codec::text::name("name", name, ctx.limits.name_bytes)
}

/// Refuses one script too many.
fn check_room(ctx: &Ctx, scripts: &[Script], name: &str) -> Result<()> {
    let most = ctx.limits.sieve_scripts;
    let others = scripts.iter().filter(|script| script.name != name).count();
    if u64::try_from(others).unwrap_or(u64::MAX) >= most {
        return Err(Error::limit("script", format!("are {most} already; remove one first")));
    }
    Ok(())
}

impl Filter {
    /// The scripts of an account by name.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` for another's account.
    pub async fn scripts(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<Script>> {
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                list(view.tx(), account)
            })
            .await
    }

    /// The text of a script.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn script(&self, ctx: &Ctx, account: AccountId, name: &str) -> Result<String> {
        let name = name.to_owned();
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                view.tx()
                    .query_opt(
                        "SELECT text FROM sieve_script WHERE account_id = $1 AND name = $2",
                        params![account, name],
                        |row| row.text(0),
                    )?
                    .ok_or_else(|| Error::not_found("script"))
            })
            .await
    }

    /// Whether a script of that name and size would find room.
    ///
    /// # Errors
    /// `TooLarge` for its size, `Limit` for one script too many, `Invalid` about its name.
    pub async fn room(&self, ctx: &Ctx, account: AccountId, name: &str, bytes: u64) -> Result<()> {
        let name = checked_name(ctx, name)?;
        let most = ctx.limits.sieve_script_bytes;
        if bytes > most {
            return Err(Error::too_large("script", format!("has at most {most} bytes; shorten it")));
        }
        check_room(ctx, &self.scripts(ctx, account).await?, &name)
    }

    /// Makes or replaces a script. One that is in force is in force with its new text.
    ///
    /// # Errors
    /// `Invalid` about the script with line and column, or about its name; `TooLarge`, `Limit`; `NotFound` or
    /// `Forbidden` for another's account.
    pub async fn put_script(&self, ctx: &Ctx, account: AccountId, name: &str, text: &str) -> Result<()> {
        let name = checked_name(ctx, name)?;
        compile::check(&ctx.limits, text)?;
        if text.contains('\0') {
            return Err(Error::invalid("script", "holds a NUL character; remove it"));
        }
        let (own, text) = (ctx.clone(), text.to_owned());
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            let (account, now) = (batch.account(), own.now_ms());
            let scripts = list(batch.tx(), account)?;
            let bytes = text.len();
            if let Some(script) = scripts.iter().find(|script| script.name == name) {
                batch.tx().execute(
                    "UPDATE sieve_script SET text = $3, changed_at = $4 WHERE account_id = $1 AND id = $2",
                    params![account, script.id, &text, now],
                )?;
                batch.words(format!("sieve script {} changed: {name}, {bytes} bytes", script.id));
                return Ok(());
            }
            check_room(&own, &scripts, &name)?;
            let id = batch.new_id()?;
            batch.tx().execute(
                "INSERT INTO sieve_script (account_id, id, name, text, changed_at) VALUES ($1, $2, $3, $4, $5)",
                params![account, id, &name, &text, now],
            )?;
            batch.words(format!("sieve script {id} created: {name}, {bytes} bytes"));
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Puts a script in force instead of the one that is; none: no script is in force any more.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` where the class of service allows no filters.
    pub async fn activate(&self, ctx: &Ctx, account: AccountId, name: Option<&str>) -> Result<()> {
        if name.is_some() && !self.may_filter(ctx, account).await? {
            return Err(Error::forbidden(
                "script",
                "cannot be put in force; the class of service has no filters",
            ));
        }
        let (name, notifier) = (name.map(str::to_owned), self.notifier());
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            let account = batch.account();
            let script = name.as_deref().map(|name| require(batch.tx(), account, name)).transpose()?;
            make_row(batch, &notifier)?;
            let changed = batch.tx().execute(
                "UPDATE sieve_account SET script_id = $2 WHERE account_id = $1 AND script_id IS DISTINCT FROM $2",
                params![account, script.as_ref().map(|script| script.id)],
            )?;
            if changed > 0 {
                batch.words(match &script {
                    Some(script) => format!("sieve script {} put in force: {}", script.id, script.name),
                    None => "no sieve script is in force any more".to_owned(),
                });
            }
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Removes a script that is not in force.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the one in force.
    pub async fn remove_script(&self, ctx: &Ctx, account: AccountId, name: &str) -> Result<()> {
        let name = name.to_owned();
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            let account = batch.account();
            let script = require(batch.tx(), account, &name)?;
            if script.active {
                return Err(Error::conflict("script", "is in force; put another one in force first"));
            }
            batch.tx().execute(
                "DELETE FROM sieve_script WHERE account_id = $1 AND id = $2",
                params![account, script.id],
            )?;
            batch.words(format!("sieve script {} removed: {}", script.id, script.name));
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Gives a script another name.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when another has the new name; `Invalid` about it.
    pub async fn rename_script(&self, ctx: &Ctx, account: AccountId, from: &str, to: &str) -> Result<()> {
        let (from, to) = (from.to_owned(), checked_name(ctx, to)?);
        let write = move |batch: &mut Batch<'_, '_>| {
            require_owner(batch)?;
            let account = batch.account();
            let script = require(batch.tx(), account, &from)?;
            if from == to {
                return Ok(());
            }
            if find(batch.tx(), account, &to)?.is_some() {
                return Err(Error::conflict("name", "is the name of another script; choose another"));
            }
            batch.tx().execute(
                "UPDATE sieve_script SET name = $3 WHERE account_id = $1 AND id = $2",
                params![account, script.id, &to],
            )?;
            batch.words(format!("sieve script {} renamed: {from} to {to}", script.id));
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }
}

//! The addresses that a person sends as, with what it set of each.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use codec::Address;
use directory::{aliases, entries};
use kernel::Right;
use store::params;

use crate::Mail;

/// Below 2^53, so that programs that keep numbers as floating point show it right.
const ID_MASK: u64 = (1 << 53) - 1;
const ID_SHIFT: u32 = 9;

/// An address that a person sends as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Its number; 0 for one that is to be made.
    pub id: i64,
    /// The address.
    pub address: String,
    /// Whether the person made it; else the directory gives it.
    pub made: bool,
    /// The name beside the address.
    pub name: String,
    /// Where answers go, as JSON.
    pub reply_to: Option<String>,
    /// Who gets a copy, as JSON.
    pub bcc: Option<String>,
    /// Below messages in plain text.
    pub text_signature: String,
    /// Below messages in HTML.
    pub html_signature: String,
}

/// The number of an address that the directory gives: always the same.
fn id_of(address: &str) -> i64 {
    let hash = blake3::hash(address.as_bytes());
    let first = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    i64::try_from(u64::from_le_bytes(first) & ID_MASK).unwrap_or(0)
}

impl Mail {
    /// The addresses that the directory gives the actor to send as, the primary one first, each with its name.
    async fn given_addresses(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<(String, String)>> {
        let own = ctx.clone();
        let mut given = self
            .directory()
            .read(move |tx| {
                let organisation = own.actor.organisation;
                let found = entries::of_accounts(tx, organisation, &[account])?;
                let name = found.into_iter().next().map(|entry| entry.name).unwrap_or_default();
                let addresses = aliases::list(tx, &own, organisation, account)?;
                let now = own.now_ms();
                let current = addresses.into_iter().filter(|one| one.expires_at.is_none_or(|at| at > now));
                Ok(current.map(|one| (one.address, name.clone())).collect::<Vec<_>>())
            })
            .await?;
        for shared in self.shared_accounts(ctx).await? {
            if self.may_post_for(ctx, shared.account).await {
                given.push((shared.address, shared.name));
            }
        }
        Ok(given)
    }

    /// What the actor sends as: one identity for each address that the directory gives it, and those that it made.
    ///
    /// # Errors
    /// `NotFound` for another's account.
    pub async fn identities(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<Identity>> {
        let rows: Vec<Identity> = self
            .kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                view.tx().query(
                    "SELECT id, address, made, name, reply_to, bcc, text_signature, html_signature
                     FROM identity WHERE account_id = $1 ORDER BY address, id",
                    params![account],
                    |row| {
                        Ok(Identity {
                            id: row.int(0)?,
                            address: row.text(1)?,
                            made: row.flag(2)?,
                            name: row.text(3)?,
                            reply_to: row.opt_text(4)?,
                            bcc: row.opt_text(5)?,
                            text_signature: row.text(6)?,
                            html_signature: row.text(7)?,
                        })
                    },
                )
            })
            .await?;
        let (made, settings): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.made);
        let mut all = Vec::new();
        for (address, name) in self.given_addresses(ctx, account).await? {
            let id = id_of(&address);
            let set = settings.iter().find(|row| row.id == id).cloned();
            // A name that is the address says nothing.
            let name = if name == address { String::new() } else { name };
            all.push(set.unwrap_or(Identity { id, address, name, ..Identity::default() }));
        }
        for identity in made {
            // An address that the person lost is none to send as; it is back with the address.
            if let Ok(address) = Address::parse(&identity.address)
                && self.may_send_as(ctx, &address).await?
            {
                all.push(identity);
            }
        }
        Ok(all)
    }

    /// Makes an identity, whose number is 0, or changes one; its number.
    ///
    /// # Errors
    /// `Forbidden` for an address that the actor may not send as, `Limit` of identities, `TooLarge` about a field.
    pub async fn put_identity(&self, ctx: &Ctx, account: AccountId, identity: Identity) -> Result<i64> {
        let address = Address::parse(&identity.address).map_err(Error::from)?;
        if !self.may_send_as(ctx, &address).await? {
            return Err(Error::forbidden("email", "is neither an address of yours nor delegated to you"));
        }
        let limits = &ctx.limits;
        let texts = [&identity.text_signature, &identity.html_signature];
        let lists = [&identity.reply_to, &identity.bcc];
        if identity.name.len() as u64 > limits.name_bytes {
            return Err(Error::too_large("name", "is longer than names may be"));
        }
        if texts
            .into_iter()
            .chain(lists.into_iter().flatten())
            .any(|text| text.len() as u64 > limits.text_bytes)
        {
            return Err(Error::too_large("signature", "is longer than texts may be"));
        }
        let own = ctx.clone();
        let most = i64::try_from(limits.identities_per_account).unwrap_or(i64::MAX);
        let write = move |batch: &mut kernel::Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let id = if identity.id == 0 { own.random.id() >> ID_SHIFT } else { identity.id };
            let sql = "SELECT count(*) FROM identity WHERE account_id = $1 AND id <> $2";
            if batch.tx().query_one(sql, params![account, id], |row| row.int(0))? >= most {
                return Err(Error::limit("identity", format!("are at most {most}; remove one first")));
            }
            batch.tx().execute(
                "INSERT INTO identity (account_id, id, address, made, name, reply_to, bcc, text_signature, html_signature)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (account_id, id) DO UPDATE SET name = excluded.name, reply_to = excluded.reply_to,
                    bcc = excluded.bcc, text_signature = excluded.text_signature,
                    html_signature = excluded.html_signature",
                params![
                    account,
                    id,
                    &identity.address,
                    identity.made,
                    &identity.name,
                    identity.reply_to.clone(),
                    identity.bcc.clone(),
                    &identity.text_signature,
                    &identity.html_signature
                ],
            )?;
            batch.words(format!("identity {}", identity.address));
            Ok(id)
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Removes an identity that the actor made.
    ///
    /// # Errors
    /// `NotFound` when it made none with that number.
    pub async fn remove_identity(&self, ctx: &Ctx, account: AccountId, id: i64) -> Result<()> {
        let write = move |batch: &mut kernel::Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let sql = "DELETE FROM identity WHERE account_id = $1 AND id = $2 AND made = 1";
            if batch.tx().execute(sql, params![account, id])? == 0 {
                return Err(Error::not_found("identity"));
            }
            batch.words("identity removed".to_owned());
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }
}

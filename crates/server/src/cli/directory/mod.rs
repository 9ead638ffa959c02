//! Commands on the directory: organisations, domains, people, groups, lists, aliases, shared mailboxes,
//! resources, classes of service and units. They call the functions that the doors call.

pub mod class;
pub mod credential;
pub mod domain;
pub mod entry;
mod fields;
pub mod group;
pub mod organisation;
pub mod person;
pub mod provider;
pub mod resolve;
pub mod role;
pub mod unit;

use base::{AccountId, Ctx, Error, OrganisationId};
use directory::{Directory, entries, organisations};
use serde_json::json;

use super::{Session, block_on};
use crate::failure::Failure;
use crate::node::Node;
pub use fields::Assignment;

/// The floors below, open, for an administrator at the machine.
pub struct Desk<'s> {
    pub session: &'s Session,
    pub node: Node,
    /// The administrator: all rights, through the door of the command line.
    pub ctx: Ctx,
}

impl Session {
    /// Opens the floors below, does the work and closes them again.
    pub fn at_desk(&self, work: impl AsyncFnOnce(&Desk<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let loaded = self.load()?;
        block_on(async {
            let node = Node::open(&loaded.config).await?;
            let ctx = node.at_the_machine();
            let desk = Desk { session: self, node, ctx };
            let done = work(&desk).await;
            desk.node.close().await;
            done
        })
    }
}

impl Desk<'_> {
    pub fn directory(&self) -> &Directory {
        &self.node.directory
    }

    /// The organisation that `--org` names, or the only one there is.
    pub async fn organisation(&self) -> Result<OrganisationId, Failure> {
        let ctx = self.ctx.clone();
        let Some(name) = self.session.global.org.clone() else {
            let all = self.directory().read(move |tx| organisations::list(tx, &ctx, "")).await?;
            let names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).take(10).collect();
            return match all.as_slice() {
                [(only, _)] => Ok(*only),
                [] => Err(Error::new(
                    base::Meaning::NotFound,
                    "",
                    "There is no organisation yet; make one with `beffroi org add NAME`.",
                )
                .into()),
                _ => {
                    Err(Error::invalid("--org", format!("is missing; name one of: {}", names.join(", ")))
                        .into())
                }
            };
        };
        let found = self.directory().read(move |tx| organisations::by_name(tx, &name)).await?;
        Ok(found.ok_or_else(|| Error::not_found("organisation"))?)
    }

    /// The entry of an organisation that has an address, if it is of one of `kinds`.
    pub async fn entry(
        &self,
        organisation: OrganisationId,
        kind: entries::Kind,
        address: &str,
    ) -> Result<AccountId, Failure> {
        let address = address.to_owned();
        let found = self
            .directory()
            .read(move |tx| {
                let Some(account) = entries::account_by_address(tx, organisation.0, &address)? else {
                    return Ok(None);
                };
                entries::load(tx, organisation, account).map(Some)
            })
            .await?;
        match found {
            Some(entry) if entry.kind == kind => Ok(entry.account),
            Some(entry) => {
                let rule = format!("is the address of a {}; use the command of that kind", entry.kind.name());
                Err(Error::invalid("address", rule).into())
            }
            None => Err(Error::not_found(kind.name()).into()),
        }
    }

    /// Says what was done, and what it was done to.
    pub fn done(&self, sentence: &str, object: &serde_json::Value) -> Result<(), Failure> {
        self.session.out.say(sentence, object)
    }

    /// Says whether a change changed anything.
    pub fn changed(&self, what: &str, changed: bool) -> Result<(), Failure> {
        let sentence = if changed {
            format!("{what} is changed.")
        } else {
            format!("{what} is so already; nothing changed.")
        };
        self.done(&sentence, &json!({ "object": what, "changed": changed }))
    }
}

//! `beffroi mailbox`: the mailboxes of an account, and who else may use them.

use base::{AccountId, CollectionId, Ctx, Error};
use kernel::Rights;
use mail::{Mail, Mailbox, MailboxChange};
use serde_json::json;

use super::super::Session;
use super::super::directory::Desk;
use super::super::output::{Cell, Column};
use crate::failure::Failure;

/// Commands on mailboxes; a mailbox is named by its path, such as Work/2026.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the mailboxes of an account
    List {
        /// Whose
        address: String,
    },
    /// Make a mailbox, with those above it that are missing
    Create {
        /// Whose
        address: String,
        /// Its path
        path: String,
    },
    /// Give a mailbox another name
    Rename {
        /// Whose
        address: String,
        /// Its path
        path: String,
        /// Its new name, without the path
        name: String,
    },
    /// Remove a mailbox with its messages
    Remove {
        /// Whose
        address: String,
        /// Its path
        path: String,
    },
    /// Give somebody rights on a mailbox, or, with `--rights ""`, take them
    Share {
        /// Whose
        address: String,
        /// Its path; / for all mailboxes
        path: String,
        /// The person or group
        with: String,
        /// The rights, such as read,seen
        #[arg(long, default_value = "read,seen")]
        rights: String,
    },
    /// List who may use a mailbox
    Shares {
        /// Whose
        address: String,
        /// Its path; / for all mailboxes
        path: String,
    },
}

type Row = (String, Mailbox);
type Share = (AccountId, String, Rights);

const COLUMNS: [Column<Row>; 6] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.1.id.0) },
    Column { key: "path", title: "Mailbox", cell: |row| Cell::Text(row.0.clone()) },
    Column { key: "role", title: "For", cell: |row| Cell::maybe(row.1.role.map(mail::Role::word)) },
    Column { key: "messages", title: "Messages", cell: |row| Cell::Whole(row.1.total) },
    Column { key: "unseen", title: "Unseen", cell: |row| Cell::Whole(row.1.unseen) },
    Column { key: "bytes", title: "Size", cell: |row| Cell::Bytes(row.1.bytes) },
];

const SHARES: [Column<Share>; 2] = [
    Column { key: "address", title: "Address", cell: |share| Cell::Text(share.1.clone()) },
    Column {
        key: "rights",
        title: "Rights",
        cell: |share| Cell::Words(share.2.words().into_iter().map(str::to_owned).collect()),
    },
];

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| {
        let (mail, blobs) = desk.mail().await?;
        let done = at(desk, &mail, command).await;
        blobs.close().await;
        done
    })
}

async fn at(desk: &Desk<'_>, mail: &Mail, command: Command) -> Result<(), Failure> {
    let ctx = &desk.ctx;
    match command {
        Command::List { address } => {
            let account = desk.owner(&address).await?;
            mail.inbox(ctx, account).await?;
            desk.session.out.rows(&COLUMNS, &paths(&mail.mailboxes(ctx, account).await?))
        }
        Command::Create { address, path } => {
            let account = desk.owner(&address).await?;
            let id = create(mail, ctx, account, &path).await?;
            desk.done(&format!("Mailbox {path} is made."), &json!({ "id": id.0, "path": path }))
        }
        Command::Rename { address, path, name } => {
            let account = desk.owner(&address).await?;
            let id = find(mail, ctx, account, &path).await?;
            let change = MailboxChange { name: Some(name.clone()), ..MailboxChange::default() };
            mail.change_mailbox(ctx, account, id, change).await?;
            desk.done(&format!("Mailbox {path} is called {name} now."), &json!({ "id": id.0, "name": name }))
        }
        Command::Remove { address, path } => {
            let account = desk.owner(&address).await?;
            let id = find(mail, ctx, account, &path).await?;
            let count = mail.mailbox(ctx, account, id).await?.total;
            desk.session.confirm(&format!(
                "Mailbox {path} of {address} is about to be removed with {count} messages."
            ))?;
            mail.destroy_mailbox(ctx, account, id).await?;
            desk.done(&format!("Mailbox {path} is removed."), &json!({ "id": id.0, "messages": count }))
        }
        Command::Share { address, path, with, rights } => {
            let account = desk.owner(&address).await?;
            let (id, subject) = (place(mail, ctx, account, &path).await?, desk.subject(&with).await?);
            let rights = Rights::parse(&rights)?;
            mail.set_acl(ctx, account, id, subject, rights).await?;
            let words = rights.words();
            let sentence = if words.is_empty() {
                format!("{with} may not use {path} any more.")
            } else {
                format!("{with} may {} in {path}.", words.join(", "))
            };
            desk.done(&sentence, &json!({ "id": id.0, "with": with, "rights": words }))
        }
        Command::Shares { address, path } => {
            let account = desk.owner(&address).await?;
            let id = place(mail, ctx, account, &path).await?;
            // Names are those of the organisation: an administrator at the machine belongs to none.
            let mut actor = ctx.actor.clone();
            actor.organisation = desk.organisation().await?;
            let own = ctx.with_actor(actor, ctx.door, ctx.session);
            desk.session.out.rows(&SHARES, &mail.acl(&own, account, id).await?)
        }
    }
}

/// Mailboxes with their paths, in the order of these.
fn paths(all: &[Mailbox]) -> Vec<Row> {
    let path = |mailbox: &Mailbox| {
        let (mut path, mut above) = (mailbox.name.clone(), mailbox.parent);
        while let Some(parent) = all.iter().find(|other| other.id == above) {
            path = format!("{}/{path}", parent.name);
            above = parent.parent;
        }
        path
    };
    let mut rows: Vec<Row> = all.iter().map(|mailbox| (path(mailbox), mailbox.clone())).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// A mailbox, or with `/` all of them together.
pub async fn place(mail: &Mail, ctx: &Ctx, account: AccountId, path: &str) -> Result<CollectionId, Failure> {
    if path == "/" { Ok(CollectionId(0)) } else { find(mail, ctx, account, path).await }
}

async fn find(mail: &Mail, ctx: &Ctx, account: AccountId, path: &str) -> Result<CollectionId, Failure> {
    mail.inbox(ctx, account).await?;
    let rows = paths(&mail.mailboxes(ctx, account).await?);
    let is_it = |row: &&Row| row.0 == path || (row.0 == "INBOX" && path.eq_ignore_ascii_case("inbox"));
    Ok(rows.iter().find(is_it).map(|row| row.1.id).ok_or_else(|| Error::not_found("mailbox"))?)
}

async fn create(mail: &Mail, ctx: &Ctx, account: AccountId, path: &str) -> Result<CollectionId, Failure> {
    mail.inbox(ctx, account).await?;
    let rows = paths(&mail.mailboxes(ctx, account).await?);
    let (mut parent, mut so_far) = (CollectionId(0), String::new());
    let last = path.split('/').count();
    for (number, name) in path.split('/').enumerate() {
        so_far = if so_far.is_empty() { name.to_owned() } else { format!("{so_far}/{name}") };
        let known = rows.iter().find(|row| row.0 == so_far).map(|row| row.1.id);
        parent = match known {
            Some(id) if number + 1 < last => id,
            // The last one is to be new.
            _ => mail.create_mailbox(ctx, account, parent, name, None).await?,
        };
    }
    Ok(parent)
}

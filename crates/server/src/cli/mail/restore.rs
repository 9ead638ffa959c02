//! `beffroi restore`: images of an account, looked at and brought back.

use base::{AccountId, CollectionId, Error, Seq};
use mail::Mail;
use mail::images::{Image, ImageMailbox, ImageReport, ImageRestore, Restoring, Selection};
use serde_json::json;

use super::super::Session;
use super::super::directory::Desk;
use super::super::output::{Cell, Column};
use super::mailbox;
use crate::failure::Failure;

/// Commands on images: an account as it was, named by the numbers that `list` shows.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the images of an account, the newest first
    List {
        /// Whose
        address: String,
    },
    /// Make an image now, besides those that are made every hour
    Mark {
        /// Of whose mail
        address: String,
    },
    /// List the mailboxes of an image
    Show {
        /// Whose
        address: String,
        /// Which image
        image: i64,
    },
    /// Bring an image back, or a mailbox of it
    Run {
        /// Whose
        address: String,
        /// Which image
        image: i64,
        /// Beside what is there, only what is lost, or in the place of what is there
        #[arg(long, value_enum)]
        mode: Mode,
        /// Only this mailbox of the image, with those in it
        #[arg(long, value_name = "PATH")]
        mailbox: Option<String>,
        /// For copies: below this mailbox; / for the top
        #[arg(long, value_name = "PATH", default_value = "/")]
        to: String,
        /// Only tell what would change
        #[arg(long)]
        dry_run: bool,
    },
}

/// What becomes of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Copies beside what is there
    Copy,
    /// Only what lies nowhere any more
    Missing,
    /// Everything as it was; what came later is removed
    Replace,
}

type Row = (String, ImageMailbox);

const IMAGES: [Column<Image>; 2] = [
    Column { key: "image", title: "Image", cell: |image| Cell::Whole(image.mark.0) },
    Column { key: "at", title: "Moment", cell: |image| Cell::Time(image.at) },
];

const MAILBOXES: [Column<Row>; 4] = [
    Column { key: "path", title: "Mailbox", cell: |row| Cell::Text(row.0.clone()) },
    Column { key: "messages", title: "Messages", cell: |row| Cell::Whole(row.1.total) },
    Column { key: "unseen", title: "Unseen", cell: |row| Cell::Whole(row.1.unseen) },
    Column { key: "bytes", title: "Size", cell: |row| Cell::Bytes(row.1.bytes) },
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
    match command {
        Command::List { address } => {
            let account = desk.owner(&address).await?;
            desk.session.out.rows(&IMAGES, &mail.images(&desk.ctx, account).await?)
        }
        Command::Mark { address } => {
            let account = desk.owner(&address).await?;
            let made = mail.kernel().mark(&desk.ctx, account).await?;
            let newest = mail.images(&desk.ctx, account).await?.first().map(|image| image.mark.0);
            let number = newest.unwrap_or_default();
            let sentence = match made {
                Some(_) => format!("Image {number} shows the mail of {address} as it is now."),
                None => format!("Nothing changed since image {number}."),
            };
            desk.done(&sentence, &json!({ "image": newest, "made": made.is_some() }))
        }
        Command::Show { address, image } => {
            let account = desk.owner(&address).await?;
            desk.session.out.rows(&MAILBOXES, &paths(desk, mail, account, Seq(image)).await?)
        }
        Command::Run { address, image, mode, mailbox, to, dry_run } => {
            let (account, mark) = (desk.owner(&address).await?, Seq(image));
            let selection = match &mailbox {
                Some(path) => Selection::Mailbox(find(&paths(desk, mail, account, mark).await?, path)?),
                None => Selection::All,
            };
            let how = match mode {
                Mode::Copy => Restoring::Into(mailbox::place(mail, &desk.ctx, account, &to).await?),
                Mode::Missing => Restoring::Missing,
                Mode::Replace => Restoring::Replace,
            };
            let wanted = ImageRestore { mark, selection, how };
            if dry_run {
                return tell(desk, &mail.plan_restore(&desk.ctx, account, wanted).await?, true);
            }
            if mode == Mode::Replace {
                desk.session.confirm(&format!(
                    "The mail of {address} is about to become what it was; what came later is removed."
                ))?;
            }
            tell(desk, &mail.restore_image(&desk.ctx, account, wanted).await?, false)
        }
    }
}

fn find(rows: &[Row], path: &str) -> Result<CollectionId, Failure> {
    let found = rows.iter().find(|row| row.0 == path).map(|row| row.1.id);
    Ok(found.ok_or_else(|| Error::not_found("mailbox"))?)
}

async fn paths(desk: &Desk<'_>, mail: &Mail, account: AccountId, mark: Seq) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    // Those above stand before those in them.
    for was in mail.image_mailboxes(&desk.ctx, account, mark).await? {
        let above = rows.iter().find(|row| row.1.id == was.parent).map(|row| format!("{}/", row.0));
        rows.push((format!("{}{}", above.unwrap_or_default(), was.name), was));
    }
    Ok(rows)
}

fn tell(desk: &Desk<'_>, report: &ImageReport, dry_run: bool) -> Result<(), Failure> {
    let would = if dry_run { "Would be done" } else { "Done" };
    let sentence = format!(
        "{would}: mailboxes brought back {}, changed {}, removed {}; messages brought back {}, changed {}, removed {}.",
        report.mailboxes_back,
        report.mailboxes_changed,
        report.mailboxes_removed,
        report.emails_back,
        report.emails_changed,
        report.emails_removed
    );
    let object = json!({
        "dry_run": dry_run,
        "mailboxes_back": report.mailboxes_back,
        "mailboxes_changed": report.mailboxes_changed,
        "mailboxes_removed": report.mailboxes_removed,
        "emails_back": report.emails_back,
        "emails_changed": report.emails_changed,
        "emails_removed": report.emails_removed,
        "bytes_back": report.bytes_back,
    });
    desk.done(&sentence, &object)
}

//! `beffroi queue`: mail on its way out.

use base::Error;
use mail::queue::{PausedRoute, Queue, QueuedMessage};
use serde_json::json;

use super::Session;
use super::directory::Desk;
use super::output::{Cell, Column, time};
use crate::failure::Failure;

/// Commands on the queue.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List what waits: a line a recipient
    List {
        /// At most so many messages
        #[arg(long, default_value = "100", value_name = "NUMBER")]
        limit: i64,
        /// Only those behind this message
        #[arg(long, default_value = "0", value_name = "MESSAGE")]
        after: i64,
    },
    /// Show a message and what was answered for each recipient
    Show {
        /// The message's number
        message: i64,
    },
    /// Try what waits now
    Flush {
        /// Only this destination
        #[arg(long, value_name = "DOMAIN", conflicts_with = "message")]
        to: Option<String>,
        /// Only this message
        #[arg(long, value_name = "MESSAGE")]
        message: Option<i64>,
    },
    /// Send nothing to a destination for now; without one, list what is paused
    Pause {
        /// The domain; `*` for all
        destination: Option<String>,
        /// Why, for those who look
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
    /// End a pause
    Resume {
        /// The domain; `*` for all
        destination: String,
    },
    /// Hold a message back
    Hold {
        /// The message's number
        message: i64,
    },
    /// Let a message that was held back go on
    Release {
        /// The message's number
        message: i64,
    },
    /// Remove a message; its sender hears nothing
    Remove {
        /// The message's number
        message: i64,
    },
}

const COLUMNS: [Column<QueuedMessage>; 9] = [
    Column { key: "id", title: "Message", cell: |row| Cell::Whole(row.id) },
    Column { key: "sender", title: "From", cell: |row| Cell::Text(sender(&row.sender)) },
    Column { key: "recipient", title: "To", cell: |row| Cell::Text(row.address.clone()) },
    Column { key: "size_bytes", title: "Size", cell: |row| Cell::Bytes(row.size) },
    Column { key: "created_at", title: "Since", cell: |row| Cell::Time(row.created_at) },
    Column { key: "state", title: "State", cell: |row| Cell::Text(row.state.clone()) },
    Column { key: "attempts", title: "Tried", cell: |row| Cell::Whole(row.attempts) },
    Column { key: "next_at", title: "Next", cell: |row| Cell::Time(row.next_at) },
    Column { key: "last_reply", title: "Answer", cell: |row| Cell::maybe(row.last_reply.clone()) },
];

const PAUSES: [Column<PausedRoute>; 3] = [
    Column { key: "destination", title: "Destination", cell: |row| Cell::Text(row.route.clone()) },
    Column { key: "since", title: "Since", cell: |row| Cell::Time(row.since) },
    Column { key: "reason", title: "Why", cell: |row| Cell::Text(row.reason.clone()) },
];

fn sender(sender: &str) -> String {
    if sender.is_empty() { "<>".to_owned() } else { sender.to_owned() }
}

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let queue = Queue::new(desk.node.store());
    match command {
        Command::List { limit, after } => {
            desk.session.out.rows(&COLUMNS, &queue.list(after, limit.clamp(1, 10_000)).await?)
        }
        Command::Show { message } => show(desk, &queue, message).await,
        Command::Flush { to, message } => {
            let to = to.as_deref().map(destination).transpose()?;
            let count = queue.flush(&desk.ctx, to.as_deref(), message).await?;
            let sentence = format!("{count} recipients that waited are tried now.");
            desk.done(&sentence, &json!({ "recipients": count }))
        }
        Command::Pause { destination: None, .. } => desk.session.out.rows(&PAUSES, &queue.pauses().await?),
        Command::Pause { destination: Some(route), reason } => {
            let route = destination(&route)?;
            queue.pause(&desk.ctx, &route, &reason).await?;
            desk.done(&format!("Nothing is sent to {route} for now."), &json!({ "paused": route }))
        }
        Command::Resume { destination: route } => {
            let route = destination(&route)?;
            let changed = queue.resume(&route).await?;
            desk.changed(&format!("Pause of {route}"), changed)
        }
        Command::Hold { message } => held(desk, &queue, message, true).await,
        Command::Release { message } => held(desk, &queue, message, false).await,
        Command::Remove { message } => {
            desk.session.confirm(&format!("Message {message} is about to be removed from the queue."))?;
            let removed = queue.remove(message).await?;
            let mut sentence =
                format!("Message {message} is removed; {} recipients will not get it.", removed.recipients);
            if removed.in_flight > 0 {
                sentence = format!("{sentence} It was just being sent to {} of them.", removed.in_flight);
            }
            let object =
                json!({ "id": message, "recipients": removed.recipients, "in_flight": removed.in_flight });
            desk.done(&sentence, &object)
        }
    }
}

/// A destination as it stands in the queue.
fn destination(text: &str) -> Result<String, Failure> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    mail::queue::route_of(&format!("postmaster@{text}"))
        .map_err(|_| Error::invalid("destination", "is no domain; write one, or * for all").into())
}

async fn held(desk: &Desk<'_>, queue: &Queue, message: i64, on: bool) -> Result<(), Failure> {
    let count = queue.hold(&desk.ctx, message, on).await?;
    let what = if on { "held back" } else { "let go on" };
    desk.done(&format!("{count} recipients are {what}."), &json!({ "id": message, "recipients": count }))
}

async fn show(desk: &Desk<'_>, queue: &Queue, id: i64) -> Result<(), Failure> {
    let (message, recipients) = queue.show(id).await?;
    if !desk.session.out.is_json() {
        let members = [
            ("message", id.to_string()),
            ("from", sender(&message.sender)),
            ("queued", time(message.created_at)),
            ("given up", time(message.expires_at)),
        ];
        let members = members.into_iter().map(|(key, text)| (key.to_owned(), Cell::Text(text))).collect();
        desk.session.out.members(members)?;
        desk.session.out.line("")?;
    }
    desk.session.out.rows(&COLUMNS, &recipients)
}

//! A delivery as mail will make it: an immutable row with a summary, an item, a commit, counters.

use base::{AccountId, CollectionId};
use kernel::{Batch, Body, Created, Kind, NewItem};
use store::sql::{Bulk, Migration, Type};
use store::{Part, params};

const SCHEMA: &str = "
-- A letter: the content of an item, never changed.
CREATE TABLE letter (
    account_id bigint NOT NULL, -- its owner
    id bigint NOT NULL, -- the content's number
    blob_hash {bytes} NOT NULL, -- its body
    size bigint NOT NULL, -- the size of the body
    received_at bigint NOT NULL, -- when it came
    summary text NOT NULL, -- what lists show of it
    PRIMARY KEY (account_id, id)
);
CREATE INDEX letter_blob ON letter (blob_hash);";

pub const PART: Part = Part {
    name: "letter",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "ground", text: SCHEMA }],
};

pub const KIND: Kind = Kind {
    name: "letter",
    table: Some("letter"),
    bodies: &[Body { table: "letter", column: "blob_hash" }],
    every_version: false,
    searchable: None,
};

static INSERT: Bulk = Bulk::insert(
    "letter",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("blob_hash", Type::Bytes),
        ("size", Type::Int),
        ("received_at", Type::Int),
        ("summary", Type::Text),
    ],
);

/// About 400 bytes: sender, recipients, subject, preview, structure.
pub fn summary(n: u64) -> String {
    format!(
        "{{\"from\":[\"Camille Lefort\",\"camille.lefort@example.org\"],\"to\":[[\"Equipe {n}\",\"equipe@example.org\"]],\
         \"subject\":\"Compte rendu de la reunion numero {n} du conseil\",\"message_id\":\"<{n}.1793606400@mail.example.org>\",\
         \"preview\":\"Bonjour a toutes et a tous, voici le compte rendu de notre derniere reunion; merci de me \
         signaler toute erreur avant vendredi soir.\",\"parts\":[[\"text/plain\",\"utf-8\",1204,31],\
         [\"application/pdf\",\"base64\",11873,0]]}}"
    )
}

pub fn deliver(
    batch: &mut Batch<'_, '_>,
    collection: CollectionId,
    hash: [u8; 32],
    size: i64,
    n: u64,
) -> base::Result<Created> {
    let made = batch.create(collection, NewItem { size, body: Some(hash), ..NewItem::default() })?;
    let (account, now_ms): (AccountId, i64) = (batch.account(), batch.ctx().now_ms());
    batch.tx().add(&INSERT, params![account, made.content, hash, size, now_ms, summary(n)])?;
    Ok(made)
}

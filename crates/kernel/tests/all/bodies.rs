//! Bodies that only a row of a kind names are kept, as long as the row is.

use std::sync::Arc;
use std::time::Duration;

use base::{CollectionId, ItemId, Limits, Random};
use bytes::Bytes;
use kernel::{Body, ChainKey, Keep, Kernel, Kind, NewItem};
use store::sql::{Bulk, Migration, Type};
use store::{BLOBS, BlobBackend, BlobOptions, Blobs, Part, params};
use testkit::engines::{Engine, both};
use testkit::plans::no_scans;
use testkit::world::{HERE, World};

const SCHEMA: &str = "
-- A leaf: a content with a body.
CREATE TABLE leaf (
    account_id bigint NOT NULL, -- its owner
    id bigint NOT NULL, -- the content's number
    body {bytes}, -- its body, if it has one
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE INDEX leaf_body ON leaf (body);";

const LEAVES: Part = Part {
    name: "leaves",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "ground", text: SCHEMA }],
};

const LEAF: Kind = Kind {
    name: "leaf",
    table: Some("leaf"),
    bodies: &[Body { table: "leaf", column: "body" }],
    every_version: false,
    searchable: None,
};

static INSERT: Bulk =
    Bulk::insert("leaf", &[("account_id", Type::Int), ("id", Type::Int), ("body", Type::Bytes)]);

const LEASE_MS: i64 = 3_600_000;

async fn open(engine: Engine) -> (World, Blobs) {
    let kernel = Kernel::new(engine.store.clone(), vec![LEAF], ChainKey::new([7; 32]));
    let backend = BlobBackend::Disk { path: engine.folder.path().join("blobs") };
    let (clock, limits) = (engine.clock.clone(), Arc::new(Limits::default()));
    let mut options = BlobOptions::new(backend, clock, Random::system(), limits);
    options.lease = Duration::from_millis(LEASE_MS.unsigned_abs());
    let blobs = Blobs::open(engine.store.clone(), options).await.unwrap();
    (World { engine, kernel }, blobs)
}

#[test]
fn r06_a_sweep_keeps_what_only_a_row_of_a_kind_names() {
    let parts: Vec<Part> = vec![kernel::PART, BLOBS, LEAVES];
    both(&parts, Some(kernel::on_lock), |engine| async move {
        let (world, blobs) = open(engine).await;
        let account = world.account(HERE).await;
        let tree = world.collection_of("leaf", account, "Tree").await;
        let bodies: [Bytes; 2] = [Bytes::from(vec![b'a'; 20_000]), Bytes::from_static(b"a small body")];
        for body in &bodies {
            grow(&world, &blobs, account, tree, body.clone()).await;
        }
        let unnamed = blobs.put(HERE, Bytes::from_static(b"nobody names me")).await.unwrap();
        let hash_of_unnamed = unnamed.hash();
        world.engine.store.write([], move |tx| unnamed.name(tx)).await.unwrap();
        world.engine.store.record_statements();
        let references = world.kernel.body_references();
        let sweep = async || {
            world.engine.clock.advance_ms(2 * LEASE_MS);
            blobs.sweep(&references).await.unwrap().bodies_removed
        };
        assert_eq!(sweep().await, 1, "the one that nothing names");
        assert_eq!(sweep().await + sweep().await, 0);
        let hash = |body: &Bytes| *blake3::hash(body).as_bytes();
        for body in &bodies {
            assert_eq!(blobs.read(HERE, hash(body), None).await.unwrap(), *body);
        }
        assert!(blobs.read(HERE, hash_of_unnamed, None).await.is_err());
        blobs.verify(&references, |finding| panic!("{finding}")).await.unwrap();
        // Listing is for a check of everything; sweeping looks each hash up.
        no_scans(&world.engine.store, &["WITH r(o, h)", "blob_container", "blob_stage", "leaf WHERE"]).await;

        // What was removed stays as long as it can be brought back.
        let ctx = world.ctx();
        world.kernel.write(&ctx, account, move |batch| batch.destroy(tree, &[ItemId(1)])).await.unwrap();
        assert_eq!(sweep().await, 0);
        assert_eq!(blobs.read(HERE, hash(&bodies[0]), None).await.unwrap(), bodies[0]);
        world.engine.clock.advance_ms(400 * 86_400_000);
        world.kernel.prune(&ctx, account, Keep::default()).await.unwrap();
        assert_eq!(sweep().await, 1, "its content was forgotten");
        assert_eq!(blobs.read(HERE, hash(&bodies[1]), None).await.unwrap(), bodies[1]);
        blobs.close().await;
    });
}

async fn grow(world: &World, blobs: &Blobs, account: base::AccountId, tree: CollectionId, body: Bytes) {
    let size = i64::try_from(body.len()).unwrap();
    let put = blobs.put(HERE, body).await.unwrap();
    let ctx = world.ctx();
    let write = world.kernel.write(&ctx, account, move |batch| {
        put.name(batch.tx())?;
        let made = batch.create(tree, NewItem { size, ..NewItem::default() })?;
        let owner = batch.account();
        batch.tx().add(&INSERT, params![owner, made.content, put.hash()])
    });
    write.await.unwrap();
}

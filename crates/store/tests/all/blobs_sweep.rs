//! Removing, compacting, staging and checking bodies.

use base::{Meaning, OrganisationId};
use store::blobs::{BlobBackend, Flaw};
use store::{Blobs, params};

use crate::blobs_world::{REFERENCES, Setup, body, everywhere, name, on_disk, unname};

const ORG: OrganisationId = OrganisationId(7);

#[test]
fn what_nothing_names_goes_after_its_lease_and_what_is_named_stays() {
    everywhere(&Setup::default(), |world| async move {
        for (note, size) in [(1, 5_000), (2, 5_000), (3, 1_500_000), (4, 1_500_000)] {
            let put = world.blobs.put(ORG, body(note, size)).await.unwrap();
            name(&world, &put, note).await.unwrap();
        }
        let world = world.reopen().await;
        for note in [2, 4] {
            unname(&world, ORG, note).await;
        }
        assert_eq!(world.sweep().await.bodies_removed, 0, "their leases still run");
        world.clock.advance_ms(world.lease_ms + 1);
        let swept = world.sweep().await;
        assert_eq!((swept.bodies_seen, swept.bodies_removed), (4, 2));
        for (note, size) in [(1_u64, 5_000), (3, 1_500_000)] {
            let text = body(note, size);
            let hash = *blake3::hash(&text).as_bytes();
            assert!(world.blobs.read(ORG, hash, None).await.unwrap() == text);
        }
        // The container of the large one is given up now, and its bytes go a lease later.
        let before = world.containers().len();
        assert_eq!(swept.containers_given_up, 1);
        world.clock.advance_ms(world.lease_ms + 1);
        assert_eq!(world.sweep().await.containers_removed, 1);
        assert_eq!(world.containers().len(), before - 1);
        unname(&world, ORG, 1).await;
        unname(&world, ORG, 3).await;
        world.settle().await;
        assert_eq!(world.containers(), []);
        for table in ["blob", "blob_container", "blob_stage"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let left = world.store.read(move |tx| tx.query_one(&sql, [], |row| row.int(0))).await;
            assert_eq!(left.unwrap(), 0, "{table}");
        }
    });
}

#[test]
fn a_new_reference_cancels_the_removal() {
    everywhere(&Setup::default(), |world| async move {
        let put = world.blobs.put(ORG, body(1, 5_000)).await.unwrap();
        name(&world, &put, 1).await.unwrap();
        unname(&world, ORG, 1).await;
        world.clock.advance_ms(world.lease_ms);
        // The row is as good as gone; the same body is put again just before the sweep.
        let again = world.blobs.put(ORG, body(1, 5_000)).await.unwrap();
        world.clock.advance_ms(1);
        assert_eq!(world.sweep().await.bodies_removed, 0);
        name(&world, &again, 2).await.unwrap();
        world.settle().await;
        assert!(world.blobs.read(ORG, put.hash(), None).await.unwrap() == body(1, 5_000));
        // A copy of a reference prolongs the lease as well.
        let (hash, now) = (put.hash(), world.clock.now_ms());
        let keep = move |organisation, hash| {
            move |tx: &mut store::Tx<'_>| store::blobs::name_again(tx, organisation, &hash, now)
        };
        world.store.write([], keep(ORG, hash)).await.unwrap();
        unname(&world, ORG, 2).await;
        assert_eq!(world.sweep().await.bodies_removed, 0);
        let unknown = world.store.write([], keep(OrganisationId(8), hash)).await.unwrap_err();
        assert_eq!(unknown.meaning(), Meaning::NotFound);
    });
}

#[test]
fn bytes_that_were_never_named_are_reclaimed() {
    everywhere(&Setup::default(), |world| async move {
        for size in [5_000, 1_500_000] {
            world.blobs.put(ORG, body(1, size)).await.unwrap();
        }
        let mut begun = world.blobs.writer(ORG);
        begun.write(&body(2, 3_000_000)).await.unwrap();
        drop(begun);
        let world = world.reopen().await;
        world.settle().await;
        assert_eq!(world.containers(), []);
        assert_eq!(world.count("SELECT count(*) FROM blob_container").await, 0);
    });
}

#[test]
fn packs_that_are_mostly_dead_are_compacted() {
    let setup = Setup { pack_bytes: Some(60_000), ..Setup::default() };
    everywhere(&setup, |world| async move {
        for note in 0..60 {
            let put = world.blobs.put(ORG, body(note, 6_000)).await.unwrap();
            name(&world, &put, note).await.unwrap();
        }
        world.blobs.pack_staged(0).await.unwrap();
        let world = world.reopen().await;
        let before: u64 = world.containers().iter().map(|(_, length)| length).sum();
        for note in (0..60).filter(|note| note % 4 != 0) {
            unname(&world, ORG, note).await;
        }
        world.clock.advance_ms(world.lease_ms + 1);
        assert_eq!(world.sweep().await.bodies_removed, 45);
        let moved = world.blobs.compact().await.unwrap().bodies_moved;
        assert_eq!(moved, 15);
        world.check().await;
        let world = world.reopen().await;
        world.settle().await;
        let after: u64 = world.containers().iter().map(|(_, length)| length).sum();
        assert!(after * 3 < before, "{before} bytes before, {after} after");
        for note in (0..60).step_by(4) {
            let text = body(note, 6_000);
            let hash = *blake3::hash(&text).as_bytes();
            assert!(world.blobs.read(ORG, hash, None).await.unwrap() == text);
        }
        world.check().await;
    });
}

#[test]
fn staged_bodies_are_packed_into_objects() {
    everywhere(&Setup { pack_bytes: Some(100_000), ..Setup::default() }, |world| async move {
        let in_objects = matches!(world.options.backend, BlobBackend::S3(_));
        for note in 0..50 {
            let put = world.blobs.put(ORG, body(note, 10_000)).await.unwrap();
            name(&world, &put, note).await.unwrap();
        }
        assert_eq!(world.blobs.pack_staged(100_000_000).await.unwrap(), 0);
        let staged = world.blobs.staged_bytes().await.unwrap();
        assert_eq!(world.blobs.pack_staged(1).await.unwrap(), if in_objects { 50 } else { 0 });
        assert_eq!(staged > 0, in_objects);
        assert_eq!(world.blobs.staged_bytes().await.unwrap(), 0);
        assert_eq!(world.count("SELECT count(*) FROM blob_stage").await, 0);
        for note in 0..50 {
            let text = body(note, 10_000);
            let hash = *blake3::hash(&text).as_bytes();
            assert!(world.blobs.read(ORG, hash, Some(10..20)).await.unwrap() == text[10..20]);
        }
        world.check().await;
    });
}

#[test]
fn r04_a_flipped_byte_or_a_missing_row_is_found_and_named() {
    on_disk(&Setup::default(), |world| async move {
        for (note, size) in [(1, 5_000), (2, 1_500_000), (3, 4_000)] {
            let put = world.blobs.put(ORG, body(note, size)).await.unwrap();
            name(&world, &put, note).await.unwrap();
        }
        let world = world.reopen().await;
        let report = world.blobs.verify(REFERENCES, |finding| panic!("{finding}")).await.unwrap();
        assert_eq!((report.bodies, report.bytes), (3, 1_509_000));
        for (path, length) in world.containers() {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[usize::try_from(length).unwrap() / 3] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let sql = "INSERT INTO note (organisation_id, id, hash) VALUES (7, 99, $1)";
        world.store.write([], move |tx| tx.execute(sql, params![[5; 32]])).await.unwrap();
        let mut flaws = Vec::new();
        world.blobs.verify(REFERENCES, |finding| flaws.push(finding)).await.unwrap();
        let kinds: Vec<_> = flaws.iter().map(|finding| finding.flaw.clone()).collect();
        assert_eq!(kinds.len(), 3, "{flaws:?}");
        assert!(kinds.contains(&Flaw::Dangling { reference: "note".into() }));
        assert_eq!(kinds.iter().filter(|flaw| **flaw == Flaw::WrongBytes).count(), 2, "{flaws:?}");
        assert!(flaws[0].to_string().starts_with("body "), "{}", flaws[0]);
        // Reading says so too, and gives nothing out.
        for text in [body(1, 5_000), body(2, 1_500_000)] {
            let hash = *blake3::hash(&text).as_bytes();
            if let Err(error) = world.blobs.read(ORG, hash, None).await {
                assert_eq!(error.meaning(), Meaning::Corrupt);
            }
        }
    });
}

#[test]
fn a_dictionary_makes_small_bodies_smaller_and_old_ones_stay_readable() {
    on_disk(&Setup::default(), |world| async move {
        assert_eq!(world.blobs.train().await.unwrap(), None);
        let world = &world;
        for part in 0..21 {
            let puts = (0..100).map(|n| async move {
                let note = part * 100 + n;
                let put = world.blobs.put(ORG, body(note, 1_500)).await.unwrap();
                name(world, &put, note).await.unwrap();
            });
            futures_util::future::join_all(puts).await;
        }
        assert_eq!(world.blobs.train().await.unwrap(), Some(16));
        let put = world.blobs.put(ORG, body(5_000, 1_500)).await.unwrap();
        name(world, &put, 5_000).await.unwrap();
        let mean = |sign| {
            let sql = format!("SELECT CAST(avg(stored_bytes) AS bigint) FROM blob WHERE encoding {sign} 16");
            world.store.read(move |tx| tx.query_one(&sql, [], |row| row.int(0)))
        };
        let (before, after) = (mean("<").await.unwrap(), mean(">=").await.unwrap());
        assert!(after < before, "{before} bytes before, {after} after");
        // Another node learns it when it meets such a body.
        let other = Blobs::open(world.store.clone(), world.options.clone()).await.unwrap();
        assert!(other.read(ORG, put.hash(), None).await.unwrap() == body(5_000, 1_500));
        world.check().await;
    });
}

#[test]
fn a_wrong_secret_is_refused_by_the_object_store() {
    everywhere(&Setup::default(), |world| async move {
        let mut options = world.options.clone();
        let BlobBackend::S3(s3) = &mut options.backend else { return };
        s3.secret = base::Secret::new("wrong");
        let blobs = Blobs::open(world.store.clone(), options).await.unwrap();
        let refused = blobs.put(ORG, body(1, 1_500_000)).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::Unavailable, "{refused:?}");
        assert!(refused.rule().contains("access key"), "{refused:?}");
        assert_eq!(world.containers(), []);
    });
}

#[test]
fn r04_rows_that_were_lost_are_brought_back_from_the_bytes() {
    everywhere(&Setup::default(), |world| async move {
        let sizes = [(1, 5_000), (2, 1_500_000), (3, 4_000)];
        for (note, size) in sizes {
            let put = world.blobs.put(ORG, body(note, size)).await.unwrap();
            name(&world, &put, note).await.unwrap();
        }
        world.blobs.pack_staged(0).await.unwrap();
        let world = world.reopen().await;
        // Containers in an object store are known by their rows alone: nothing is ever listed there.
        let on_disk = matches!(world.options.backend, BlobBackend::Disk { .. });
        for table in ["blob", "blob_container"].iter().take(if on_disk { 2 } else { 1 }) {
            let sql = format!("DELETE FROM {table}");
            world.store.write([], move |tx| tx.execute(&sql, [])).await.unwrap();
        }
        let mut flaws = Vec::new();
        world.blobs.verify(REFERENCES, |finding| flaws.push(finding.flaw)).await.unwrap();
        assert_eq!(
            flaws.iter().filter(|flaw| **flaw == Flaw::UnknownFile).count(),
            if on_disk { 2 } else { 0 }
        );
        assert_eq!(flaws.iter().filter(|flaw| matches!(flaw, Flaw::Dangling { .. })).count(), 3);
        let report = world.blobs.repair(REFERENCES).await.unwrap();
        assert_eq!((report.bodies_broken, report.bodies_mended), (3, 3));
        world.check().await;
        for (note, size) in sizes {
            let text = body(note, size);
            let hash = *blake3::hash(&text).as_bytes();
            assert!(world.blobs.read(ORG, hash, None).await.unwrap() == text);
        }
    });
}

#[test]
fn no_statement_of_the_blob_store_scans_a_table() {
    everywhere(&Setup { pack_bytes: Some(20_000), ..Setup::default() }, |world| async move {
        world.store.record_statements();
        for (note, size) in [(1, 5_000), (2, 1_500_000), (3, 4_000), (4, 30_000)] {
            let put = world.blobs.put(ORG, body(note, size)).await.unwrap();
            name(&world, &put, note).await.unwrap();
            world.blobs.read(ORG, put.hash(), None).await.unwrap();
        }
        world.blobs.pack_staged(0).await.unwrap();
        let world = world.reopen().await;
        world.clock.advance_ms(world.lease_ms / 2);
        world.blobs.put(ORG, body(1, 5_000)).await.unwrap();
        unname(&world, ORG, 4).await;
        world.settle().await;
        world.blobs.compact().await.unwrap();
        world.settle().await;
        world.blobs.train().await.unwrap();
        // There are few dictionaries, and few bodies are staged at a time.
        testkit::plans::no_scans(&world.store, &["blob_dictionary", "FROM blob_stage s"]).await;
    });
}

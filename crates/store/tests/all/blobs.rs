//! The blob store from outside, on every pair of engine and place.

use base::{Meaning, OrganisationId};
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::blobs_world::{Setup, World, body, everywhere, name};

const ORG: OrganisationId = OrganisationId(7);
const OTHER: OrganisationId = OrganisationId(8);

#[test]
fn what_is_put_and_named_is_read_back() {
    everywhere(&Setup::default(), |world| async move {
        for size in [0, 1, 63, 64, 14_000, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_000_000] {
            let text = body(size as u64, size);
            let put = world.blobs.put(ORG, text.clone()).await.unwrap();
            assert_eq!((put.size(), put.organisation()), (size as u64, ORG));
            assert_eq!(put.hash(), *blake3::hash(&text).as_bytes());
            name(&world, &put, size as u64).await.unwrap();
            let read = world.blobs.read(ORG, put.hash(), None).await.unwrap();
            assert!(read == text, "{size} bytes");
            assert_eq!(world.blobs.size(ORG, put.hash()).await.unwrap(), size as u64);
        }
    });
}

#[test]
fn p13_one_mail_to_a_hundred_people_costs_one_body() {
    everywhere(&Setup::default(), |world| async move {
        let mail = body(1, 14_000);
        let puts: Vec<_> = (0..100)
            .map(|person| {
                let (world, mail) = (world.clone(), mail.clone());
                tokio::spawn(async move {
                    let put = world.blobs.put(ORG, mail).await.unwrap();
                    name(&world, &put, person).await.unwrap();
                })
            })
            .collect();
        for put in puts {
            put.await.unwrap();
        }
        assert_eq!(world.count("SELECT count(*) FROM blob").await, 1);
        assert_eq!(world.count("SELECT count(*) FROM note").await, 100);
        let stored = world.stored_bytes().await;
        assert!(stored > 0 && stored < 14_000 + 200, "{stored} bytes for a hundred deliveries");
        // Later, after a restart, the same body again adds nothing either.
        let world = world.reopen().await;
        let put = world.blobs.put(ORG, mail).await.unwrap();
        name(&world, &put, 200).await.unwrap();
        assert_eq!(world.stored_bytes().await, stored);
    });
}

#[test]
fn p13_bodies_are_not_shared_between_organisations() {
    everywhere(&Setup::default(), |world| async move {
        let put = world.blobs.put(ORG, body(1, 5_000)).await.unwrap();
        name(&world, &put, 1).await.unwrap();
        for (organisation, hash) in [(OTHER, put.hash()), (ORG, [9; 32])] {
            let missing = world.blobs.read(organisation, hash, None).await.unwrap_err();
            assert_eq!(missing.meaning(), Meaning::NotFound);
            assert_eq!(missing.to_string(), "body does not exist");
        }
        let same = world.blobs.put(OTHER, body(1, 5_000)).await.unwrap();
        name(&world, &same, 1).await.unwrap();
        assert_eq!(world.count("SELECT count(*) FROM blob").await, 2);
        assert!(world.blobs.read(OTHER, same.hash(), None).await.unwrap() == body(1, 5_000));
    });
}

#[test]
fn p13_parts_and_streams_of_bodies_large_and_small() {
    everywhere(&Setup::default(), |world| async move {
        for size in [20_000_usize, 1_500_000] {
            let text = body(3, size);
            let mut writer = world.blobs.writer(ORG);
            for piece in text.chunks(70_001) {
                writer.write(piece).await.unwrap();
            }
            let put = writer.finish().await.unwrap();
            assert_eq!(put.hash(), *blake3::hash(&text).as_bytes());
            name(&world, &put, size as u64).await.unwrap();
            let end = size as u64;
            let beyond = end + 10..end + 20;
            let ranges = [0..end, 0..1, 5..5, end - 1..end, 262_143..262_145, 100..u64::MAX, beyond.clone()];
            for range in ranges {
                let from = usize::try_from(range.start.min(end)).unwrap();
                let to = usize::try_from(range.end.min(end)).unwrap().max(from);
                let wanted = if range.start < range.end { &text[from..to] } else { &[] };
                let read = world.blobs.read(ORG, put.hash(), Some(range.clone())).await.unwrap();
                assert!(read == wanted, "{range:?} of {size}");
                let stream = world.blobs.stream(ORG, put.hash(), Some(range.clone())).await.unwrap();
                assert_eq!(stream.size(), end);
                let parts: Vec<Bytes> = stream.try_collect().await.unwrap();
                assert!(parts.iter().all(|part| part.len() <= 1 << 20));
                assert!(parts.concat() == wanted, "{range:?} of {size} as a stream");
            }
        }
    });
}

#[test]
fn a_body_must_be_named_within_half_a_lease() {
    everywhere(&Setup::default(), |world| async move {
        let put = world.blobs.put(ORG, body(1, 2_000)).await.unwrap();
        world.clock.advance_ms(world.lease_ms / 2 + 1);
        let late = name(&world, &put, 1).await.unwrap_err();
        assert_eq!(late.meaning(), Meaning::Unavailable);
        assert_eq!(late.rule(), "was put too long ago; put it again");
        assert_eq!(world.count("SELECT count(*) FROM blob").await, 0);
        let again = world.blobs.put(ORG, body(1, 2_000)).await.unwrap();
        name(&world, &again, 1).await.unwrap();
        // Naming it again at once writes nothing; late in its lease the row must be put anew.
        name(&world, &again, 2).await.unwrap();
        world.clock.advance_ms(world.lease_ms / 2 + 1);
        assert!(name(&world, &again, 3).await.is_err());
        let third = world.blobs.put(ORG, body(1, 2_000)).await.unwrap();
        name(&world, &third, 3).await.unwrap();
        assert_eq!(world.count("SELECT max(touched_at) FROM blob").await, world.clock.now_ms());
    });
}

#[test]
fn a_failed_transaction_names_nothing() {
    everywhere(&Setup::default(), |world| async move {
        let put = world.blobs.put(ORG, body(1, 2_000)).await.unwrap();
        name(&world, &put, 1).await.unwrap();
        let other = world.blobs.put(ORG, body(2, 2_000)).await.unwrap();
        // Note 1 exists: the transaction fails, and the body that it named with it.
        assert_eq!(name(&world, &other, 1).await.unwrap_err().meaning(), Meaning::Conflict);
        assert_eq!(world.blobs.read(ORG, other.hash(), None).await.unwrap_err().meaning(), Meaning::NotFound);
        name(&world, &other, 2).await.unwrap();
        assert!(world.blobs.read(ORG, other.hash(), None).await.unwrap() == body(2, 2_000));
    });
}

#[test]
fn r03_named_bodies_are_there_after_a_restart() {
    everywhere(&Setup::default(), |world| async move {
        let mut world = world;
        for round in 0..3 {
            for n in 0..5 {
                let put = world.blobs.put(ORG, body(round * 10 + n, 9_000)).await.unwrap();
                name(&world, &put, round * 10 + n).await.unwrap();
            }
            world = world.reopen().await;
            for n in 0..5 {
                let text = body(round * 10 + n, 9_000);
                let hash = *blake3::hash(&text).as_bytes();
                assert!(world.blobs.read(ORG, hash, None).await.unwrap() == text);
            }
        }
        assert_eq!(world.count("SELECT count(*) FROM blob_container WHERE state = 'open'").await, 0);
    });
}

#[test]
fn bodies_over_the_limit_are_refused() {
    let setup = Setup { body_bytes: Some(2_000_000), ..Setup::default() };
    everywhere(&setup, |world: World| async move {
        let refused = world.blobs.put(ORG, body(1, 2_000_001)).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::TooLarge);
        let mut writer = world.blobs.writer(ORG);
        writer.write(&body(1, 1_500_000)).await.unwrap();
        assert_eq!(writer.write(&body(1, 500_001)).await.unwrap_err().meaning(), Meaning::TooLarge);
    });
}

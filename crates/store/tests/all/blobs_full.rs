//! A full disk, on a small file system of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base::{Limits, Meaning, OrganisationId, Random};
use store::{BlobBackend, BlobOptions, Blobs};

use crate::blobs_world::{Setup, body, name, on_sqlite};

const ORG: OrganisationId = OrganisationId(7);
const FOLDER: &str = "BEFFROI_TEST_SMALL_DISK";

/// Runs itself again in a name space where a folder is a disk of 3 MB.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the test tells itself the folder")]
fn r03_a_full_disk_is_a_clean_error_and_puts_work_again_when_there_is_room() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return on_a_small_disk(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let test = std::env::current_exe().unwrap();
    let name = "blobs_full::r03_a_full_disk_is_a_clean_error_and_puts_work_again_when_there_is_room";
    let script = "mount -t tmpfs -o size=3m none \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", &path]);
    let output = command.arg(test).arg(name).env(FOLDER, &path).output().expect("the program unshare");
    let shown = [output.stdout.as_slice(), &output.stderr].concat();
    let shown = String::from_utf8_lossy(&shown);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

fn on_a_small_disk(folder: &str) {
    on_sqlite(&Setup::default(), |world| {
        let path = Path::new(folder).join("blobs");
        async move {
            let mut world = world;
            let backend = BlobBackend::Disk { path: path.clone() };
            let limits = Arc::new(Limits::default());
            let options = BlobOptions::new(backend, world.clock.clone(), Random::system(), limits);
            world.blobs = Blobs::open(world.store.clone(), options.clone()).await.unwrap();
            let mut named = 0;
            let full = loop {
                match world.blobs.put(ORG, body(named, 200_000)).await {
                    Ok(put) => name(&world, &put, named).await.unwrap(),
                    Err(error) => break error,
                }
                named += 1;
            };
            assert_eq!(full.meaning(), Meaning::Unavailable);
            assert!(full.rule().contains("no room left"), "{full:?}");
            assert!((5..200).contains(&named), "{named} bodies fit");
            let large = world.blobs.put(ORG, body(900, 9_000_000)).await.unwrap_err();
            assert_eq!(large.meaning(), Meaning::Unavailable, "{large:?}");
            for _ in 0..20 {
                assert!(world.blobs.put(ORG, body(901, 900_000)).await.is_err());
            }
            assert!(world.count("SELECT count(*) FROM blob_container").await < 5, "a pack for each failure");
            world.blobs.close().await;
            let options = BlobOptions { backend: BlobBackend::Disk { path }, ..options };
            world.blobs = Blobs::open(world.store.clone(), options).await.unwrap();
            world.check().await;
            for which in 0..named {
                let text = body(which, 200_000);
                let hash = *blake3::hash(&text).as_bytes();
                assert!(world.blobs.read(ORG, hash, None).await.unwrap() == text);
            }
            // Once there is room the same bodies can be put.
            let room = Command::new("mount").args(["-o", "remount,size=30m", folder]).status().unwrap();
            assert!(room.success());
            for which in 900..903 {
                let put = world.blobs.put(ORG, body(which, 200_000)).await.unwrap();
                name(&world, &put, which).await.unwrap();
            }
            world.check().await;
        }
    });
}

//! A disk without room: errors must be clean, nothing that was acknowledged may be lost, and work must go on
//! once there is room again.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use base::{AccountId, Error, Meaning, Result};

use super::load::{self, Writer};
use super::place::{Opened, Place};
use super::plan::State;
use super::verify::{Known, bodies, verify};

/// Bytes of the disk, and of the file on it that makes room when it is removed.
const DISK_BYTES: usize = 40 << 20;
const BALLAST_BYTES: usize = 16 << 20;
const WRITERS: u32 = 4;
const SEED: u64 = 1;
/// Refusals in a row after which the disk counts as full for good.
const REFUSALS: u32 = 40;
/// Steps that must succeed once there is room.
const AFTERWARDS: u64 = 50;

/// A small disk in memory; it is taken away when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where this process may not mount.
    fn mount() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("beffroi-full-{}", base::Random::system().id()));
        std::fs::create_dir_all(&folder).expect("a folder to mount on");
        let size = format!("size={DISK_BYTES},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            return Some(Self(folder));
        }
        let _ = std::fs::remove_dir(&folder);
        None
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

pub(crate) fn main() -> ExitCode {
    let Some(disk) = SmallDisk::mount() else {
        println!("{{\"full\":\"skipped\",\"why\":\"a small disk cannot be mounted here (it needs root)\"}}");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.expect("a runtime").block_on(story(disk.path())) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

struct Story {
    opened: Opened,
    writers: Vec<Writer>,
    known: Known,
    accounts: Vec<AccountId>,
}

async fn story(folder: &Path) -> Result<String> {
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; BALLAST_BYTES]).expect("the ballast fits");
    let place = Place { folder: folder.to_owned(), url: None };
    let opened = place.open().await?;
    let accounts = opened.furnish(2, WRITERS).await?;
    let writers = load::writers(&opened.store).await?;
    let known = Known {
        states: vec![State::default(); writers.len()],
        acknowledged: vec![0; writers.len()],
        ..Known::default()
    };
    let mut story = Story { opened, writers, known, accounts };
    let before = story.fill().await?;
    story.sound("on the full disk").await?;
    std::fs::remove_file(&ballast).expect("the ballast can be removed");
    let after = story.go_on().await?;
    story.sound("with room again").await?;
    story.opened.close().await;
    story.opened = place.open().await?;
    story.sound("after a restart").await?;
    story.opened.close().await;
    Ok(format!(
        "{{\"full\":\"held\",\"steps_until_full\":{before},\"refused\":{REFUSALS},\"steps_after\":{after}}}"
    ))
}

impl Story {
    /// Writes until the disk takes nothing any more; the steps that were done.
    async fn fill(&mut self) -> Result<u64> {
        let (mut done, mut refused) = (0, 0);
        while refused < REFUSALS {
            for index in 0..self.writers.len() {
                match self.step(index).await {
                    Ok(()) => (done, refused) = (done + 1, 0),
                    Err(error) if no_room(&error) => refused += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(done)
    }

    async fn go_on(&mut self) -> Result<u64> {
        for index in (0..self.writers.len()).cycle().take(AFTERWARDS.try_into().expect("few")) {
            self.step(index).await?;
        }
        Ok(AFTERWARDS)
    }

    async fn step(&mut self, index: usize) -> Result<()> {
        let (writer, state) = (&self.writers[index], &mut self.known.states[index]);
        let step = super::plan::plan(SEED, writer.number, state);
        super::child::perform(&self.opened, SEED, writer, state, &step).await?;
        state.apply(&step);
        self.known.acknowledged[index] = state.step;
        Ok(())
    }

    async fn sound(&mut self, when: &str) -> Result<()> {
        let mut verdict = verify(&self.opened, SEED, &self.accounts, &mut self.known).await?;
        let whole =
            self.opened.store.read(|tx| tx.query("PRAGMA integrity_check", [], |row| row.text(0))).await?;
        if whole != ["ok"] {
            return Err(Error::corrupt("database", format!("{when}: {}", whole.join("; "))));
        }
        bodies(&self.opened, &mut verdict).await?;
        if verdict.unsaid > 0 {
            return Err(Error::corrupt("database", format!("{when}: a refused step was done")));
        }
        match verdict.losses.first() {
            None => Ok(()),
            Some(loss) => Err(Error::corrupt("database", format!("{when}: {loss}"))),
        }
    }
}

/// The one answer that a full disk may give.
fn no_room(error: &Error) -> bool {
    error.meaning() == Meaning::Unavailable && error.rule().contains("no room")
}

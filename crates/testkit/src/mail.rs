//! A whole world for tests of mail and of its doors: an organisation with people `u1`, `u2`, ... at `bench.test`,
//! on SQLite with bodies on the disk, or on PostgreSQL with bodies in S3.

use base::{AccountId, CollectionId, Ctx, Door, OrganisationId, Random, Secret, SessionId};
use bytes::Bytes;
use directory::credentials::{Costs, Hasher};
use directory::entries::NewEntry;
use directory::resolve::{self, Recipient, Resolution};
use directory::{Directory, domains, people};
use kernel::{ChainKey, Kernel};
use mail::{Delivered, Incoming, Mail, Mailbox, Rcpt, Role};
use store::sql::Dialect;
use store::{BlobBackend, BlobOptions, Blobs, Part};

use crate::engines::Engine;
use crate::s3::Server;

/// The domain of the world's people.
pub const DOMAIN: &str = "bench.test";
/// The password of everyone.
pub const PASSWORD: &str = "secret";

/// The tables of everything that mail stands on.
pub fn parts() -> Vec<Part> {
    let below = [store::jobs::PART, store::BLOBS, kernel::PART, directory::PART];
    below.into_iter().chain(mail::PARTS.iter().cloned()).collect()
}

/// Someone in the world.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// The address, which is the login name.
    pub address: String,
}

/// An organisation with people.
pub struct World {
    /// The database, the clock and the randomness.
    pub engine: Engine,
    /// Mail over it.
    pub mail: Mail,
    /// The directory below.
    pub directory: Directory,
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its people: `u1`, `u2`, ...
    pub people: Vec<Person>,
    _server: Option<Server>,
}

impl World {
    /// Makes a world with so many people.
    pub async fn new(dialect: Dialect, count: usize) -> Self {
        Self::over(Engine::new(dialect, &parts(), Some(kernel::on_lock)).await, count).await
    }

    /// A world in an empty database.
    pub async fn over(engine: Engine, count: usize) -> Self {
        let kernel = Kernel::new(engine.store.clone(), vec![mail::KIND], ChainKey::new([7; 32]));
        let costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };
        let hasher = Hasher::new(costs, 2, &Random::seeded(1)).expect("a hasher");
        let directory = Directory::new(kernel, hasher);
        let (backend, server) = match engine.dialect() {
            Dialect::Sqlite => (BlobBackend::Disk { path: engine.folder.path().join("blobs") }, None),
            Dialect::Postgres => {
                let server = Server::new();
                (BlobBackend::S3(server.options()), Some(server))
            }
        };
        let ctx = engine.ctx();
        let options = BlobOptions::new(backend, ctx.clock.clone(), ctx.random.clone(), ctx.limits.clone());
        let blobs = Blobs::open(engine.store.clone(), options).await.expect("a blob store");
        let mail = Mail::new(directory.clone(), blobs);
        let organisation = directory.create_organisation(&ctx, "bench", &[]).await.expect("an organisation");
        let made = directory.edit(&ctx, organisation, |edit| domains::create(edit, DOMAIN, &[])).await;
        made.expect("a domain");
        let mut world = Self { engine, mail, directory, organisation, people: Vec::new(), _server: server };
        for number in 1..=count {
            world.add_person(&format!("u{number}")).await;
        }
        world
    }

    /// Adds a person `name@bench.test`.
    pub async fn add_person(&mut self, name: &str) -> Person {
        let address = format!("{name}@{DOMAIN}");
        let hash = (self.directory.hasher())
            .hash_blocking(&Secret::new(PASSWORD), &self.engine.random)
            .expect("a hash");
        let (new, ctx) = (address.clone(), self.ctx());
        let made = self.directory.edit(&ctx, self.organisation, move |edit| {
            people::create(edit, &NewEntry { address: &new, name: "" }, Some(&hash), &[])
        });
        let person = Person { account: made.await.expect("a person"), address };
        self.people.push(person.clone());
        person
    }

    /// The context of the program itself.
    pub fn ctx(&self) -> Ctx {
        self.engine.ctx()
    }

    /// The context of a person who came through a door.
    pub async fn ctx_of(&self, person: &Person, door: Door) -> Ctx {
        let actor = self.directory.actor(&self.ctx(), person.account).await.expect("an actor");
        self.ctx().with_actor(actor, door, SessionId(7))
    }

    /// Who receives mail for an address, as the directory says.
    pub async fn recipient(&self, address: &str) -> Recipient {
        let (ctx, parsed) = (self.ctx(), codec::Address::parse(address).expect("an address"));
        let resolved = self.directory.read(move |tx| resolve::resolve(tx, &ctx, &parsed)).await;
        match resolved.expect("a resolution") {
            Resolution::Found(found) => found.mailboxes.into_iter().next().expect("a mailbox"),
            other => panic!("{address}: {other:?}"),
        }
    }

    /// Delivers a message to people of the world.
    pub async fn deliver(&self, to: &[&Person], message: impl Into<Bytes>) -> Vec<base::Result<Delivered>> {
        let ctx = self.ctx().with_actor(base::Actor::system(), Door::Lmtp, SessionId(0));
        let mut rcpts = Vec::new();
        for person in to {
            let (recipient, address) = (self.recipient(&person.address).await, person.address.clone());
            rcpts.push(Rcpt { recipient, address, detail: None });
        }
        let incoming = Incoming {
            message: message.into(),
            trace_bytes: 0,
            received_at: self.engine.clock.now_ms(),
            sender: "sender@example.org".to_owned(),
            junk: false,
        };
        self.mail.deliver(&ctx, &incoming, rcpts).await
    }

    /// Delivers a message to one person; its mailbox and UID.
    pub async fn deliver_one(&self, to: &Person, message: impl Into<Bytes>) -> (CollectionId, u32) {
        let delivered = self.deliver(&[to], message).await.pop().expect("an outcome").expect("delivered");
        delivered.places.first().copied().expect("a place")
    }

    /// A mailbox of a person by its role.
    pub async fn mailbox(&self, person: &Person, role: Role) -> Mailbox {
        let ctx = self.ctx_of(person, Door::Imap).await;
        self.mail.inbox(&ctx, person.account).await.expect("an inbox");
        let all = self.mail.mailboxes(&ctx, person.account).await.expect("mailboxes");
        all.into_iter().find(|mailbox| mailbox.role == Some(role)).expect("a mailbox of that role")
    }

    /// Fails unless everything about everyone is right.
    pub async fn sound(&self) {
        for person in &self.people {
            let findings = self.mail.kernel().check(person.account).await.expect("a check");
            assert!(findings.is_empty(), "{}: {findings:#?}", person.address);
        }
    }

    /// Ends what runs in the background.
    pub async fn close(&self) {
        self.mail.blobs().close().await;
    }
}

/// A short message in plain text.
pub fn message(subject: &str, text: &str) -> String {
    format!(
        "From: Ada Sender <sender@example.org>\r\nTo: u1@{DOMAIN}\r\nSubject: {subject}\r\n\
         Message-ID: <{:x}@example.org>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0100\r\n\r\n{text}\r\n",
        blake_number(subject, text)
    )
}

fn blake_number(subject: &str, text: &str) -> u64 {
    let hash = blake3::hash(format!("{subject}\0{text}").as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

/// Runs `story` in a new world with so many people on each engine in turn.
pub fn both<S>(count: usize, story: impl Fn(World) -> S)
where
    S: Future<Output = ()>,
{
    let story = &story;
    crate::engines::both(&parts(), Some(kernel::on_lock), |engine| async move {
        let world = World::over(engine, count).await;
        let mail = world.mail.clone();
        story(world).await;
        mail.blobs().close().await;
    });
}

/// Runs `story` in a new world with so many people on SQLite and the disk, for tests of a wire protocol, which
/// does not know what lies below.
pub fn embedded<S>(count: usize, story: impl Fn(World) -> S)
where
    S: Future<Output = ()>,
{
    let story = &story;
    crate::engines::on(Dialect::Sqlite, &parts(), Some(kernel::on_lock), |engine| async move {
        let world = World::over(engine, count).await;
        let mail = world.mail.clone();
        story(world).await;
        mail.blobs().close().await;
    });
}

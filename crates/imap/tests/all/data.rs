//! A mailbox of a world, as the parts of the door see it that tell of messages.

use std::sync::Arc;

use base::{CollectionId, Ctx, Door};
use bytes::Bytes;
use codec::imap::{Bounds, Command, Key, Ranges, Search, Sort, Thread};
use imap::fetch;
use imap::out::Out;
use imap::selected::{Look, Modes, Selected};
use mail::flags::Keywords;
use mail::{Append, Role, View};
use testkit::mail::World;

/// A session's view of a person's inbox.
pub(crate) struct Box {
    pub(crate) world: World,
    pub(crate) ctx: Ctx,
    pub(crate) mailbox: CollectionId,
    pub(crate) selected: Selected,
    pub(crate) view: Arc<View>,
    pub(crate) modes: Modes,
}

impl Box {
    /// The inbox of the first person.
    pub(crate) async fn open(world: World) -> Self {
        let person = world.people[0].clone();
        let ctx = world.ctx_of(&person, Door::Imap).await;
        let mailbox = world.mailbox(&person, Role::Inbox).await;
        let view = world.mail.view(&ctx, person.account, mailbox.id).await.unwrap();
        let selected = Selected {
            account: person.account,
            mailbox: mailbox.id,
            uidvalidity: mailbox.uidvalidity,
            read_only: false,
            rights: mailbox.rights,
            uids: Ranges::EMPTY,
            gone: Ranges::EMPTY,
            uidnext: view.uidnext,
            seq: view.seq,
            saved: Ranges::EMPTY,
            keywords: Vec::new(),
            recent: Ranges::EMPTY,
            firsts: None,
            updates: Vec::new(),
        };
        let mut this = Self { world, ctx, mailbox: mailbox.id, selected, view, modes: Modes::default() };
        this.refresh().await;
        this
    }

    /// Searches use an index from now on.
    pub(crate) async fn with_index(&self) -> kernel::Search {
        let (mail, folder) = (&self.world.mail, self.world.engine.folder.path());
        let sources = vec![mail.search_source()];
        let search =
            kernel::Search::open_with(mail.kernel(), &self.world.ctx(), folder, sources).await.unwrap();
        mail.use_search(search.clone());
        search
    }

    /// The client is told everything.
    pub(crate) async fn refresh(&mut self) {
        let account = self.selected.account;
        self.view = self.world.mail.view(&self.ctx, account, self.mailbox).await.unwrap();
        self.selected.uids = self.view.iter().map(|entry| entry.uid).collect();
        self.selected.seq = self.view.seq;
    }

    /// Puts messages into the mailbox.
    pub(crate) async fn add(&mut self, messages: Vec<(Vec<u8>, &[&str], i64)>) -> Vec<u32> {
        let all = messages
            .into_iter()
            .map(|(body, names, received_at)| Append {
                body: Bytes::from(body),
                keywords: Keywords::parse(names.iter().copied()).unwrap(),
                received_at: Some(received_at),
                received_zone: 0,
            })
            .collect();
        let account = self.selected.account;
        let made = self.world.mail.append(&self.ctx, account, self.mailbox, all).await.unwrap();
        self.refresh().await;
        made.into_iter().map(|made| made.uid).collect()
    }

    pub(crate) fn look(&self) -> Look<'_> {
        let Self { ctx, world, selected, view, modes, .. } = self;
        Look { ctx, mail: &world.mail, selected, view, modes: *modes }
    }

    /// What a FETCH of these items answers for all messages.
    pub(crate) async fn fetch(&self, items: &str) -> String {
        let Command::Fetch(wanted) = command(&format!("FETCH 1:* {items}")) else { panic!("{items}") };
        let mut out = Out::memory();
        let wanted =
            fetch::Wanted { items: &wanted.items, uids: &self.selected.uids, with_flags: &Ranges::EMPTY };
        fetch::run(self.look(), wanted, &mut out).await.expect("an answer");
        String::from_utf8_lossy(&out.bytes).into_owned()
    }

    /// The UIDs that a search finds.
    pub(crate) async fn search(&self, keys: &str) -> Vec<u32> {
        imap::search::run(self.look(), &key(keys)).await.expect("a result").iter().collect()
    }

    /// The UIDs in the order of a sort.
    pub(crate) async fn sort(&self, criteria: &str) -> Vec<u32> {
        let Command::Sort(Sort { criteria, .. }) = command(&format!("SORT ({criteria}) UTF-8 ALL")) else {
            panic!("{criteria}")
        };
        imap::sort::run(self.look(), &criteria, &self.selected.uids).await.expect("an order")
    }

    /// The threads of all messages.
    pub(crate) async fn thread(&self, algorithm: &str) -> String {
        let Command::Thread(Thread { algorithm, .. }) = command(&format!("THREAD {algorithm} UTF-8 ALL"))
        else {
            panic!("{algorithm}")
        };
        let mut out = Vec::new();
        imap::thread::run(self.look(), algorithm, &self.selected.uids, &|uid| uid, &mut out)
            .await
            .expect("threads");
        String::from_utf8(out).unwrap()
    }
}

/// Reads a command.
pub(crate) fn command(line: &str) -> Command {
    let line = format!("a {line}");
    let tagged = codec::imap::parse(line.as_bytes(), &Bounds::default());
    tagged.unwrap_or_else(|refused| panic!("{line}: {refused:?}")).command
}

/// Reads search keys.
pub(crate) fn key(keys: &str) -> Key {
    let Command::Search(Search { key, .. }) = command(&format!("SEARCH {keys}")) else { panic!("{keys}") };
    key
}

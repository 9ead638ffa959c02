//! Images: an account as it was, and how it comes back.

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Ctx, Door, Meaning, Seq};
use bytes::Bytes;
use mail::flags::{FlagChange, Keywords};
use mail::images::{ImageReport, ImageRestore, Restoring, Selection};
use mail::{Append, Mailbox, MailboxChange, Role};
use testkit::mail::{World, both, message};

/// Hash of the body, date, flags and keywords of each message, by the path of its mailbox.
type State = BTreeMap<String, Vec<([u8; 32], i64, Vec<String>)>>;

fn words(keywords: &Keywords) -> Vec<String> {
    keywords.names().map(str::to_owned).collect()
}

fn path<T>(all: &[T], at: &T, of: impl Fn(&T) -> (CollectionId, CollectionId, String)) -> String {
    let (_, mut parent, mut path) = of(at);
    while let Some(above) = all.iter().find(|other| of(other).0 == parent) {
        let (_, next, name) = of(above);
        (parent, path) = (next, format!("{name}/{path}"));
    }
    path
}

async fn now(world: &World, ctx: &Ctx, account: AccountId) -> State {
    let all = world.mail.mailboxes(ctx, account).await.unwrap();
    let mut out = State::new();
    for mailbox in &all {
        let view = world.mail.view(ctx, account, mailbox.id).await.unwrap();
        let contents: Vec<i64> = view.iter().map(|entry| entry.content).collect();
        let rows =
            world.mail.rows(ctx, account, mailbox.id, contents, mail::Columns::default()).await.unwrap();
        let mut messages: Vec<_> = view
            .iter()
            .map(|entry| {
                let body = rows.iter().find(|row| row.content == entry.content).unwrap().body;
                (body, entry.received_at, words(&Keywords::of_item(entry.flags, entry.state.as_deref())))
            })
            .collect();
        messages.sort();
        let of = |mailbox: &Mailbox| (mailbox.id, mailbox.parent, mailbox.name.clone());
        out.insert(path(&all, mailbox, of), messages);
    }
    out
}

async fn then(world: &World, ctx: &Ctx, account: AccountId, mark: Seq) -> State {
    let all = world.mail.image_mailboxes(ctx, account, mark).await.unwrap();
    let mut out = State::new();
    for mailbox in &all {
        let mut messages = Vec::new();
        let mut after = 0;
        loop {
            let page = world.mail.image_emails(ctx, account, (mark, mailbox.id), after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.uid;
            messages.extend(
                page.into_iter().map(|email| (email.row.body, email.row.received_at, words(&email.keywords))),
            );
        }
        assert_eq!(i64::try_from(messages.len()).unwrap(), mailbox.total);
        messages.sort();
        let of = |mailbox: &mail::images::ImageMailbox| (mailbox.id, mailbox.parent, mailbox.name.clone());
        out.insert(path(&all, mailbox, of), messages);
    }
    out
}

struct Story {
    inbox: CollectionId,
    clients: CollectionId,
    dupont: CollectionId,
    mark: Seq,
}

async fn put(
    world: &World,
    ctx: &Ctx,
    account: AccountId,
    mailbox: CollectionId,
    subject: &str,
    flags: &[&str],
) {
    let append = Append {
        body: Bytes::from(message(subject, "text")),
        keywords: Keywords::parse(flags.iter().copied()).unwrap(),
        received_at: Some(1_000_000),
        received_zone: 0,
    };
    world.mail.append(ctx, account, mailbox, vec![append]).await.unwrap();
}

/// An account with a tree of mailboxes and its image.
async fn begin(world: &World, ctx: &Ctx, account: AccountId) -> Story {
    let mail = &world.mail;
    let inbox = world.mailbox(&world.people[0], Role::Inbox).await.id;
    let clients = mail.create_mailbox(ctx, account, CollectionId(0), "Clients", None).await.unwrap();
    let dupont = mail.create_mailbox(ctx, account, clients, "Dupont", None).await.unwrap();
    for (subject, flags) in [("One", &["\\Seen", "Work"][..]), ("Two", &[]), ("Three", &["\\Flagged"])] {
        put(world, ctx, account, inbox, subject, flags).await;
    }
    put(world, ctx, account, clients, "Four", &["\\Seen"]).await;
    put(world, ctx, account, dupont, "Five", &["\\Answered", "Urgent"]).await;
    let mark = mail.kernel().mark(ctx, account).await.unwrap().unwrap();
    Story { inbox, clients, dupont, mark }
}

/// What goes wrong: flags change, messages are moved and removed, a tree goes and another takes its name.
async fn spoil(world: &World, ctx: &Ctx, account: AccountId, story: &Story) {
    let (mail, inbox) = (&world.mail, story.inbox);
    world.engine.clock.advance_ms(20 * 60_000);
    let change = FlagChange::Replace(Keywords::parse(["\\Deleted", "Later"]).unwrap());
    mail.store(ctx, account, inbox, vec![1], change, None).await.unwrap();
    mail.expunge(ctx, account, inbox, vec![2]).await.unwrap();
    mail.move_to(ctx, (account, inbox), vec![3], (account, story.clients)).await.unwrap();
    let change = MailboxChange { parent: Some(CollectionId(0)), name: Some("Moved".to_owned()), role: None };
    mail.change_mailbox(ctx, account, story.dupont, change).await.unwrap();
    mail.destroy_mailbox(ctx, account, story.clients).await.unwrap();
    let other = mail.create_mailbox(ctx, account, CollectionId(0), "Clients", None).await.unwrap();
    let below = mail.create_mailbox(ctx, account, other, "Dupont", None).await.unwrap();
    put(world, ctx, account, below, "Six", &[]).await;
    put(world, ctx, account, inbox, "Seven", &[]).await;
    mail.kernel().mark(ctx, account).await.unwrap().unwrap();
}

#[test]
fn a03_a05_a06_a_restored_account_equals_its_image_by_the_hashes_of_its_messages() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Jmap).await, person.account);
        world.engine.store.record_statements();
        let story = begin(&world, &ctx, account).await;
        let was = now(&world, &ctx, account).await;
        spoil(&world, &ctx, account, &story).await;
        assert_eq!(then(&world, &ctx, account, story.mark).await, was, "the image shows what was");
        let spoiled = now(&world, &ctx, account).await;
        assert_ne!(spoiled, was);
        let images = world.mail.images(&ctx, account).await.unwrap();
        assert_eq!((images.len(), images[1].mark), (2, story.mark));

        let wanted = ImageRestore { mark: story.mark, selection: Selection::All, how: Restoring::Replace };
        let planned = world.mail.plan_restore(&ctx, account, wanted.clone()).await.unwrap();
        assert_eq!(now(&world, &ctx, account).await, spoiled, "a dry run changes nothing");
        assert_eq!((planned.mailboxes_back, planned.mailboxes_changed, planned.mailboxes_removed), (1, 1, 2));
        assert_eq!((planned.emails_changed, planned.emails_removed), (1, 1));
        let done = world.mail.restore_image(&ctx, account, wanted.clone()).await.unwrap();
        assert_eq!(done, planned);
        assert_eq!(now(&world, &ctx, account).await, was);
        let again = world.mail.restore_image(&ctx, account, wanted).await.unwrap();
        assert_eq!(again, ImageReport::default(), "nothing is left to do");
        // What was replaced is not lost.
        let removed =
            world.mail.removed(&ctx, account, mail::removed::RemovedFilter::default(), None, 9).await;
        let mut subjects: Vec<String> = removed.unwrap().into_iter().map(|email| email.row.subject).collect();
        subjects.sort();
        assert_eq!(subjects, ["Seven", "Six"]);
        world.sound().await;
        testkit::plans::no_scans(&world.engine.store, &["t.id IS NULL", "b.hash IS NULL"]).await;
    });
}

#[test]
fn a05_parts_of_an_image_come_back_beside_what_is_there() {
    both(2, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Jmap).await, person.account);
        let story = begin(&world, &ctx, account).await;
        let was = now(&world, &ctx, account).await;
        spoil(&world, &ctx, account, &story).await;
        let spoiled = now(&world, &ctx, account).await;
        let mail = &world.mail;

        // A folder with those in it, as copies elsewhere; asked for twice it is there once.
        let target = mail.create_mailbox(&ctx, account, CollectionId(0), "Restored", None).await.unwrap();
        let folder = ImageRestore {
            mark: story.mark,
            selection: Selection::Mailbox(story.clients),
            how: Restoring::Into(target),
        };
        let done = mail.restore_image(&ctx, account, folder.clone()).await.unwrap();
        assert_eq!((done.mailboxes_back, done.emails_back), (2, 2));
        assert_eq!(mail.restore_image(&ctx, account, folder).await.unwrap().emails_back, 0);
        let mut state = now(&world, &ctx, account).await;
        assert_eq!(state.remove("Restored/Clients").unwrap(), was["Clients"]);
        assert_eq!(state.remove("Restored/Clients/Dupont").unwrap(), was["Clients/Dupont"]);
        assert_eq!(state.remove("Restored").unwrap(), []);
        assert_eq!(state, spoiled, "nothing else changed");

        // Only what is lost: one message was removed, and one went with its mailbox.
        let missing = ImageRestore { mark: story.mark, selection: Selection::All, how: Restoring::Missing };
        mail.restore_image(&ctx, account, missing).await.unwrap();
        let state = now(&world, &ctx, account).await;
        let bodies: Vec<[u8; 32]> = state.values().flatten().map(|(body, ..)| *body).collect();
        assert!(was.values().flatten().all(|(body, ..)| bodies.contains(body)));
        assert_eq!(state["Moved"], was["Clients/Dupont"], "what is there stays where it is");

        // One message.
        let emails = mail.image_emails(&ctx, account, (story.mark, story.inbox), 0, 1).await.unwrap();
        let one = ImageRestore {
            mark: story.mark,
            selection: Selection::Emails(vec![emails[0].object]),
            how: Restoring::Into(target),
        };
        assert_eq!(mail.restore_image(&ctx, account, one).await.unwrap().emails_back, 1);
        assert_eq!(
            now(&world, &ctx, account).await["Restored"],
            was["INBOX"].iter().filter(|(body, ..)| *body == emails[0].row.body).cloned().collect::<Vec<_>>()
        );

        let stranger = world.ctx_of(&world.people[1], Door::Jmap).await;
        assert_eq!(mail.images(&stranger, account).await.unwrap_err().meaning(), Meaning::NotFound);
        let wanted = ImageRestore { mark: story.mark, selection: Selection::All, how: Restoring::Replace };
        assert_eq!(
            mail.restore_image(&stranger, account, wanted).await.unwrap_err().meaning(),
            Meaning::NotFound
        );
        world.sound().await;
    });
}

#[test]
fn a05_what_lay_twice_in_a_mailbox_comes_back_twice() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let (mail, inbox) = (&world.mail, world.mailbox(person, Role::Inbox).await.id);
        for subject in ["One", "Two"] {
            put(&world, &ctx, account, inbox, subject, &[]).await;
        }
        mail.copy(&ctx, (account, inbox), vec![1], (account, inbox)).await.unwrap();
        let mark = mail.kernel().mark(&ctx, account).await.unwrap().unwrap();
        let was = now(&world, &ctx, account).await;
        assert_eq!(was["INBOX"].len(), 3);
        // One of the two goes, then all.
        for gone in [1, 3] {
            let view = mail.view(&ctx, account, inbox).await.unwrap();
            let uids = view.iter().map(|entry| entry.uid).take(gone).collect();
            mail.expunge(&ctx, account, inbox, uids).await.unwrap();
            let wanted = ImageRestore { mark, selection: Selection::All, how: Restoring::Replace };
            let done = mail.restore_image(&ctx, account, wanted.clone()).await.unwrap();
            assert_eq!(done.emails_back, gone as u64);
            assert_eq!(now(&world, &ctx, account).await, was);
            assert_eq!(mail.restore_image(&ctx, account, wanted).await.unwrap(), ImageReport::default());
        }
        let target = mail.create_mailbox(&ctx, account, CollectionId(0), "Restored", None).await.unwrap();
        let copies = ImageRestore { mark, selection: Selection::All, how: Restoring::Into(target) };
        for back in [3, 0] {
            assert_eq!(mail.restore_image(&ctx, account, copies.clone()).await.unwrap().emails_back, back);
        }
        assert_eq!(now(&world, &ctx, account).await["Restored/INBOX"], was["INBOX"]);
        world.sound().await;
    });
}

#[test]
fn a05_what_lay_in_several_mailboxes_is_missing_until_it_lies_in_all_of_them_again() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let (mail, inbox) = (&world.mail, world.mailbox(person, Role::Inbox).await.id);
        let folder = mail.create_mailbox(&ctx, account, CollectionId(0), "Folder", None).await.unwrap();
        for subject in ["One", "Two", "Three"] {
            put(&world, &ctx, account, inbox, subject, &["\\Seen"]).await;
        }
        mail.copy(&ctx, (account, inbox), vec![1, 2], (account, folder)).await.unwrap();
        let mark = mail.kernel().mark(&ctx, account).await.unwrap().unwrap();
        let was = now(&world, &ctx, account).await;
        mail.expunge(&ctx, account, inbox, vec![1, 2, 3]).await.unwrap();
        mail.expunge(&ctx, account, folder, vec![1, 2]).await.unwrap();
        // Two messages a transaction.
        let limits = std::sync::Arc::new(base::Limits { batch_items: 4, ..base::Limits::default() });
        let small = Ctx { limits, ..ctx.clone() };
        let wanted = ImageRestore { mark, selection: Selection::All, how: Restoring::Missing };
        let done = mail.restore_image(&small, account, wanted.clone()).await.unwrap();
        assert_eq!(done.emails_back, 5);
        assert_eq!(now(&world, &ctx, account).await, was);
        assert_eq!(mail.restore_image(&small, account, wanted).await.unwrap(), ImageReport::default());
        let sql = "SELECT count(DISTINCT created_seq) FROM item WHERE account_id = $1 AND gone = 0
                    GROUP BY object_id ORDER BY object_id";
        let read =
            world.engine.store.read(move |tx| tx.query(sql, store::params![account], |row| row.int(0)));
        assert_eq!(read.await.unwrap(), [1, 1, 1], "no message came back in two transactions");
        world.sound().await;
    });
}

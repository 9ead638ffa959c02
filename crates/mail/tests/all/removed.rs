//! What was removed comes back: messages, folder trees, and until when.

use base::{AccountId, CollectionId, Ctx, Door, Meaning};
use bytes::Bytes;
use directory::classes;
use directory::people;
use kernel::Keep;
use mail::flags::{FlagChange, Keywords};
use mail::removed::RemovedFilter;
use mail::{Append, Role};
use store::params;
use testkit::mail::{Person, World, both, message};

const DAY_MS: i64 = 86_400_000;

async fn put(world: &World, ctx: &Ctx, account: AccountId, mailbox: CollectionId, subject: &str) -> u32 {
    let append = Append {
        body: Bytes::from(message(subject, "text")),
        keywords: Keywords::parse(["\\Seen", "\\Flagged", "Work"]).unwrap(),
        received_at: Some(1_000_000),
        received_zone: 60,
    };
    world.mail.append(ctx, account, mailbox, vec![append]).await.unwrap()[0].uid
}

async fn subjects(world: &World, ctx: &Ctx, account: AccountId, filter: RemovedFilter) -> Vec<String> {
    let found = world.mail.removed(ctx, account, filter, None, 100).await.unwrap();
    found.into_iter().map(|email| email.row.subject).collect()
}

async fn live(world: &World, ctx: &Ctx, account: AccountId, mailbox: CollectionId) -> usize {
    world.mail.view(ctx, account, mailbox).await.unwrap().len()
}

#[test]
fn b13_an_emptied_bin_gives_messages_back_where_they_were_with_flags_and_dates() {
    both(1, |world| async move {
        world.engine.store.record_statements();
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let trash = world.mailbox(person, Role::Trash).await.id;
        for subject in ["One", "Two", "Three"] {
            put(&world, &ctx, account, inbox, subject).await;
        }
        // Two go by way of the bin, one is moved as old clients do it: copied and removed.
        let thrown = world.mail.move_to(&ctx, (account, inbox), vec![1, 2], (account, trash)).await.unwrap();
        let work = world.mail.create_mailbox(&ctx, account, CollectionId(0), "Work", None).await.unwrap();
        world.mail.copy(&ctx, (account, inbox), vec![3], (account, work)).await.unwrap();
        world.mail.expunge(&ctx, account, inbox, vec![3]).await.unwrap();
        let before = world.mail.quota(&ctx, account).await.unwrap().used_bytes;
        world.engine.clock.advance_ms(1_000);
        world.mail.expunge(&ctx, account, trash, thrown.iter().map(|(_, uid)| *uid).collect()).await.unwrap();
        let after = world.mail.quota(&ctx, account).await.unwrap().used_bytes;
        assert!(after < before, "what is removed counts against no quota");

        let all = world.mail.removed(&ctx, account, RemovedFilter::default(), None, 100).await.unwrap();
        assert_eq!(all.iter().map(|email| email.row.subject.as_str()).collect::<Vec<_>>(), ["Two", "One"]);
        let email = &all[0];
        assert_eq!((email.path.as_str(), email.mailboxes.as_slice()), ("Trash", &[trash][..]));
        assert_eq!((email.removal.by, email.removal.door), (account, Some(Door::Imap)));
        assert_eq!(email.removal.until, Some(email.removal.at + 30 * DAY_MS));
        // Pages follow one another; filters find.
        let next =
            world.mail.removed(&ctx, account, RemovedFilter::default(), Some(email.at), 1).await.unwrap();
        assert_eq!(next[0].row.subject, "One");
        let text = |text: &str| RemovedFilter { text: Some(text.to_owned()), ..RemovedFilter::default() };
        assert_eq!(subjects(&world, &ctx, account, text("tWO")).await, ["Two"]);
        assert_eq!(subjects(&world, &ctx, account, text("ada SENDER")).await, ["Two", "One"]);
        let late = RemovedFilter { after_ms: Some(email.removal.at + 1), ..RemovedFilter::default() };
        assert!(subjects(&world, &ctx, account, late).await.is_empty());
        let early = RemovedFilter { before_ms: Some(email.removal.at), ..RemovedFilter::default() };
        assert!(subjects(&world, &ctx, account, early).await.is_empty());

        let objects: Vec<i64> = all.iter().map(|email| email.object).collect();
        let back = world.mail.restore_emails(&ctx, account, objects.clone(), None).await.unwrap();
        // Not into the bin: where they were before it, under new UIDs.
        assert!(back.iter().all(|email| email.places[0].0 == inbox && email.places[0].1 > 3), "{back:?}");
        let view = world.mail.view(&ctx, account, inbox).await.unwrap();
        for entry in view.iter() {
            let keywords = Keywords::of_item(entry.flags, entry.state.as_deref());
            assert_eq!(keywords.names().collect::<Vec<_>>(), ["\\Seen", "\\Flagged", "Work"]);
            assert_eq!((entry.received_at, entry.received_zone), (1_000_000, 60));
        }
        assert_eq!(view.len(), 2);
        assert!(subjects(&world, &ctx, account, RemovedFilter::default()).await.is_empty());
        let again = world.mail.restore_emails(&ctx, account, objects, None).await.unwrap();
        assert!(again.is_empty(), "what lives is not brought back twice");
        world.sound().await;
        testkit::plans::no_scans(&world.engine.store, &["t.id IS NULL", "b.hash IS NULL"]).await;
    });
}

#[test]
fn b13_a_removed_folder_tree_comes_back_and_takes_another_name_when_its_own_is_taken() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        world.mailbox(person, Role::Inbox).await;
        let mail = &world.mail;
        let top = mail.create_mailbox(&ctx, account, CollectionId(0), "Clients", None).await.unwrap();
        let below = mail.create_mailbox(&ctx, account, top, "Dupont", None).await.unwrap();
        let deep = mail.create_mailbox(&ctx, account, below, "2026", None).await.unwrap();
        for (mailbox, subject) in [(top, "Top"), (below, "Below"), (deep, "Deep")] {
            put(&world, &ctx, account, mailbox, subject).await;
        }
        // A client removes a tree from its leaves.
        for mailbox in [deep, below, top] {
            world.engine.clock.advance_ms(1_000);
            mail.destroy_mailbox(&ctx, account, mailbox).await.unwrap();
        }
        let gone = mail.removed_mailboxes(&ctx, account).await.unwrap().1;
        let paths: Vec<(&str, i64)> = gone.iter().map(|gone| (gone.path.as_str(), gone.total)).collect();
        assert_eq!(paths, [("Clients", 1), ("Clients/Dupont", 1), ("Clients/Dupont/2026", 1)]);
        let found = mail.removed(&ctx, account, RemovedFilter::default(), None, 2).await.unwrap();
        assert_eq!(
            found.iter().map(|email| email.path.as_str()).collect::<Vec<_>>(),
            ["Clients", "Clients/Dupont"]
        );
        assert!(found[0].with_mailbox);
        let rest = mail.removed(&ctx, account, RemovedFilter::default(), Some(found[1].at), 9).await.unwrap();
        assert_eq!((rest.len(), rest[0].path.as_str()), (1, "Clients/Dupont/2026"));

        // One message alone, out of a mailbox that is gone: its own mailbox is not there, so it comes to the inbox.
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let one = mail.restore_emails(&ctx, account, vec![rest[0].object], None).await.unwrap();
        assert_eq!(one[0].places, [(inbox, 1)]);

        let same = mail.create_mailbox(&ctx, account, CollectionId(0), "Clients", None).await.unwrap();
        let back = mail.restore_mailbox(&ctx, account, top, None).await.unwrap();
        let names: Vec<&str> = back.iter().map(|back| back.name.as_str()).collect();
        assert_eq!(names, ["Clients (2)", "Dupont", "2026"]);
        assert_ne!(same, top);
        for mailbox in [top, below, deep] {
            assert_eq!(live(&world, &ctx, account, mailbox).await, 1);
            assert!(mail.mailbox(&ctx, account, mailbox).await.unwrap().subscribed);
        }
        assert!(mail.removed_mailboxes(&ctx, account).await.unwrap().1.is_empty());
        world.sound().await;
    });
}

/// Gives everyone a class of service with so many days of retention.
async fn retain(world: &World, person: &Person, days: &'static str) {
    let account = person.account;
    let edit = move |edit: &mut directory::Edit<'_, '_>| {
        classes::create(edit, "Short", &[("retention_days", days)])?;
        people::change(edit, account, &[("class", "Short")]).map(|_| ())
    };
    world.directory.edit(&world.ctx(), world.organisation, edit).await.unwrap();
}

#[test]
fn b13_the_class_of_service_says_for_how_long_and_a_legal_hold_stops_forgetting() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        retain(&world, person, "5").await;
        let uid = put(&world, &ctx, account, inbox, "Gone").await;
        world.mail.expunge(&ctx, account, inbox, vec![uid]).await.unwrap();
        world.engine.clock.advance_ms(4 * DAY_MS);
        assert_eq!(subjects(&world, &ctx, account, RemovedFilter::default()).await, ["Gone"]);
        world.mail.kernel().hold(&world.ctx(), account, true).await.unwrap();
        world.engine.clock.advance_ms(100 * DAY_MS);
        let none = Keep { hourly: 0, daily: 0, monthly: 0, undelete_days: 5, sync_days: 5 };
        world.mail.kernel().prune(&ctx, account, none).await.unwrap();
        let held = world.mail.removed(&ctx, account, RemovedFilter::default(), None, 9).await.unwrap();
        assert_eq!((held.len(), held[0].removal.until), (1, None), "a legal hold stops all forgetting");
        let refused = world.mail.purge_emails(&world.ctx(), account, vec![held[0].object]).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::Conflict);
        world.mail.kernel().hold(&world.ctx(), account, false).await.unwrap();
        assert!(subjects(&world, &ctx, account, RemovedFilter::default()).await.is_empty(), "day 6 is over");
        let back = world.mail.restore_emails(&ctx, account, vec![held[0].object], None).await.unwrap();
        assert!(back.is_empty());
        let pruned = world.mail.kernel().prune(&ctx, account, none).await.unwrap();
        assert_eq!((pruned.items, pruned.contents), (1, 1));
        world.sound().await;
    });
}

#[test]
fn b13_purging_for_good_needs_its_right_and_stands_in_the_history() {
    both(2, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let mail = &world.mail;
        let folder = mail.create_mailbox(&ctx, account, CollectionId(0), "Old", None).await.unwrap();
        for subject in ["Secret", "Kept"] {
            put(&world, &ctx, account, inbox, subject).await;
        }
        put(&world, &ctx, account, folder, "Within").await;
        mail.kernel().mark(&ctx, account).await.unwrap().unwrap();
        let change = FlagChange::Add(Keywords::parse(["Later"]).unwrap());
        mail.store(&ctx, account, inbox, vec![1], change, None).await.unwrap();
        let mark = mail.kernel().mark(&ctx, account).await.unwrap().unwrap();
        mail.expunge(&ctx, account, inbox, vec![1, 2]).await.unwrap();
        mail.destroy_mailbox(&ctx, account, folder).await.unwrap();
        let found = mail.removed(&ctx, account, RemovedFilter::default(), None, 9).await.unwrap();
        let secret = found.iter().find(|email| email.row.subject == "Secret").unwrap().object;
        let refused = mail.purge_emails(&ctx, account, vec![secret]).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::Forbidden);
        let stranger = world.ctx_of(&world.people[1], Door::Imap).await;
        assert!(
            mail.removed(&stranger, account, RemovedFilter::default(), None, 9).await.unwrap().is_empty()
        );
        assert!(mail.restore_emails(&stranger, account, vec![secret], None).await.unwrap().is_empty());
        assert_eq!(
            mail.purge_emails(&stranger, account, vec![secret]).await.unwrap_err().meaning(),
            Meaning::Forbidden
        );

        let admin = world.ctx();
        assert_eq!(mail.purge_emails(&admin, account, vec![secret, 999]).await.unwrap(), [secret]);
        assert_eq!(mail.purge_mailbox(&admin, account, folder).await.unwrap(), 1);
        assert!(mail.removed_mailboxes(&ctx, account).await.unwrap().1.is_empty());
        assert_eq!(subjects(&world, &ctx, account, RemovedFilter::default()).await, ["Kept"]);
        let left = world.engine.store.read(move |tx| {
            tx.query_one("SELECT count(*) FROM message WHERE account_id = $1", params![account], |row| {
                row.int(0)
            })
        });
        assert_eq!(left.await.unwrap(), 1, "contents are gone");
        let image =
            mail.kernel().read(&ctx, move |view| view.page_as_of(account, mark, inbox, base::ItemId(0), 9));
        assert_eq!(image.await.unwrap().len(), 1, "from images as well");
        let read = mail
            .kernel()
            .read(&ctx, move |view| view.history(account, base::Seq(i64::MAX), 9))
            .await
            .unwrap();
        assert!(read.iter().any(|commit| commit.changes.contains("purged")), "{read:?}");
        world.sound().await;
    });
}

use base::{Door, Meaning, Seq};
use bytes::Bytes;
use mail::flags::{FlagChange, Keywords, SEEN};
use mail::{Append, Role};
use testkit::mail::{World, both, message};

fn words(names: &[&str]) -> Keywords {
    Keywords::parse(names.iter().copied()).unwrap()
}

async fn names(world: &World, person: usize, role: Role) -> Vec<(u32, Vec<String>)> {
    let person = &world.people[person];
    let ctx = world.ctx_of(person, Door::Imap).await;
    let mailbox = world.mailbox(person, role).await.id;
    let view = world.mail.view(&ctx, person.account, mailbox).await.unwrap();
    let of = |entry: &mail::Entry| {
        let keywords = Keywords::of_item(entry.flags, entry.state.as_deref());
        (entry.uid, keywords.names().map(str::to_owned).collect())
    };
    view.iter().map(of).collect()
}

#[test]
fn p14_flags_and_categories_are_set_taken_away_and_replaced() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, inbox) =
            (world.ctx_of(person, Door::Imap).await, world.mailbox(person, Role::Inbox).await.id);
        let append = |subject: &str, names: &[&str]| Append {
            body: Bytes::from(message(subject, "text")),
            keywords: words(names),
            received_at: Some(1_000),
            received_zone: 0,
        };
        let two = vec![append("One", &["\\Seen", "Work"]), append("Two", &[])];
        let made = world.mail.append(&ctx, person.account, inbox, two).await.unwrap();
        assert_eq!(made.iter().map(|made| made.uid).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(made[0].seq, made[1].seq, "one commit");
        let store = async |uids: &[u32], change: FlagChange, since: Option<Seq>| {
            world.mail.store(&ctx, person.account, inbox, uids.to_vec(), change, since).await.unwrap()
        };
        let done = store(&[1, 2, 9], FlagChange::Add(words(&["work", "$Junk"])), None).await;
        assert_eq!((done.done, done.missing), (vec![1, 2], vec![9]));
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            names(&world, 0, Role::Inbox).await,
            [(1, strings(&["\\Seen", "$Junk", "Work"])), (2, strings(&["$Junk", "work"]))]
        );
        store(&[1], FlagChange::Remove(words(&["WORK", "\\Seen"])), None).await;
        let late = store(&[1, 2], FlagChange::Replace(words(&["\\Flagged"])), Some(done.seq)).await;
        assert_eq!((late.done, late.modified), (vec![2], vec![1]));
        assert_eq!(
            names(&world, 0, Role::Inbox).await,
            [(1, strings(&["$Junk"])), (2, strings(&["\\Flagged"]))]
        );
        world.sound().await;
    });
}

#[test]
fn messages_are_copied_and_moved_within_an_account_and_to_another() {
    both(2, |world| async move {
        let (a, b) = (&world.people[0], &world.people[1]);
        for number in 1..=4 {
            world.deliver_one(a, message(&format!("Number {number}"), "text")).await;
        }
        let (ctx, inbox) = (world.ctx_of(a, Door::Imap).await, world.mailbox(a, Role::Inbox).await.id);
        let archive = world.mailbox(a, Role::Archive).await.id;
        let (from, to) = ((a.account, inbox), (a.account, archive));
        let flags = FlagChange::Add(Keywords { flags: SEEN, others: vec!["kept".to_owned()] });
        world.mail.store(&ctx, a.account, inbox, vec![1, 2], flags, None).await.unwrap();
        assert_eq!(world.mail.copy(&ctx, from, vec![1, 2], to).await.unwrap(), [(1, 1), (2, 2)]);
        assert_eq!(world.mail.move_to(&ctx, from, vec![3], to).await.unwrap(), [(3, 3)]);

        // Without a right, the mailbox of another does not exist.
        let other = world.mailbox(b, Role::Inbox).await.id;
        let refused = world.mail.move_to(&ctx, from, vec![1], (b.account, other)).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::NotFound);
        let rights = [kernel::Right::Read, kernel::Right::Insert].into_iter().collect();
        let owner = world.ctx_of(b, Door::Imap).await;
        world.mail.set_acl(&owner, b.account, other, a.account, rights).await.unwrap();
        assert_eq!(
            world.mail.move_to(&ctx, from, vec![1, 4], (b.account, other)).await.unwrap(),
            [(1, 1), (4, 2)]
        );
        assert_eq!(names(&world, 0, Role::Inbox).await.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [2]);
        let there = names(&world, 1, Role::Inbox).await;
        assert_eq!(there[0].1, ["\\Seen", "kept"]);
        let view = world.mail.view(&owner, b.account, other).await.unwrap();
        let body =
            world.mail.body(&owner, b.account, other, view.at(1).unwrap().content, None).await.unwrap();
        assert!(body.starts_with(b"From: Ada"));
        // A reader of another's mailbox may not flag without the right.
        let change = FlagChange::Add(Keywords::bits(SEEN));
        let refused = world.mail.store(&ctx, b.account, other, vec![1], change, None).await.unwrap_err();
        assert_eq!(refused.meaning(), Meaning::Forbidden);
        world.sound().await;
    });
}

#[test]
fn a_message_that_is_too_large_is_refused_by_its_limit() {
    testkit::mail::embedded(1, |world| async move {
        let person = &world.people[0];
        let mut ctx = world.ctx_of(person, Door::Imap).await;
        let mut limits = (*ctx.limits).clone();
        limits.message_bytes = 100;
        ctx.limits = std::sync::Arc::new(limits);
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let body = Bytes::from(message("Long", &"x".repeat(200)));
        let long = Append { body, keywords: Keywords::default(), received_at: None, received_zone: 0 };
        let error = world.mail.append(&ctx, person.account, inbox, vec![long]).await.unwrap_err();
        assert_eq!((error.meaning(), error.field()), (Meaning::TooLarge, "message"));
    });
}

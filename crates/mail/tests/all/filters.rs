use base::{AccountId, CollectionId, Ctx, Door, Meaning};
use mail::sieve::{Forwarding, NewDomainFilter, Vacation};
use mail::{Mailbox, Role};
use store::params;
use testkit::mail::{Person, World, both, message};

const HOUR_MS: i64 = 3_600_000;

async fn own(world: &World, person: &Person) -> Ctx {
    world.ctx_of(person, Door::Sieve).await
}

/// Puts a script in force for a person.
async fn script(world: &World, person: &Person, text: &str) {
    let (ctx, filter) = (own(world, person).await, world.mail.filter());
    filter.put_script(&ctx, person.account, "main", text).await.unwrap();
    filter.activate(&ctx, person.account, Some("main")).await.unwrap();
}

async fn named(world: &World, person: &Person, name: &str) -> Mailbox {
    let all = world.mail.mailboxes(&own(world, person).await, person.account).await.unwrap();
    all.into_iter().find(|mailbox| mailbox.name == name).unwrap()
}

/// The recipients of queued mail with its sender, in order.
async fn queued(world: &World) -> Vec<(String, String)> {
    let sql = "SELECT r.address, m.sender FROM queue_recipient r JOIN queue_message m ON m.id = r.message_id
               ORDER BY r.address, m.sender";
    let read =
        world.engine.store.read(move |tx| tx.query(sql, params![], |row| Ok((row.text(0)?, row.text(1)?))));
    read.await.unwrap()
}

async fn total(world: &World, person: &Person, role: Role) -> u64 {
    u64::try_from(world.mailbox(person, role).await.total).unwrap()
}

#[test]
fn p09_a_script_files_marks_and_makes_mailboxes() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(
            &world,
            person,
            "require [\"fileinto\", \"mailbox\", \"imap4flags\", \"copy\", \"editheader\"];\r\n\
             if header :contains \"subject\" \"invoice\" {\r\n\
               fileinto :create :copy :flags [\"\\\\Seen\", \"money\"] \"Papers/Invoices\";\r\n\
               addheader \"X-Filed\" \"yes\";\r\n\
             }\r\n",
        )
        .await;
        let delivered =
            world.deliver(&[person], message("Your invoice", "10 EUR")).await.pop().unwrap().unwrap();
        assert_eq!(delivered.places.len(), 2, "{delivered:?}");
        let invoices = named(&world, person, "Invoices").await;
        assert_eq!((invoices.total, invoices.unseen), (1, 0));
        assert_eq!(invoices.parent, named(&world, person, "Papers").await.id);
        let ctx = own(&world, person).await;
        let inbox = world.mailbox(person, Role::Inbox).await;
        let read = |mailbox: CollectionId| {
            let (mail, ctx, account) = (world.mail.clone(), ctx.clone(), person.account);
            async move {
                let view = mail.view(&ctx, account, mailbox).await.unwrap();
                let content = view.at(0).unwrap().content;
                mail.body(&ctx, account, mailbox, content, None).await.unwrap()
            }
        };
        assert!(!String::from_utf8_lossy(&read(invoices.id).await).contains("X-Filed"));
        assert!(String::from_utf8_lossy(&read(inbox.id).await).starts_with("X-Filed: yes\r\n"));
        world.deliver_one(person, message("Hello", "you")).await;
        assert_eq!(total(&world, person, Role::Inbox).await, 2);
        world.sound().await;
    });
}

#[test]
fn a02_what_a_rule_throws_away_is_in_the_history() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(&world, person, "discard;").await;
        let delivered = world.deliver(&[person], message("Gone", "text")).await.pop().unwrap().unwrap();
        assert!(delivered.places.is_empty() && delivered.object.is_some());
        assert_eq!(total(&world, person, Role::Inbox).await, 0);
        let (account, kernel) = (person.account, world.mail.kernel());
        let history =
            kernel.read(&world.ctx(), move |view| view.history(account, base::Seq(i64::MAX), 1)).await;
        let changes = history.unwrap().remove(0).changes;
        assert!(!changes.is_empty(), "{changes:?}");
        let rows = world.engine.store.read(move |tx| {
            tx.query_one(
                "SELECT count(*) FROM item WHERE account_id = $1 AND gone = 1",
                params![account],
                |row| row.int(0),
            )
        });
        assert_eq!(rows.await.unwrap(), 1);
        world.sound().await;
    });
}

#[test]
fn p09_a_rejected_message_is_refused_with_its_reason_for_one_alone() {
    both(2, |world| async move {
        script(&world, &world.people[0], "require \"ereject\"; ereject \"Write to my colleague.\";").await;
        let all: Vec<_> = world.people.iter().collect();
        let outcomes = world.deliver(&all, message("Hello", "text")).await;
        let error = outcomes[0].as_ref().unwrap_err();
        assert_eq!((error.meaning(), error.rule()), (Meaning::Forbidden, "Write to my colleague."));
        assert!(outcomes[1].is_ok());
        assert_eq!(total(&world, &world.people[0], Role::Inbox).await, 0);
    });
}

#[test]
fn b09_the_filter_of_the_domain_runs_before_the_person_s() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(&world, person, "require \"fileinto\"; fileinto \"Archive\";").await;
        let (ctx, filter) = (world.ctx(), world.mail.filter());
        let set = NewDomainFilter {
            domain: 0,
            position: 1,
            name: "No games".to_owned(),
            text: "require \"fileinto\"; if allof(header :contains \"subject\" \"game\", \
                   not address \"from\" \"boss@example.org\") { fileinto \"Trash\"; }"
                .to_owned(),
            active: true,
            terminal: true,
        };
        let id = filter.set_domain_filter(&ctx, world.organisation, None, set.clone()).await.unwrap();
        world.deliver_one(person, message("A game for you", "text")).await;
        world.deliver_one(person, message("Work", "text")).await;
        assert_eq!(
            (total(&world, person, Role::Trash).await, total(&world, person, Role::Archive).await),
            (1, 1)
        );
        let wrong = NewDomainFilter { text: "fileinto \"x\";".to_owned(), ..set.clone() };
        let error = filter.set_domain_filter(&ctx, world.organisation, None, wrong).await.unwrap_err();
        assert!(error.rule().starts_with("line 1, column "), "{error}");
        let stranger = own(&world, person).await;
        let error = filter.set_domain_filter(&stranger, world.organisation, Some(id), set.clone()).await;
        assert_eq!(error.unwrap_err().meaning(), Meaning::Forbidden);
        let off = NewDomainFilter { active: false, ..set };
        filter.set_domain_filter(&ctx, world.organisation, Some(id), off).await.unwrap();
        world.deliver_one(person, message("Another game", "text")).await;
        assert_eq!(total(&world, person, Role::Archive).await, 2);
        filter.remove_domain_filter(&ctx, world.organisation, id).await.unwrap();
        assert_eq!(filter.domain_filters(&ctx, world.organisation).await.unwrap(), []);
        let notes = world.directory.history(&ctx, world.organisation, base::Seq(i64::MAX), 10).await.unwrap();
        assert!(notes.iter().any(|commit| says(commit, "No games")));
    });
}

#[test]
fn m32_a_filter_of_the_domain_copies_matching_mail_to_a_journal() {
    both(1, |world| async move {
        let person = &world.people[0];
        let account = person.account;
        let ctx = world.ctx();
        let edited = world.directory.edit(&ctx, world.organisation, move |edit| {
            directory::classes::create(edit, "inside", &[("forward_outside", "no")])?;
            directory::people::change(edit, account, &[("class", "inside")]).map(|_| ())
        });
        edited.await.unwrap();
        let set = NewDomainFilter {
            domain: 0,
            position: 1,
            name: "Journal of contracts".to_owned(),
            text: "require \"copy\"; if header :contains \"subject\" \"contract\" \
                   { redirect :copy \"journal@archive.example\"; }"
                .to_owned(),
            active: true,
            terminal: false,
        };
        world.mail.filter().set_domain_filter(&ctx, world.organisation, None, set).await.unwrap();
        script(&world, person, "discard;").await;
        for subject in ["The contract", "Lunch"] {
            world.deliver(&[person], message(subject, "text")).await.pop().unwrap().unwrap();
        }
        // The person may not forward outside, and throws everything away: neither keeps it from the journal.
        assert_eq!(
            queued(&world).await,
            [("journal@archive.example".to_owned(), "sender@example.org".to_owned())]
        );
        assert_eq!(total(&world, person, Role::Inbox).await, 0);
    });
}

#[test]
fn b10_a_sender_is_answered_once_in_three_days() {
    both(1, |world| async move {
        let person = &world.people[0];
        let now = world.engine.clock.now_ms();
        let vacation = Vacation {
            active: true,
            from_ms: Some(now + HOUR_MS),
            until_ms: Some(now + 240 * HOUR_MS),
            text: "I am away.".to_owned(),
            ..Vacation::default()
        };
        let ctx = own(&world, person).await;
        world.mail.filter().set_vacation(&ctx, person.account, vacation.clone()).await.unwrap();
        let answers = async |count: usize, text: &str| {
            world.deliver_one(person, message(text, "text")).await;
            assert_eq!(queued(&world).await.len(), count, "{text}");
        };
        answers(0, "before it begins").await;
        world.engine.clock.advance_ms(2 * HOUR_MS);
        answers(1, "first").await;
        assert_eq!(queued(&world).await, [("sender@example.org".to_owned(), String::new())]);
        answers(1, "second").await;
        world.engine.clock.advance_ms(71 * HOUR_MS);
        answers(1, "within three days").await;
        world.engine.clock.advance_ms(2 * HOUR_MS);
        answers(2, "after three days").await;
        world.engine.clock.advance_ms(300 * HOUR_MS);
        answers(2, "after it ended").await;
        assert_eq!(world.mail.filter().vacation(&ctx, person.account).await.unwrap(), vacation);
        assert_eq!(total(&world, person, Role::Inbox).await, 6);
    });
}

#[test]
fn b10_two_messages_that_arrive_together_get_one_answer() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(&world, person, "require \"vacation\"; vacation :days 1 \"Away\";").await;
        let (a, b) = tokio::join!(
            world.deliver_one(person, message("one", "text")),
            world.deliver_one(person, message("two", "text"))
        );
        assert_ne!(a, b);
        assert_eq!(queued(&world).await.len(), 1);
    });
}

async fn forward(world: &World, person: &Person, to: &str, keep: bool) -> base::Result<()> {
    let given = Forwarding { active: true, addresses: vec![to.to_owned()], keep };
    world.mail.filter().set_forwarding(&own(world, person).await, person.account, given).await
}

#[test]
fn b10_forwarding_sends_on_and_keeps_a_copy_or_not() {
    both(1, |world| async move {
        let person = &world.people[0];
        forward(&world, person, "me@else.example", true).await.unwrap();
        world.deliver_one(person, message("one", "text")).await;
        forward(&world, person, "me@else.example", false).await.unwrap();
        let gone = world.deliver(&[person], message("two", "text")).await.pop().unwrap().unwrap();
        assert!(gone.places.is_empty());
        assert_eq!(total(&world, person, Role::Inbox).await, 1);
        let sent = ("me@else.example".to_owned(), "sender@example.org".to_owned());
        assert_eq!(queued(&world).await, [sent.clone(), sent]);
        world.sound().await;
    });
}

#[test]
fn b10_forwarding_loops_stop() {
    both(2, |world| async move {
        let (a, b) = (&world.people[0], &world.people[1]);
        forward(&world, a, &b.address, false).await.unwrap();
        forward(&world, b, &a.address, false).await.unwrap();
        let mut text = message("round", "and round");
        for (person, kept) in [(a, false), (b, false), (a, true)] {
            let before = queued(&world).await.len();
            let done = world.deliver(&[person], text.clone()).await.pop().unwrap().unwrap();
            assert_eq!(done.places.is_empty(), !kept);
            assert_eq!(queued(&world).await.len() - before, usize::from(!kept));
            text = format!("X-Loop: {}\r\n{text}", person.address);
        }
    });
}

#[test]
fn b10_a_class_of_service_can_keep_mail_inside() {
    both(2, |world| async move {
        let (person, other) = (&world.people[0], &world.people[1]);
        let account = person.account;
        let ctx = world.ctx();
        let edited = world.directory.edit(&ctx, world.organisation, move |edit| {
            directory::classes::create(edit, "inside", &[("forward_outside", "no")])?;
            directory::people::change(edit, account, &[("class", "inside")]).map(|_| ())
        });
        edited.await.unwrap();
        let error = forward(&world, person, "me@else.example", true).await.unwrap_err();
        assert_eq!(error.meaning(), Meaning::Forbidden);
        forward(&world, person, &other.address, true).await.unwrap();
        script(&world, person, "redirect \"me@else.example\";").await;
        world.deliver_one(person, message("one", "text")).await;
        assert_eq!(queued(&world).await.len(), 1);
        assert_eq!(total(&world, person, Role::Inbox).await, 1);
    });
}

#[test]
fn p09_a_duplicate_is_found_by_the_next_delivery() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(&world, person, "require \"duplicate\"; if duplicate :seconds 3600 { discard; }").await;
        for _ in 0..3 {
            world.deliver(&[person], message("same", "text")).await.pop().unwrap().unwrap();
        }
        assert_eq!(total(&world, person, Role::Inbox).await, 1);
        world.engine.clock.advance_ms(2 * HOUR_MS);
        world.deliver_one(person, message("same", "text")).await;
        assert_eq!(total(&world, person, Role::Inbox).await, 2);
    });
}

#[test]
fn p09_scripts_are_kept_with_a_history_and_others_do_not_see_them() {
    both(2, |world| async move {
        let (person, other) = (&world.people[0], &world.people[1]);
        let (ctx, filter, account) = (own(&world, person).await, world.mail.filter(), person.account);
        filter.put_script(&ctx, account, "a", "keep;").await.unwrap();
        filter.put_script(&ctx, account, "b", "discard;").await.unwrap();
        filter.activate(&ctx, account, Some("a")).await.unwrap();
        filter.rename_script(&ctx, account, "a", "c").await.unwrap();
        let names: Vec<_> = filter.scripts(&ctx, account).await.unwrap();
        let shown: Vec<_> = names.iter().map(|one| (one.name.as_str(), one.active, one.bytes)).collect();
        assert_eq!(shown, [("b", false, 8), ("c", true, 5)]);
        let meaning = |result: base::Result<()>| result.unwrap_err().meaning();
        assert_eq!(meaning(filter.rename_script(&ctx, account, "b", "c").await), Meaning::Conflict);
        assert_eq!(meaning(filter.remove_script(&ctx, account, "c").await), Meaning::Conflict);
        assert_eq!(meaning(filter.remove_script(&ctx, account, "a").await), Meaning::NotFound);
        assert_eq!(meaning(filter.put_script(&ctx, account, "d", "fileinto").await), Meaning::Invalid);
        filter.activate(&ctx, account, None).await.unwrap();
        filter.remove_script(&ctx, account, "c").await.unwrap();
        let stranger = own(&world, other).await;
        assert_eq!(filter.scripts(&stranger, account).await.unwrap_err().meaning(), Meaning::NotFound);
        assert_eq!(meaning(filter.put_script(&stranger, account, "x", "keep;").await), Meaning::NotFound);
        assert_eq!(commits_with(&world, account, "sieve script").await, 6);
    });
}

/// Whether the words of a commit contain these.
fn says(commit: &kernel::CommitInfo, wanted: &str) -> bool {
    let changes = kernel::changes::parse(&commit.changes).unwrap();
    changes
        .iter()
        .any(|change| matches!(change, kernel::changes::Change::Words(text) if text.contains(wanted)))
}

async fn commits_with(world: &World, account: AccountId, words: &'static str) -> usize {
    let ctx = world.ctx();
    let read = world.mail.kernel().read(&ctx, move |view| view.history(account, base::Seq(i64::MAX), 100));
    read.await.unwrap().iter().filter(|commit| says(commit, words)).count()
}

#[test]
fn p09_a_copy_of_an_answer_is_filed_if_it_is_sent() {
    both(1, |world| async move {
        let person = &world.people[0];
        script(&world, person, "require [\"vacation\", \"fcc\"]; vacation :fcc \"Sent\" \"Away\";").await;
        for text in ["one", "two"] {
            world.deliver_one(person, message(text, "text")).await;
        }
        assert_eq!((queued(&world).await.len(), total(&world, person, Role::Sent).await), (1, 1));
        assert_eq!(total(&world, person, Role::Inbox).await, 2);
        world.sound().await;
    });
}

#[test]
fn b10_a_setting_counts_from_the_next_message_on() {
    both(2, |world| async move {
        let (a, b) = (&world.people[0], &world.people[1]);
        for kept in [true, false, true] {
            // Who had no rules is remembered, until there are some.
            for _ in 0..2 {
                let all = world.deliver(&[a, b], message("text", "text")).await;
                assert!(!all[1].as_ref().unwrap().places.is_empty());
                assert_eq!(!all[0].as_ref().unwrap().places.is_empty(), kept);
            }
            if kept {
                script(&world, a, "discard;").await;
            } else {
                world.mail.filter().activate(&own(&world, a).await, a.account, None).await.unwrap();
            }
        }
    });
}

#[test]
fn no_statement_of_filters_scans() {
    both(2, |world| async move {
        let (a, b) = (&world.people[0], &world.people[1]);
        world.engine.store.record_statements();
        script(
            &world,
            a,
            "require [\"include\", \"duplicate\", \"vacation\"]; if duplicate { stop; } vacation \"x\";",
        )
        .await;
        forward(&world, a, &b.address, true).await.unwrap();
        let vacation = Vacation { active: true, text: "x".to_owned(), ..Vacation::default() };
        world.mail.filter().set_vacation(&own(&world, b).await, b.account, vacation).await.unwrap();
        for text in ["one", "two"] {
            world.deliver(&[a, b], message(text, "text")).await;
        }
        testkit::plans::no_scans(&world.engine.store, &[]).await;
    });
}

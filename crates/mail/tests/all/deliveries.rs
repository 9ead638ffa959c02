use base::{Door, Meaning};
use mail::{Note, Role};
use store::params;
use testkit::mail::{World, both, message};

async fn bodies(world: &World) -> i64 {
    let count =
        world.engine.store.read(|tx| tx.query_one("SELECT count(*) FROM blob", params![], |row| row.int(0)));
    count.await.unwrap()
}

#[test]
fn p13_one_message_to_many_costs_one_body_in_one_delivery_or_in_several() {
    both(12, |world| async move {
        let all: Vec<_> = world.people.iter().collect();
        let text = message("To all", "The town hall is closed on Monday.");
        let outcomes = world.deliver(&all[..10], text.clone()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        for person in &all[10..] {
            world.deliver_one(person, text.clone()).await;
        }
        assert_eq!(bodies(&world).await, 1);
        for person in &world.people {
            let inbox = world.mailbox(person, Role::Inbox).await;
            assert_eq!((inbox.total, inbox.unseen, inbox.uidnext), (1, 1, 2), "{}", person.address);
            let ctx = world.ctx_of(person, Door::Imap).await;
            let view = world.mail.view(&ctx, person.account, inbox.id).await.unwrap();
            let content = view.at(0).unwrap().content;
            let body = world.mail.body(&ctx, person.account, inbox.id, content, None).await.unwrap();
            assert_eq!(body, text);
            let part = world.mail.body(&ctx, person.account, inbox.id, content, Some(6..19)).await.unwrap();
            assert_eq!(part, "Ada Sender <s");
        }
        world.sound().await;
    });
}

#[test]
fn what_one_recipient_lacks_fails_for_that_one_alone() {
    both(3, |world| async move {
        let quota = "200";
        let full = world.people[1].account;
        let ctx = world.ctx();
        let edited = world.directory.edit(&ctx, world.organisation, move |edit| {
            let given = [("quota_bytes", quota)];
            directory::people::change(edit, full, &given).map(|_| ())
        });
        edited.await.unwrap();
        let all: Vec<_> = world.people.iter().collect();
        let outcomes = world.deliver(&all, message("Hello", &"x".repeat(300))).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
        assert_eq!(outcomes[1].as_ref().unwrap_err().meaning(), Meaning::OverQuota);
        let inbox = world.mailbox(&world.people[1], Role::Inbox).await;
        assert_eq!(inbox.total, 0);
        world.sound().await;
    });
}

#[test]
fn answers_join_the_conversation_and_other_subjects_do_not() {
    both(1, |world| async move {
        let person = &world.people[0];
        let ask = |id: &str, refs: &str, subject: &str| {
            format!(
                "From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{id}@x>\r\nReferences: {refs}\r\n\r\ntext\r\n"
            )
        };
        // The answer comes before what it answers.
        for (id, refs, subject) in [
            ("b", "<a@x>", "Re: Plan"),
            ("a", "", "Plan"),
            ("c", "<a@x> <b@x>", "Re: Plan"),
            ("d", "<a@x>", "Other"),
        ] {
            world.deliver_one(person, ask(id, refs, subject)).await;
        }
        let ctx = world.ctx_of(person, Door::Imap).await;
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let view = world.mail.view(&ctx, person.account, inbox).await.unwrap();
        let contents = view.iter().map(|entry| entry.content).collect();
        let columns = mail::Columns { thread: true, texts: true, ..mail::Columns::default() };
        let rows = world.mail.rows(&ctx, person.account, inbox, contents, columns).await.unwrap();
        let threads: Vec<i64> = rows.iter().map(|row| row.thread).collect();
        assert!(
            threads[0] == threads[1] && threads[1] == threads[2] && threads[3] != threads[0],
            "{threads:?}"
        );
        assert_eq!(rows[3].subject, "Other");
    });
}

#[test]
fn no_statement_of_mail_scans() {
    both(2, |world| async move {
        world.engine.store.record_statements();
        let (a, b) = (&world.people[0], &world.people[1]);
        for number in 0..3 {
            world.deliver(&[a, b], message(&format!("Number {number}"), "text")).await;
        }
        let (ctx, inbox) = (world.ctx_of(a, Door::Imap).await, world.mailbox(a, Role::Inbox).await.id);
        let archive = world.mailbox(a, Role::Archive).await.id;
        let mail = &world.mail;
        let (from, to) = ((a.account, inbox), (a.account, archive));
        let view = mail.view(&ctx, a.account, inbox).await.unwrap();
        let contents: Vec<i64> = view.iter().map(|entry| entry.content).collect();
        let all = mail::Columns { thread: true, texts: true, envelope: true, structure: true, fields: true };
        mail.rows(&ctx, a.account, inbox, contents.clone(), all).await.unwrap();
        mail.saved_at(&ctx, a.account, inbox, vec![1, 2]).await.unwrap();
        mail.copy(&ctx, from, vec![1, 2], to).await.unwrap();
        mail.move_to(&ctx, from, vec![1], to).await.unwrap();
        mail.expunge(&ctx, a.account, inbox, vec![2]).await.unwrap();
        mail.set_acl(&ctx, a.account, archive, b.account, kernel::Rights::all()).await.unwrap();
        mail.acl(&ctx, a.account, archive).await.unwrap();
        let other = world.ctx_of(b, Door::Imap).await;
        mail.shared_accounts(&other).await.unwrap();
        mail.subscribe(&other, a.account, archive, true).await.unwrap();
        mail.rows(&other, a.account, archive, contents, all).await.unwrap();
        let note = Note { name: "/comment".into(), private: true, value: Some(b"x".to_vec()) };
        mail.annotate(&other, a.account, archive, vec![note]).await.unwrap();
        mail.annotations(&other, a.account, archive).await.unwrap();
        mail.move_to(&other, to, vec![1], (b.account, world.mailbox(b, Role::Inbox).await.id)).await.unwrap();
        mail.quota(&ctx, a.account).await.unwrap();
        mail.changes(&ctx, a.account, inbox, base::Seq(1)).await.unwrap();
        testkit::plans::no_scans(&world.engine.store, &["count(*) FROM blob"]).await;
        world.sound().await;
    });
}

#[test]
fn r09_whatever_bytes_come_are_delivered_and_come_back_as_they_were() {
    both(1, |world| async move {
        let person = &world.people[0];
        let random = base::Random::seeded(11);
        let pieces: &[&[u8]] = &[
            b"Subject: a\0b =?utf-8?Q?=00=FF?= \r\n",
            b"From: \"\0\" <a\0@b>\r\nMessage-ID: <\0@x>\r\nReferences: <\0> <a@b\0>\r\n",
            b"Content-Type: multipart/mixed; boundary=\"\0\"\r\n\r\n--\0\r\n",
            b"Content-Type: text/plain; charset=\"\0\"; name*=utf-8''%00%ff\r\nContent-ID: <\0>\r\n\r\n",
            b"\xff\xfe\x00\r\n\r\n",
            b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n",
            b"\r\n\0\0\0",
            b"=?iso-2022-jp?B?AAAA?=",
        ];
        let mut sent = Vec::new();
        for _ in 0..60 {
            let mut body = Vec::new();
            for _ in 0..random.u64() % 9 {
                body.extend_from_slice(pieces[usize::try_from(random.u64()).unwrap_or(0) % pieces.len()]);
                if random.u64().is_multiple_of(4) {
                    body.extend_from_slice(&random.u64().to_le_bytes());
                }
            }
            world.deliver_one(person, body.clone()).await;
            sent.push(body);
        }
        let ctx = world.ctx_of(person, Door::Imap).await;
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        let view = world.mail.view(&ctx, person.account, inbox).await.unwrap();
        let wanted = view.iter().map(|entry| (entry.content, None)).collect();
        let bodies = world.mail.bodies(&ctx, person.account, inbox, wanted).await.unwrap();
        for (body, sent) in bodies.into_iter().zip(sent) {
            assert_eq!(body.as_deref(), Some(&sent[..]));
        }
        world.sound().await;
    });
}

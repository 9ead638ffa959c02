use base::{CollectionId, Door, Meaning};
use mail::{MailboxChange, Role};
use testkit::mail::both;

#[test]
fn every_account_begins_with_the_usual_mailboxes() {
    both(1, |world| async move {
        let person = &world.people[0];
        let ctx = world.ctx_of(person, Door::Imap).await;
        // Two at once make them once.
        let (one, two) =
            tokio::join!(world.mail.inbox(&ctx, person.account), world.mail.inbox(&ctx, person.account));
        assert_eq!(one.unwrap(), two.unwrap());
        let all = world.mail.mailboxes(&ctx, person.account).await.unwrap();
        let names: Vec<&str> = all.iter().map(|mailbox| mailbox.name.as_str()).collect();
        assert_eq!(names, ["INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive"]);
        assert!(all.iter().all(|mailbox| mailbox.subscribed && mailbox.role.is_some()));
    });
}

#[test]
fn mailboxes_are_made_renamed_moved_and_removed() {
    both(2, |world| async move {
        let person = &world.people[0];
        let (mail, account) = (&world.mail, person.account);
        let ctx = world.ctx_of(person, Door::Imap).await;
        let inbox = mail.inbox(&ctx, account).await.unwrap();
        let top = CollectionId(0);
        let work = mail.create_mailbox(&ctx, account, top, "Work", None).await.unwrap();
        let below = mail.create_mailbox(&ctx, account, work, "été", None).await.unwrap();
        let meaning = |error: base::Error| error.meaning();
        let taken = mail.create_mailbox(&ctx, account, work, "été", None).await.map_err(meaning);
        assert_eq!(taken, Err(Meaning::Conflict));
        assert_eq!(
            mail.create_mailbox(&ctx, account, top, "inbox", None).await.map_err(meaning),
            Err(Meaning::Conflict)
        );
        assert_eq!(
            mail.create_mailbox(&ctx, account, top, "a/b", None).await.map_err(meaning),
            Err(Meaning::Invalid)
        );
        let again = mail.create_mailbox(&ctx, account, top, "Bin", Some(Role::Trash)).await.map_err(meaning);
        assert_eq!(again, Err(Meaning::Conflict));
        let up = MailboxChange { parent: Some(top), name: Some("Summer".to_owned()), role: None };
        mail.change_mailbox(&ctx, account, below, up).await.unwrap();
        let name = MailboxChange { name: Some("Post".to_owned()), ..MailboxChange::default() };
        assert_eq!(
            mail.change_mailbox(&ctx, account, inbox, name).await.map_err(meaning),
            Err(Meaning::Forbidden)
        );
        assert_eq!(
            mail.destroy_mailbox(&ctx, account, inbox).await.map_err(meaning),
            Err(Meaning::Forbidden)
        );
        mail.destroy_mailbox(&ctx, account, work).await.unwrap();
        let renewed = mail.create_mailbox(&ctx, account, top, "Work", None).await.unwrap();
        let old = mail.mailbox(&ctx, account, work).await.map_err(meaning);
        assert_eq!(old, Err(Meaning::NotFound));
        let summer = mail.mailbox(&ctx, account, below).await.unwrap();
        assert_eq!((summer.parent, summer.name.as_str()), (top, "Summer"));
        assert!(mail.mailbox(&ctx, account, renewed).await.unwrap().uidvalidity > summer.uidvalidity);
        // Another person knows nothing of them.
        let other = world.ctx_of(&world.people[1], Door::Imap).await;
        assert_eq!(mail.mailboxes(&other, account).await.unwrap(), []);
        assert_eq!(mail.quota(&other, account).await.map_err(meaning), Err(Meaning::NotFound));
        mail.set_acl(&ctx, account, below, world.people[1].account, kernel::Rights(1)).await.unwrap();
        let seen = mail.mailboxes(&other, account).await.unwrap();
        assert_eq!(seen.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), [below]);
        assert_eq!(mail.shared_accounts(&other).await.unwrap()[0].address, "u1@bench.test");
        assert_eq!(mail.acl(&ctx, account, below).await.unwrap()[0].1, "u2@bench.test");
        world.sound().await;
    });
}

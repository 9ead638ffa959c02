use base::Door;
use mail::Role;
use mail::flags::{FlagChange, Keywords};
use testkit::mail::{both, message};

#[test]
fn a_view_shows_every_change_that_was_answered_for() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (mail, account) = (&world.mail, person.account);
        let (ctx, inbox) =
            (world.ctx_of(person, Door::Imap).await, world.mailbox(person, Role::Inbox).await.id);
        let empty = mail.view(&ctx, account, inbox).await.unwrap();
        assert!(empty.is_empty());
        for number in 1..=5_u32 {
            world.deliver_one(person, message(&format!("Number {number}"), "text")).await;
            let view = mail.view(&ctx, account, inbox).await.unwrap();
            assert_eq!((view.len(), view.uidnext), (number as usize, number + 1));
        }
        let five = mail.view(&ctx, account, inbox).await.unwrap();
        let same = mail.view(&ctx, account, inbox).await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&five, &same), "nothing changed, nothing is read");
        mail.store(&ctx, account, inbox, vec![2], FlagChange::Add(Keywords::bits(1)), None).await.unwrap();
        mail.expunge(&ctx, account, inbox, vec![1, 4]).await.unwrap();
        let now = mail.view(&ctx, account, inbox).await.unwrap();
        assert_eq!(now.iter().map(|entry| entry.uid).collect::<Vec<_>>(), [2, 3, 5]);
        let changes = now.changes_since(five.seq).unwrap();
        assert_eq!(changes.gone, [1, 4]);
        assert_eq!(
            changes.changed.iter().map(|entry| (entry.uid, entry.flags)).collect::<Vec<_>>(),
            [(2, 1)]
        );
        let from_tables = mail.changes(&ctx, account, inbox, five.seq).await.unwrap();
        assert_eq!((&from_tables.changed, &from_tables.gone), (&changes.changed, &changes.gone));
        // A view that is built anew is the same.
        assert_eq!(mail.views_held(), 1);
        assert!(now.iter().all(|entry| entry.received_at == testkit::engines::START_MS && entry.size > 100));
    });
}

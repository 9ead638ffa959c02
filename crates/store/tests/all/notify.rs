//! Hints between the nodes of one database.

use std::time::Duration;

use store::notify::{Notice, Receiver};
use store::sql::Dialect;
use testkit::engines::{Engine, both};

async fn next(receiver: &mut Receiver) -> Notice {
    let notice = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
    notice.expect("a hint within ten seconds").expect("the store is open")
}

/// Hints until `last` came; how often something was missed.
async fn until(receiver: &mut Receiver, last: &str) -> (Vec<String>, usize) {
    let (mut texts, mut missed) = (Vec::new(), 0);
    loop {
        match next(receiver).await {
            Notice::Missed => missed += 1,
            Notice::Text { text, .. } => {
                texts.push(text.to_string());
                if &*text == last {
                    return (texts, missed);
                }
            }
        }
    }
}

#[test]
fn hints_reach_the_own_process_at_once_and_by_topic() {
    both(&[], None, |engine| async move {
        let notifier = engine.store.notifier().clone();
        let (mut one, mut other) = (notifier.subscribe("one"), notifier.subscribe("other"));
        notifier.publish("one", "a");
        notifier.publish_away("one", "not for this node");
        notifier.publish("other", "b");
        let (texts, _) = until(&mut one, "a").await;
        assert_eq!(texts, ["a"]);
        assert_eq!(until(&mut other, "b").await.0, ["b"]);
        assert!(!matches!(one.try_recv(), Some(Notice::Text { .. })));
    });
}

#[test]
fn a_slow_receiver_is_told_that_it_missed_some() {
    both(&[], None, |engine| async move {
        let notifier = engine.store.notifier().clone();
        let mut slow = notifier.subscribe("flood");
        for number in 0..5_000 {
            notifier.publish("flood", &number.to_string());
        }
        assert_eq!(next(&mut slow).await, Notice::Missed);
        let (texts, _) = until(&mut slow, "4999").await;
        assert!(texts.len() <= 1_024, "{}", texts.len());
    });
}

fn on_postgres<S: Future<Output = ()>>(story: impl FnOnce(Engine) -> S) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::new(Dialect::Postgres, &[], None).await;
        let store = engine.store.clone();
        story(engine).await;
        store.close().await;
    });
}

#[test]
fn hints_travel_between_two_nodes_in_few_notifications() {
    on_postgres(|engine| async move {
        let second = engine.second().await;
        let mut there = second.notifier().subscribe("push");
        // The first word is that the connection stands.
        assert_eq!(next(&mut there).await, Notice::Missed);
        let here = engine.store.notifier();
        let mut own = here.subscribe("push");
        assert_eq!(next(&mut own).await, Notice::Missed);
        for number in 0..900 {
            here.publish("push", &format!("hint {number}"));
        }
        let (texts, missed) = until(&mut there, "hint 899").await;
        assert_eq!((texts.len(), missed), (900, 0));
        assert_eq!((texts[0].as_str(), texts[450].as_str()), ("hint 0", "hint 450"), "in their order");
        // Its own come back from the server and are left aside.
        assert_eq!(until(&mut own, "hint 899").await.0.len(), 900);
        here.publish("push", &"long ".repeat(2_000));
        assert_eq!(next(&mut there).await, Notice::Missed);
        here.publish("push", "last");
        let (texts, _) = until(&mut own, "last").await;
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_eq!(until(&mut there, "last").await.0, ["last"]);
        second.close().await;
    });
}

#[test]
fn a_broken_connection_is_made_again_and_the_gap_is_told() {
    on_postgres(|engine| async move {
        let second = engine.second().await;
        let mut there = second.notifier().subscribe("push");
        assert_eq!(next(&mut there).await, Notice::Missed);
        engine.store.notifier().publish("push", "before");
        assert_eq!(until(&mut there, "before").await.0, ["before"]);
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND (query LIKE 'SELECT pg_notify%' OR query LIKE 'SELECT pg_backend%') \
                   AND pid <> pg_backend_pid()";
        let ended = engine.store.write([], move |tx| tx.query_one(cut, [], |row| row.int(0))).await.unwrap();
        assert_eq!(ended, 2, "both nodes listened");
        // Sent into the gap: it waits for the new connection, or is told as missed.
        engine.store.notifier().publish("push", "during");
        assert_eq!(next(&mut there).await, Notice::Missed);
        tokio::time::sleep(Duration::from_millis(600)).await;
        engine.store.notifier().publish("push", "after");
        let (texts, _) = until(&mut there, "after").await;
        assert!(texts.len() <= 2, "{texts:?}");
        second.close().await;
        assert_eq!(second.notifier().subscribe("push").try_recv(), None);
    });
}

#[test]
fn a_command_beside_a_server_on_one_file_is_heard_and_hears_nothing() {
    let folder = testkit::engines::folder();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let open = || async {
            let options = store::StoreOptions {
                backend: store::Backend::Sqlite { path: folder.path().join("one.sqlite"), readers: 1 },
                parts: Vec::new(),
                on_lock: None,
                limits: std::sync::Arc::default(),
                clock: base::Clock::system(),
            };
            store::Store::open(options).await.unwrap()
        };
        let (server, command) = (open().await, open().await);
        command.notifier().publish("topic", "nobody listens yet");
        server.notifier().listen_beside().unwrap();
        let mut heard = server.notifier().subscribe("topic");
        let mut other = command.notifier().subscribe("topic");
        assert!(!server.notifier().tells_others() && command.notifier().tells_others());
        command.notifier().publish_away("topic", "one");
        assert_eq!(until(&mut heard, "one").await, (vec!["one".to_owned()], 0));
        command.notifier().publish_away("topic", &"x".repeat(10_000));
        assert_eq!(next(&mut heard).await, Notice::Missed);
        server.notifier().publish_away("topic", "not for commands");
        assert_eq!(other.try_recv(), None);
        // Far more than a socket holds: all of it, or the word that some were missed.
        for number in 0..5_000 {
            command.notifier().publish_away("topic", &number.to_string());
        }
        command.close().await;
        let (mut count, mut missed) = (0, 0);
        while count < 5_000 && missed == 0 {
            match next(&mut heard).await {
                Notice::Missed => missed += 1,
                Notice::Text { .. } => count += 1,
            }
        }
        server.close().await;
    });
}

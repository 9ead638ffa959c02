//! A10: what others change by SQL takes effect at once and shows in the history as made by SQL.

use directory::entries::Kind;

use crate::world::{World, both};

#[test]
fn a10_a_change_by_sql_takes_effect_at_once_and_enters_the_history() {
    both(|world| async move {
        let ada = world.person("ada").await;
        world.team(Kind::List, "all", &["ada"]).await;
        let ours = world.history().await;
        assert!(
            ours.iter().all(|line| !line.starts_with("sql ")),
            "what we write is not taken for others': {ours:?}"
        );
        let revision = |directory: directory::Directory| async move {
            let text = "SELECT revision FROM entry WHERE account_id = $1";
            directory.read(move |tx| tx.query_one(text, store::params![ada], |row| row.int(0))).await.unwrap()
        };
        let before = revision(world.directory.clone()).await;
        world
            .sql("UPDATE entry SET quota_bytes = 1234, note = 'by hand' WHERE address = 'ada@acme.example'")
            .await
            .unwrap();
        let quota =
            world.directory.read(move |tx| directory::resolve::quota_in_force(tx, ada)).await.unwrap();
        assert_eq!(quota, Some(1_234));
        world
            .sql(
                "INSERT INTO address (address, organisation_id, domain_id, account_id)
                 SELECT 'byhand@acme.example', organisation_id, domain_id, account_id FROM entry WHERE kind = 'person'",
            )
            .await
            .unwrap();
        assert_eq!(world.resolve("byhand").await, "ada");
        world.sql("DELETE FROM membership").await.unwrap();
        assert_eq!(world.resolve("all").await, "refused empty");
        let history = world.history().await;
        let made: Vec<_> = history.iter().filter(|line| line.starts_with("sql 0 ")).collect();
        assert_eq!(made.len(), 1, "one commit: {history:?}");
        for part in [
            "note:  -> by hand; quota_bytes: none -> 1234",
            "address byhand@acme.example",
            "membership",
            "removed",
        ] {
            assert!(made[0].contains(part), "{part} is not in {}", made[0]);
        }
        assert_eq!(
            revision(world.directory.clone()).await,
            before + 1,
            "who keeps a copy sees that it changed"
        );
        assert_eq!(world.directory.absorb_sql_changes(&world.system()).await.unwrap(), 0, "once");
    });
}

#[test]
fn a10_passwords_set_by_sql_do_not_show_in_the_history() {
    both(|world| async move {
        world.person_with_password("ada").await;
        let hash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
        let set = "UPDATE password SET hash = $1";
        world.engine.store.write([], move |tx| tx.execute(set, store::params![hash])).await.unwrap();
        let history = world.history().await.join("\n");
        assert!(history.contains("hash: changed"), "{history}");
        assert!(!history.contains("5en6G6Mez"), "{history}");
        let ctx = world.system();
        let asked = directory::login::Credentials {
            name: "ada@acme.example".to_owned(),
            password: base::Secret::new("secret"),
            code: None,
            door: base::Door::Imap,
            network_address: None,
        };
        assert!(world.directory.login(&ctx, asked).await.is_ok(), "in force at the next login");
    });
}

#[test]
fn a10_what_breaks_a_rule_is_refused_by_the_database_itself() {
    both(|world| async move {
        world.person("ada").await;
        for text in [
            "UPDATE entry SET quota_bytes = -1",
            "UPDATE entry SET state = 'sleeping'",
            "UPDATE entry SET class_id = 99",
            "UPDATE entry SET unit_id = 99",
            "UPDATE entry SET domain_id = 99",
            "UPDATE address SET address = 'ADA@acme.example'",
            "UPDATE address SET kind = 'temporary'",
            "UPDATE domain SET name = 'ACME.example'",
            "INSERT INTO membership (organisation_id, group_id, member_id, member_address) VALUES (1, 1, 0, '')",
        ] {
            assert!(world.sql(text).await.is_err(), "{text}");
        }
    });
}

#[test]
fn a14_the_documented_views_answer() {
    both(|world| async move {
        world.person("ada").await;
        world.team(Kind::List, "all", &["ada", "x@far.example"]).await;
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = directory::domains::by_name(edit, acme, "acme.example")?.unwrap();
                directory::domains::create_alias(edit, "acme.test", own.id)?;
                directory::domains::change(edit, own.id, &[("max_quota_bytes", "5000")])
            })
            .await
            .unwrap();
        for (text, expected) in [
            ("SELECT name FROM postfix_domains ORDER BY name", vec!["acme.example", "acme.test"]),
            (
                "SELECT address FROM postfix_recipients ORDER BY address",
                vec!["ada@acme.example", "ada@acme.test", "all@acme.example", "all@acme.test"],
            ),
            (
                "SELECT address FROM directory_people WHERE quota_bytes = 5000 AND organisation = 'acme'",
                vec!["ada@acme.example"],
            ),
            (
                "SELECT primary_address FROM directory_addresses WHERE address = 'all@acme.example'",
                vec!["all@acme.example"],
            ),
            (
                "SELECT member_address FROM directory_members WHERE group_address = 'all@acme.example' ORDER BY 1",
                vec!["ada@acme.example", "x@far.example"],
            ),
        ] {
            let found = world.directory.read(move |tx| tx.query(text, [], |row| row.text(0))).await.unwrap();
            assert_eq!(found, expected, "{text}");
        }
    });
}

/// Asks a real Postfix for a key of one of the maps that we ship; nothing when it has none.
fn postmap(world: &World, map: &str, key: &str) -> Option<String> {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/postfix");
    let (kind, place) = match world.engine.postgres_url() {
        None => {
            let file = world.engine.folder.path().join("beffroi.sqlite");
            ("sqlite", format!("dbpath = {}\n", file.display()))
        }
        // Postfix takes a connection by URL under this scheme alone, and insists on a name beside it.
        Some(url) => {
            let url = url.replacen("postgres://", "postgresql://", 1);
            ("pgsql", format!("hosts = {url}\ndbname = unused\n"))
        }
    };
    let shipped = std::fs::read_to_string(docs.join(kind).join(format!("{map}.cf"))).unwrap();
    let is_place = |line: &str| {
        ["dbpath", "hosts", "dbname", "user", "password"].iter().any(|name| line.starts_with(name))
    };
    let query: String =
        shipped.lines().filter(|line| !is_place(line)).flat_map(|line| [line, "\n"]).collect();
    let file = world.engine.folder.path().join(format!("{map}.cf"));
    std::fs::write(&file, format!("{place}{query}")).unwrap();
    // Postfix waits seconds for a map that was written just now, in case its writer is not done.
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    std::fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(long_ago)).unwrap();
    let asked = std::process::Command::new("postmap")
        .args(["-q", key, &format!("{kind}:{}", file.display())])
        .output()
        .expect("Postfix is installed; `cargo xtask test` installs it");
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(!said.contains("fatal") && !said.contains("error"), "{kind} {map} {key}: {said}");
    asked.status.success().then(|| String::from_utf8(asked.stdout).unwrap().trim().to_owned())
}

#[test]
fn a09_a10_a14_a_real_postfix_reads_the_shipped_maps_and_sees_changes_by_sql_at_once() {
    both(|world| async move {
        world.person("ada").await;
        world.alias("info", &["ada", "x@far.example"]).await.unwrap();
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = directory::domains::by_name(edit, acme, "acme.example")?.unwrap();
                directory::domains::create_alias(edit, "acme.test", own.id)
            })
            .await
            .unwrap();
        let answers = |map, key| postmap(&world, map, key);
        assert_eq!(answers("domains", "acme.example").as_deref(), Some("OK"));
        assert_eq!(answers("domains", "acme.test").as_deref(), Some("OK"));
        assert_eq!(answers("domains", "far.example"), None);
        assert!(answers("mailboxes", "ada@acme.example").is_some());
        assert!(answers("mailboxes", "ADA@acme.test").is_some());
        assert_eq!(answers("mailboxes", "nobody@acme.example"), None);
        assert_eq!(answers("mailboxes", "o'hara@acme.example"), None, "a quote is no way out of the query");
        let mut targets: Vec<String> =
            answers("aliases", "info@acme.example").unwrap().split(',').map(str::to_owned).collect();
        targets.sort();
        assert_eq!(targets, ["ada@acme.example", "x@far.example"]);
        assert_eq!(answers("aliases", "ada@acme.test").as_deref(), Some("ada@acme.example"));
        assert_eq!(answers("aliases", "ada@acme.example"), None);
        assert_eq!(answers("senders", "ada@acme.test").as_deref(), Some("ada@acme.example"));
        assert_eq!(answers("transports", "acme.example"), None);

        // Somebody with a SQL tool.
        world
            .sql("UPDATE domain SET relay_host = '[old.example]:25' WHERE name = 'acme.example'")
            .await
            .unwrap();
        assert_eq!(answers("transports", "acme.example").as_deref(), Some("smtp:[old.example]:25"));
        assert_eq!(answers("transports", "ada@acme.example").as_deref(), Some(":"));
        world.sql("UPDATE entry SET state = 'closed' WHERE address = 'ada@acme.example'").await.unwrap();
        assert_eq!(answers("mailboxes", "ada@acme.example"), None);
        assert_eq!(answers("senders", "ada@acme.example"), None);
        world.sql("UPDATE domain SET state = 'closed' WHERE name = 'acme.example'").await.unwrap();
        assert_eq!(answers("domains", "acme.example"), None);
    });
}

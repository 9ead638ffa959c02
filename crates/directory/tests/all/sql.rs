//! A10: what others change by SQL takes effect at once and shows in the history as made by SQL.

use directory::entries::Kind;

use crate::world::both;

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

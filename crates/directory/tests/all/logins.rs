//! Logins: what is right, what is wrong, who has to wait, and sessions.

use std::net::IpAddr;

use base::{AccountId, Ctx, Door, Limits, Secret};
use directory::credentials::{self, HashedPassword, app, codes};
use directory::login::{Answer, Credentials, LoggedIn};
use directory::sessions::{self, NewSession};
use directory::states::{Transition, apply};
use directory::{classes, domains, people};

use crate::world::{World, both, full, said};

const DAY_MS: i64 = 86_400_000;

fn try_of(name: &str, password: &str, door: Door, from: &str) -> Credentials {
    let network_address: Option<IpAddr> = Some(from.parse().unwrap());
    Credentials { name: full(name), password: Secret::new(password), code: None, door, network_address }
}

async fn login(world: &World, name: &str, password: &str, door: Door) -> base::Result<LoggedIn> {
    login_from(world, &world.system(), name, password, door, "192.0.2.1").await
}

async fn login_from(
    world: &World,
    ctx: &Ctx,
    name: &str,
    password: &str,
    door: Door,
    from: &str,
) -> base::Result<LoggedIn> {
    match world.directory.login(ctx, try_of(name, password, door, from)).await? {
        Answer::LoggedIn(logged_in) => Ok(logged_in),
        Answer::NeedsCode(_) => Err(base::Error::forbidden("code", "is needed")),
    }
}

#[test]
fn m08_right_and_wrong_names_and_passwords() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        world.person("bob").await;
        world
            .edit(move |edit| directory::aliases::add(edit, ada, "countess@acme.example", None, ""))
            .await
            .unwrap();
        let until = world.engine.clock.now_ms() + DAY_MS;
        world
            .edit(move |edit| directory::aliases::add(edit, ada, "shop@acme.example", Some(until), ""))
            .await
            .unwrap();
        for (name, password, right) in [
            ("ada", "secret word", true),
            ("ADA@Acme.Example", "secret word", true),
            ("countess", "secret word", true),
            ("ada", "Secret word", false),
            ("ada", "", false),
            ("shop", "secret word", false),
            ("bob", "secret word", false),
            ("nobody", "secret word", false),
            ("ada@elsewhere.example", "secret word", false),
            ("no address at all@", "secret word", false),
        ] {
            let found = login(&world, name, password, Door::Imap).await;
            match found {
                Ok(logged_in) => assert!(right && logged_in.actor.account == ada, "{name}"),
                Err(error) => {
                    assert!(!right, "{name}: {error}");
                    assert_eq!(error.to_string(), "login: address or password is wrong", "{name}");
                }
            }
        }
        let endless = "x".repeat(2_000);
        assert_eq!(said(login(&world, "ada", &endless, Door::Imap).await), "too-large password");
    });
}

#[test]
fn m14_m08_locked_accounts_and_closed_doors_do_not_let_in() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let acme = world.acme;
        world.edit(move |edit| apply(edit, ada, Transition::Lock)).await.unwrap();
        let error = login(&world, "ada", "secret word", Door::Imap).await.unwrap_err();
        assert!(error.to_string().contains("locked"), "who knows the password may know why: {error}");
        let error = login(&world, "ada", "wrong word", Door::Imap).await.unwrap_err();
        assert!(error.to_string().contains("wrong"), "{error}");
        world.edit(move |edit| apply(edit, ada, Transition::Unlock)).await.unwrap();
        world
            .edit(move |edit| {
                classes::create(edit, "web", &[("pop3", "no"), ("imap", "no")])?;
                people::change(edit, ada, &[("class", "web")])
            })
            .await
            .unwrap();
        for (door, right) in [(Door::Imap, false), (Door::Pop3, false), (Door::Jmap, true), (Door::Dav, true)]
        {
            assert_eq!(login(&world, "ada", "secret word", door).await.is_ok(), right, "{}", door.name());
        }
        world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::change(edit, own.id, &[("state", "locked")])
            })
            .await
            .unwrap();
        assert!(login(&world, "ada", "secret word", Door::Jmap).await.is_err());
    });
}

#[test]
fn m29_an_old_password_must_be_changed_on_the_web_first() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::change(edit, own.id, &[("password_days", "90")])
            })
            .await
            .unwrap();
        assert!(!login(&world, "ada", "secret word", Door::Jmap).await.unwrap().must_change_password);
        world.engine.clock.advance_ms(90 * DAY_MS);
        assert!(login(&world, "ada", "secret word", Door::Jmap).await.unwrap().must_change_password);
        let refused = login(&world, "ada", "secret word", Door::Imap).await.unwrap_err();
        assert!(refused.to_string().contains("new password"), "{refused}");
        let hash = world.hash("another word");
        world.edit_as(ada, move |edit| credentials::set_own_password(edit, &hash)).await.unwrap();
        assert!(!login(&world, "ada", "another word", Door::Imap).await.unwrap().must_change_password);
        assert!(login(&world, "ada", "secret word", Door::Jmap).await.is_err());
    });
}

#[test]
fn hashes_of_an_older_system_are_replaced_at_the_first_login() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let old = HashedPassword::existing("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=").unwrap();
        world.edit(move |edit| credentials::set_password(edit, ada, &old, false)).await.unwrap();
        let hash = || async {
            world
                .directory
                .read(move |tx| {
                    tx.query_one(
                        "SELECT hash FROM password WHERE account_id = $1",
                        store::params![ada],
                        |row| row.text(0),
                    )
                })
                .await
                .unwrap()
        };
        assert!(login(&world, "ada", "wrong", Door::Imap).await.is_err());
        assert!(hash().await.starts_with("{SHA}"));
        login(&world, "ada", "secret", Door::Imap).await.unwrap();
        assert!(hash().await.starts_with("$argon2id$"));
        login(&world, "ada", "secret", Door::Imap).await.unwrap();
    });
}

#[test]
fn a_second_login_costs_no_slow_hash_one_read_and_no_write() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        world.team(directory::entries::Kind::Group, "staff", &["ada"]).await;
        let costs = || {
            let stats = world.engine.store.stats();
            (world.directory.hasher().slow_hashes(), stats.reads, stats.transactions)
        };
        login(&world, "ada", "secret word", Door::Imap).await.unwrap();
        let (hashes, reads, writes) = costs();
        for door in [Door::Imap, Door::Submission, Door::Imap] {
            let again = login(&world, "ada", "secret word", door).await.unwrap();
            assert_eq!(again.actor.subjects.len(), 2, "with its group");
        }
        assert_eq!(costs(), (hashes, reads + 3, writes));
        // A wrong password pays in full every time, and is never taken for a right one.
        for _ in 0..2 {
            assert!(login(&world, "ada", "secret worD", Door::Imap).await.is_err());
        }
        assert_eq!(costs(), (hashes + 2, reads + 5, writes));
        // A change by SQL is in force at once, and back.
        let (old, new) = (sql_hash(&world, ada).await, world.hash("another word").as_str().to_owned());
        set_by_sql(&world, ada, new.clone()).await;
        assert!(login(&world, "ada", "secret word", Door::Imap).await.is_err());
        login(&world, "ada", "another word", Door::Imap).await.unwrap();
        set_by_sql(&world, ada, old).await;
        assert!(login(&world, "ada", "another word", Door::Imap).await.is_err());
        let hashes = costs().0;
        login(&world, "ada", "secret word", Door::Imap).await.unwrap();
        assert!(costs().0 > hashes, "the proof was for another hash");
        // Locking is in force at once too.
        world.edit(move |edit| apply(edit, ada, Transition::Lock)).await.unwrap();
        assert!(login(&world, "ada", "secret word", Door::Imap).await.is_err());
    });
}

async fn sql_hash(world: &World, account: AccountId) -> String {
    const ASK: &str = "SELECT hash FROM password WHERE account_id = $1";
    let asked = world.directory.read(move |tx| tx.query_one(ASK, store::params![account], |row| row.text(0)));
    asked.await.unwrap()
}

async fn set_by_sql(world: &World, account: AccountId, hash: String) {
    let write = world.engine.store.write([], move |tx| {
        tx.execute("UPDATE password SET hash = $2 WHERE account_id = $1", store::params![account, &hash])
    });
    assert_eq!(write.await.unwrap(), 1);
}

#[test]
fn app_passwords_open_their_doors_until_they_end() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let until = world.engine.clock.now_ms() + DAY_MS;
        let (id, secret) = world
            .edit_as(ada, move |edit| {
                app::create(edit, ada, "Phone", &[Door::Imap, Door::Submission], Some(until))
            })
            .await
            .unwrap();
        assert!(secret.expose().len() >= 26, "{} characters", secret.expose().len());
        let found = login(&world, "ada", secret.expose(), Door::Imap).await.unwrap();
        assert!(found.by_app_password());
        let spaced = secret.expose().replace('-', " ");
        login(&world, "ada", &spaced, Door::Submission).await.unwrap();
        assert!(
            login(&world, "ada", secret.expose(), Door::Dav).await.is_err(),
            "a door that it does not open"
        );
        world.person_with_password("bob").await;
        assert!(login(&world, "bob", secret.expose(), Door::Imap).await.is_err(), "another's");
        let (ctx, acme) = (world.system(), world.acme);
        let list = world.directory.read(move |tx| app::list(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!((list.len(), list[0].label.as_str(), list[0].last_used_at.is_some()), (1, "Phone", true));
        world.engine.clock.advance_ms(DAY_MS);
        assert!(login(&world, "ada", secret.expose(), Door::Imap).await.is_err(), "it ended");
        world.edit_as(ada, move |edit| app::remove(edit, ada, id)).await.unwrap();
        assert_eq!(
            said(world.edit_as(ada, move |edit| app::remove(edit, ada, id)).await),
            "not-found app password"
        );
    });
}

#[test]
fn a_second_factor_is_asked_for_where_it_can_be_and_each_code_is_good_once() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let setup = world.edit_as(ada, codes::begin).await.unwrap();
        login(&world, "ada", "secret word", Door::Imap)
            .await
            .expect("it is not in force before its first code");
        assert_eq!(said(world.edit_as(ada, |edit| codes::confirm(edit, "000000")).await), "invalid code");
        let authenticator = totp_rs::Totp::from_url(setup.address.expose()).unwrap();
        let code = |clock: &base::Clock| {
            authenticator.generate(u64::try_from(clock.now_ms()).unwrap() / 1_000).to_string()
        };
        let first = code(&world.engine.clock);
        let recovery = world.edit_as(ada, move |edit| codes::confirm(edit, &first)).await.unwrap();
        assert_eq!(recovery.len(), 10);
        assert_eq!(said(world.edit_as(ada, codes::begin).await), "conflict one_time_code");
        assert_eq!(said(login(&world, "ada", "secret word", Door::Jmap).await), "forbidden code");
        let refused = login(&world, "ada", "secret word", Door::Imap).await.unwrap_err();
        assert!(refused.to_string().contains("app password"), "{refused}");
        let with = |code: String| {
            let (ctx, directory) = (world.system(), world.directory.clone());
            let asked =
                Credentials { code: Some(code), ..try_of("ada", "secret word", Door::Jmap, "192.0.2.1") };
            async move { directory.login(&ctx, asked).await }
        };
        assert!(with(code(&world.engine.clock)).await.is_err(), "the code that confirmed it was used");
        world.engine.clock.advance_ms(60_000);
        let now = code(&world.engine.clock);
        assert!(matches!(with(now.clone()).await.unwrap(), Answer::LoggedIn(_)));
        assert!(with(now).await.is_err(), "twice");
        let spare = recovery[3].expose().to_owned();
        assert!(matches!(with(spare.clone()).await.unwrap(), Answer::LoggedIn(_)));
        assert!(with(spare).await.is_err(), "twice");
        let (ctx, acme) = (world.system(), world.acme);
        let state = world.directory.read(move |tx| codes::state(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!(state, (true, 9));
        world.edit_as(ada, move |edit| codes::remove(edit, ada)).await.unwrap();
        login(&world, "ada", "secret word", Door::Imap).await.unwrap();
    });
}

#[test]
fn guessing_is_slowed_down_and_its_owner_still_gets_in_from_home() {
    both(|world| async move {
        world.person_with_password("ada").await;
        let mut ctx = world.system();
        ctx.limits = std::sync::Arc::new(Limits { login_failures_per_account: 3, ..Limits::default() });
        let home = "2001:db8:1:2::5";
        login_from(&world, &ctx, "ada", "secret word", Door::Imap, home).await.unwrap();
        // At all addresses that show what was, too, it is one password that is guessed.
        let names = ["ada", "ada@secours.acme.example", "ada@SAUVEGARDE.acme.example"];
        for (guess, name) in names.into_iter().enumerate() {
            let from = format!("198.51.100.{guess}");
            let refused = login_from(&world, &ctx, name, "guess", Door::Imap, &from).await;
            assert_eq!(said(refused), "forbidden login");
        }
        let waits = login_from(&world, &ctx, "ada", "secret word", Door::Imap, "203.0.113.9").await;
        assert_eq!(said(waits), "limit login");
        let rescue = "ada@secours.acme.example";
        let waits = login_from(&world, &ctx, rescue, "secret word", Door::Jmap, "203.0.113.9").await;
        assert_eq!(said(waits), "limit login");
        login_from(&world, &ctx, "ada", "secret word", Door::Imap, "2001:db8:1:2::77")
            .await
            .expect("from home");
        world.engine.clock.advance_ms(16 * 60_000);
        login_from(&world, &ctx, "ada", "secret word", Door::Imap, "203.0.113.9").await.expect("later");
    });
}

#[test]
fn b40_sessions_are_listed_and_ended_one_by_one_or_all() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let bob = world.person_with_password("bob").await;
        let open = |account: AccountId, client: &'static str| {
            let (ctx, organisation, store) = (world.system(), world.acme, world.engine.store.clone());
            async move {
                let new = NewSession {
                    account,
                    organisation,
                    door: Door::Jmap,
                    client: client.to_owned(),
                    network_address: "192.0.2.1".to_owned(),
                    lifetime_ms: DAY_MS,
                    with_token: true,
                    app_password: None,
                };
                store.write([], move |tx| sessions::open(tx, &ctx, &new)).await.unwrap()
            }
        };
        let by_token = |token: String| {
            let (ctx, directory) = (world.system(), world.directory.clone());
            async move { directory.read(move |tx| sessions::by_token(tx, &ctx, &token)).await.unwrap() }
        };
        let phone = open(ada, "Phone").await;
        world.engine.clock.advance_ms(1_000);
        let desk = open(ada, "Desk\u{202E}\n").await;
        world.engine.clock.advance_ms(1_000);
        let third = open(ada, "Third").await;
        let token = |opened: &sessions::Opened| opened.token.as_ref().unwrap().expose().to_owned();
        assert_eq!(by_token(token(&phone)).await.unwrap().account, ada);
        assert_eq!(by_token("nonsense".to_owned()).await, None);
        let (acme, store) = (world.acme, world.engine.store.clone());
        let own = world.person_ctx(ada).await;
        let reader = own.clone();
        let list = world.directory.read(move |tx| sessions::list(tx, &reader, acme, ada)).await.unwrap();
        let clients: Vec<_> = list.iter().map(|session| session.client.as_str()).collect();
        assert_eq!(clients, ["Third", "Desk", "Phone"]);
        let other = world.person_ctx(bob).await;
        let id = phone.id;
        let refused = store.write([], move |tx| sessions::end(tx, &other, acme, ada, id)).await;
        assert_eq!(said(refused), "forbidden account");
        let ctx = own.clone();
        store.write([], move |tx| sessions::end(tx, &ctx, acme, ada, id)).await.unwrap();
        assert_eq!(by_token(token(&phone)).await, None);
        let (ctx, keep) = (own.clone(), third.id);
        let ended =
            store.write([], move |tx| sessions::end_all(tx, &ctx, acme, ada, Some(keep))).await.unwrap();
        assert_eq!(ended, [desk.id]);
        assert!(by_token(token(&third)).await.is_some());
        world.edit(move |edit| apply(edit, ada, Transition::Lock)).await.unwrap();
        assert_eq!(by_token(token(&third)).await, None, "locking ends what is open");
        let late = open(bob, "Late").await;
        world.engine.clock.advance_ms(DAY_MS);
        assert_eq!(by_token(token(&late)).await, None, "a session ends by itself");
        let now = world.engine.clock.now_ms();
        let gone = store.write([], move |tx| sessions::forget(tx, now + 1, 100)).await.unwrap();
        assert_eq!(gone, 4);
    });
}

#[test]
fn b40_the_oldest_session_ends_when_there_are_too_many() {
    both(|world| async move {
        let ada = world.person_with_password("ada").await;
        let mut ctx = world.system();
        ctx.limits = std::sync::Arc::new(Limits { sessions_per_person: 2, ..Limits::default() });
        let mut ids = Vec::new();
        for _ in 0..4 {
            world.engine.clock.advance_ms(1_000);
            let new = NewSession {
                account: ada,
                organisation: world.acme,
                door: Door::Imap,
                client: String::new(),
                network_address: String::new(),
                lifetime_ms: DAY_MS,
                with_token: false,
                app_password: None,
            };
            let own = ctx.clone();
            ids.push(
                world.engine.store.write([], move |tx| sessions::open(tx, &own, &new)).await.unwrap().id,
            );
        }
        let acme = world.acme;
        let list = world.directory.read(move |tx| sessions::list(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!(list.iter().map(|session| session.id).collect::<Vec<_>>(), [ids[3], ids[2]]);
    });
}

//! Who a request is from: passwords and tokens that come with it, and their end.

use base::Door;
use directory::credentials::{app, codes};
use directory::sessions::{self, NewSession};

use crate::world::{PASSWORD, World, both};

async fn token(world: &World, lifetime_ms: i64) -> (base::SessionId, String) {
    let new = NewSession {
        account: world.ada,
        organisation: world.acme,
        door: Door::Jmap,
        client: "a test".to_owned(),
        network_address: "192.0.2.1".to_owned(),
        lifetime_ms,
        with_token: true,
        app_password: None,
    };
    let ctx = world.ctx();
    let opened = world.engine.store.write([], move |tx| sessions::open(tx, &ctx, &new)).await.unwrap();
    (opened.id, opened.token.unwrap().expose().to_owned())
}

#[test]
fn r08_a_request_is_from_whoever_its_password_or_token_says() {
    both(|world| async move {
        let who = |client: crate::world::Client| async move {
            let answer = client.clone().get("/who").await;
            if answer.status == 200 { answer.body } else { answer.problem() }
        };
        let client = world.client();
        assert_eq!(
            who(client.clone().basic("ada@acme.example", PASSWORD)).await,
            "ada@acme.example Password"
        );
        assert_eq!(
            who(client.clone().basic("ADA@acme.example", PASSWORD)).await,
            "ada@acme.example Password"
        );
        let ada = world.ada;
        let (_, app) =
            world.edit_as_ada(move |edit| app::create(edit, ada, "phone", &[], None)).await.unwrap();
        assert_eq!(
            who(client.clone().basic("ada@acme.example", app.expose())).await,
            "ada@acme.example AppPassword"
        );
        let (_, token) = token(&world, 60_000).await;
        assert_eq!(
            who(client.clone().with("authorization", &format!("Bearer {token}"))).await,
            "ada@acme.example Token"
        );
        for value in ["", "Basic", "Basic !", "Basic YQ==", "Digest a", "Bearer ", "Bearer x"] {
            assert_eq!(who(client.clone().with("authorization", value)).await, "401 login", "{value}");
        }
        assert_eq!(who(client.clone().basic("ada@acme.example", "wrong")).await, "401 login");
        assert_eq!(who(client.clone().basic("nobody@acme.example", "wrong")).await, "401 login");
        assert_eq!(who(client).await, "401 login");
    });
}

#[test]
fn r08_programs_are_told_the_schemes_and_pages_are_not() {
    both(|world| async move {
        let answer = world.client().get("/who").await;
        assert_eq!(answer.headers("www-authenticate").len(), 2);
        let answer = world.client().with("sec-fetch-mode", "cors").get("/who").await;
        assert!(answer.headers("www-authenticate").is_empty());
        assert_eq!(answer.headers("cache-control"), ["no-store"]);
    });
}

#[test]
fn r08_with_a_second_factor_the_account_password_alone_opens_nothing() {
    both(|world| async move {
        let setup = world.edit_as_ada(codes::begin).await.unwrap();
        let secret = setup.secret.expose().to_owned();
        let code = crate::world::one_time_code(&secret, world.ctx().now_ms());
        world.edit_as_ada(move |edit| codes::confirm(edit, &code)).await.unwrap();
        let answer = world.client().basic("ada@acme.example", PASSWORD).get("/who").await;
        assert_eq!(answer.problem(), "401 login");
        assert!(answer.body.contains("app password"), "{}", answer.body);
        let ada = world.ada;
        let (_, app) =
            world.edit_as_ada(move |edit| app::create(edit, ada, "phone", &[], None)).await.unwrap();
        assert_eq!(world.client().basic("ada@acme.example", app.expose()).get("/who").await.status, 200);
        let answer = world.client().basic("ada@acme.example", "wrong").get("/who").await;
        assert!(!answer.body.contains("app password"), "{}", answer.body);
    });
}

#[test]
fn r08_requests_of_a_program_are_one_session_and_cost_one_slow_hash() {
    both(|world| async move {
        let mut client = world.client().basic("ada@acme.example", PASSWORD);
        let first = client.post("/change", &serde_json::json!({})).await.body;
        let slow = world.directory.hasher().slow_hashes();
        for _ in 0..50 {
            assert_eq!(client.post("/change", &serde_json::json!({})).await.body, first);
        }
        assert_eq!(world.directory.hasher().slow_hashes(), slow);
        world.auth.authenticator().settle().await.unwrap();
        let (ctx, acme, ada) = (world.ctx(), world.acme, world.ada);
        let open = world.directory.read(move |tx| sessions::list(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].id.0.to_string(), first);
    });
}

#[test]
fn b40_a_session_that_is_ended_closes_what_waits_and_refuses_what_follows() {
    both(|world| async move {
        let (id, token) = token(&world, 60_000).await;
        let mut client = world.client().with("authorization", &format!("Bearer {token}"));
        let mut program = world.client().basic("ada@acme.example", PASSWORD);
        let first = program.post("/change", &serde_json::json!({})).await.body;
        let mut waiting = (client.clone(), client.clone(), program.clone());
        let end = async {
            let _ = world.waiting.acquire_many(3).await.unwrap();
            world.auth.authenticator().settle().await.unwrap();
            let (ctx, acme, ada) = (world.ctx(), world.acme, world.ada);
            let ended = world
                .engine
                .store
                .write([], move |tx| sessions::end_all(tx, &ctx, acme, ada, None))
                .await
                .unwrap();
            assert!(ended.contains(&id));
            world.auth.authenticator().settle().await.unwrap();
        };
        let (one, two, three, ()) =
            tokio::join!(waiting.0.get("/wait"), waiting.1.get("/wait"), waiting.2.get("/wait"), end);
        assert_eq!([one.body, two.body, three.body], ["Ended", "Ended", "Ended"]);
        assert_eq!(client.get("/who").await.problem(), "401 login");
        let again = program.post("/change", &serde_json::json!({})).await.body;
        assert_ne!(again, first, "a right password opens a new session");
    });
}

#[test]
fn r08_what_ends_by_itself_or_is_locked_counts_no_more() {
    both(|world| async move {
        let (_, token) = token(&world, 60_000).await;
        let mut client = world.client().with("authorization", &format!("Bearer {token}"));
        assert_eq!(client.get("/who").await.status, 200);
        world.engine.store.write([], |tx| tx.execute("UPDATE entry SET state = 'locked'", [])).await.unwrap();
        assert_eq!(client.get("/who").await.problem(), "401 login");
        let mut program = world.client().basic("ada@acme.example", PASSWORD);
        assert_eq!(program.get("/who").await.problem(), "401 login");
        world.engine.store.write([], |tx| tx.execute("UPDATE entry SET state = 'active'", [])).await.unwrap();
        assert_eq!(client.get("/who").await.status, 200);
        world.engine.clock.advance_ms(60_001);
        assert_eq!(client.get("/who").await.problem(), "401 login");
    });
}

#[test]
fn r09_wrong_passwords_make_wait() {
    both(|world| async move {
        let mut statuses = Vec::new();
        for n in 0..25 {
            let mut client = world.client().basic("ada@acme.example", &format!("wrong {n}"));
            statuses.push(client.get("/who").await.status);
        }
        assert_eq!(statuses[..20], [401; 20]);
        assert_eq!(statuses[20..], [429; 5]);
    });
}

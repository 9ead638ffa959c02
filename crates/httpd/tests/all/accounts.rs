//! What people change of their own login, each page of `/auth/` as a browser asks for it.

use directory::entries::NewEntry;
use directory::people;
use serde_json::{Value, json};

use crate::logins::logged_in;
use crate::world::{Answer, Client, PASSWORD, World, both, one_time_code};

const LATER: &str = "another secret word";

async fn log_in(browser: &mut Client, password: &str) -> Answer {
    browser.post("/auth/login", &json!({ "name": "ada@acme.example", "password": password })).await
}

/// Puts one-time codes in force through the pages; the secret and the recovery codes.
async fn enrol(world: &World, browser: &mut Client) -> (String, Vec<String>) {
    let begun = browser.post("/auth/totp/begin", &json!({})).await.json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["address"].as_str().unwrap().starts_with("otpauth://totp/"), "{begun}");
    let code = one_time_code(&secret, world.ctx().now_ms());
    let answer = browser.post("/auth/totp/confirm", &json!({ "code": code })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let codes = answer.json()["recoveryCodes"].as_array().unwrap().clone();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[test]
fn r08_a_new_password_ends_all_that_the_old_one_opened() {
    both(|world| async move {
        let (mut here, mut there) = (logged_in(&world).await, logged_in(&world).await);
        let mut program = world.client().basic("ada@acme.example", PASSWORD);
        assert_eq!(program.get("/who").await.status, 200);
        assert_eq!(here.get("/auth/password").await.json()["policy"]["leastCharacters"], 8);
        for (present, new, problem) in [
            ("wrong", LATER, "403 password"),
            (PASSWORD, "short", "422 newPassword"),
            (PASSWORD, PASSWORD, "422 newPassword"),
            (PASSWORD, "with\ncontrol character", "422 newPassword"),
        ] {
            let body = json!({ "password": present, "newPassword": new });
            assert_eq!(here.post("/auth/password", &body).await.problem(), problem, "{new}");
        }
        let before = here.clone();
        let body = json!({ "password": PASSWORD, "newPassword": LATER });
        let done = here.post("/auth/password", &body).await.json();
        assert_eq!(done["step"], "done");
        assert_eq!(here.get("/auth/session").await.json()["csrf"], done["session"]["csrf"]);
        assert_eq!(there.get("/who").await.problem(), "401 login");
        assert_eq!(before.clone().get("/who").await.problem(), "401 login", "the cookie from before");
        assert_eq!(program.get("/who").await.problem(), "401 login");
        assert_eq!(log_in(&mut world.client(), PASSWORD).await.problem(), "403 login");
        assert_eq!(log_in(&mut world.client(), LATER).await.json()["step"], "done");
    });
}

#[test]
fn r08_a_forced_new_password_is_not_the_old_one() {
    both(|world| async move {
        world
            .engine
            .store
            .write([], |tx| tx.execute("UPDATE password SET must_change = 1", []))
            .await
            .unwrap();
        let mut browser = world.client();
        let step = log_in(&mut browser, PASSWORD).await.json();
        let again = json!({ "ticket": step["ticket"], "newPassword": PASSWORD });
        assert_eq!(browser.post("/auth/login/password", &again).await.problem(), "422 newPassword");
        let other = json!({ "ticket": step["ticket"], "newPassword": LATER });
        assert_eq!(browser.post("/auth/login/password", &other).await.json()["step"], "done");
    });
}

#[test]
fn r08_credentials_are_changed_only_after_a_fresh_proof() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        let made = json!({ "label": "phone" });
        assert_eq!(browser.post("/auth/app-passwords", &made).await.status, 201);
        world.engine.clock.advance_ms(11 * 60_000);
        let refused = async |browser: &mut Client| {
            let mut said = Vec::new();
            for (method, path, body) in [
                ("POST", "/auth/totp/begin", json!({})),
                ("POST", "/auth/totp/confirm", json!({ "code": "123456" })),
                ("POST", "/auth/totp/recovery", json!({})),
                ("DELETE", "/auth/totp", json!({})),
                ("POST", "/auth/app-passwords", made.clone()),
                ("DELETE", "/auth/app-passwords/1", json!({})),
                ("POST", "/auth/passkeys/begin", json!({})),
                ("PATCH", "/auth/passkeys/1", json!({ "label": "x" })),
                ("DELETE", "/auth/passkeys/1", json!({})),
            ] {
                said.push(browser.send(method, path, Some(&body.to_string())).await.problem());
            }
            said
        };
        assert_eq!(refused(&mut browser).await, ["403 confirm"; 9]);
        let mut program = world.client().basic("ada@acme.example", PASSWORD);
        assert_eq!(refused(&mut program).await, ["403 confirm"; 9], "a password in a request is no session");
        let confirm = async |browser: &mut Client, body: Value| {
            let answer = browser.post("/auth/confirm", &body).await;
            if answer.status == 204 { "204".to_owned() } else { answer.problem() }
        };
        assert_eq!(confirm(&mut browser, json!({ "password": "wrong" })).await, "403 password");
        assert_eq!(confirm(&mut browser, json!({})).await, "422 password");
        assert_eq!(confirm(&mut browser, json!({ "code": "123456" })).await, "403 code", "there are none");
        assert_eq!(confirm(&mut browser, json!({ "password": PASSWORD })).await, "204");
        let (secret, _) = enrol(&world, &mut browser).await;
        world.engine.clock.advance_ms(11 * 60_000);
        assert_eq!(refused(&mut browser).await, ["403 confirm"; 9]);
        let code = one_time_code(&secret, world.ctx().now_ms());
        assert_eq!(confirm(&mut browser, json!({ "code": code })).await, "204");
        assert_eq!(browser.send("DELETE", "/auth/totp", None).await.status, 204);
    });
}

#[test]
fn r08_one_time_codes_are_set_up_used_replaced_and_removed() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        assert_eq!(
            browser.get("/auth/totp").await.json(),
            json!({ "inForce": false, "recoveryCodesLeft": 0 })
        );
        assert_eq!(browser.post("/auth/totp/recovery", &json!({})).await.status, 404, "nothing to replace");
        assert_eq!(browser.post("/auth/totp/confirm", &json!({ "code": "123456" })).await.status, 404);
        browser.post("/auth/totp/begin", &json!({})).await;
        let wrong = browser.post("/auth/totp/confirm", &json!({ "code": "12345x" })).await;
        assert_eq!(wrong.problem(), "422 code");
        assert_eq!(log_in(&mut world.client(), PASSWORD).await.json()["step"], "done", "not in force yet");
        let (secret, codes) = enrol(&world, &mut browser).await;
        assert_eq!(codes.len(), 10);
        assert_eq!(
            browser.get("/auth/totp").await.json(),
            json!({ "inForce": true, "recoveryCodesLeft": 10 })
        );
        assert_eq!(browser.get("/auth/session").await.json()["secondFactor"], true);
        assert_eq!(browser.post("/auth/totp/begin", &json!({})).await.status, 409);

        let by = async |code: &str| {
            let mut other = world.client();
            let step = log_in(&mut other, PASSWORD).await.json();
            assert_eq!(step["methods"], json!(["totp", "recoveryCode"]));
            let body = json!({ "ticket": step["ticket"], "code": code });
            let answer = other.post("/auth/login/code", &body).await;
            if answer.status == 200 { answer.json()["step"].to_string() } else { answer.problem() }
        };
        world.engine.clock.advance_ms(60_000);
        assert_eq!(by(&one_time_code(&secret, world.ctx().now_ms())).await, "\"done\"");
        assert_eq!(by(&codes[0].to_uppercase()).await, "\"done\"");
        assert_eq!(by(&codes[0]).await, "403 code", "used");
        assert_eq!(browser.get("/auth/totp").await.json()["recoveryCodesLeft"], 9);
        let renewed = browser.post("/auth/totp/recovery", &json!({})).await.json();
        assert_eq!(by(&codes[1]).await, "403 code", "replaced");
        assert_eq!(by(renewed["recoveryCodes"][0].as_str().unwrap()).await, "\"done\"");
        assert_eq!(browser.send("DELETE", "/auth/totp", None).await.status, 204);
        assert_eq!(browser.send("DELETE", "/auth/totp", None).await.status, 404);
        assert_eq!(
            browser.get("/auth/totp").await.json(),
            json!({ "inForce": false, "recoveryCodesLeft": 0 })
        );
        assert_eq!(log_in(&mut world.client(), PASSWORD).await.json()["step"], "done");
    });
}

#[test]
fn b40_an_app_password_that_is_removed_ends_what_it_opened_at_once() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        let make = |label: &str, doors: &[&str]| json!({ "label": label, "doors": doors, "expiresAt": null });
        for (body, problem) in [
            (make("", &[]), "422 label"),
            (make("x", &["cellar"]), "422 doors"),
            (json!({ "label": "x", "expiresAt": 1 }), "422 expires_at"),
        ] {
            assert_eq!(browser.post("/auth/app-passwords", &body).await.problem(), problem);
        }
        let mut passwords = Vec::new();
        for (label, doors) in [("phone", &[][..]), ("script", &["jmap"]), ("imap only", &["imap"])] {
            let made = browser.post("/auth/app-passwords", &make(label, doors)).await;
            assert_eq!(made.status, 201, "{}", made.body);
            passwords.push(made.json()["password"].as_str().unwrap().to_owned());
        }
        let listed = browser.get("/auth/app-passwords").await.json();
        assert_eq!(listed["appPasswords"][2]["doors"], json!(["imap"]));
        assert!(!listed.to_string().contains(&passwords[0]), "shown once");
        let program = |number: usize| world.client().basic("ada@acme.example", &passwords[number]);
        assert_eq!(program(2).get("/who").await.problem(), "401 login", "not at this door");
        let waiting = async { program(0).get("/wait").await.body };
        let other = program(1);
        let remove = async {
            let mut began = Vec::new();
            // Both programs have a session before one of them is ended.
            while began.len() < 3 {
                other.clone().get("/who").await;
                began = browser.get("/auth/sessions").await.json()["sessions"].as_array().unwrap().clone();
                world.auth.authenticator().settle().await.unwrap();
            }
            assert_eq!(browser.send("DELETE", "/auth/app-passwords/1", None).await.status, 204);
        };
        let (ended, ()) = tokio::join!(waiting, remove);
        assert_eq!(ended, "Ended");
        assert_eq!(program(0).get("/who").await.problem(), "401 login");
        assert_eq!(program(1).get("/who").await.status, 200, "others stay");
        assert_eq!(browser.send("DELETE", "/auth/app-passwords/1", None).await.status, 404);
        assert_eq!(browser.send("DELETE", "/auth/app-passwords/x", None).await.status, 404);
        let left = browser.get("/auth/sessions").await.json();
        assert_eq!(left["sessions"].as_array().unwrap().len(), 2, "{left}");
    });
}

#[test]
fn b40_sessions_are_listed_and_ended_one_by_one_by_their_owner_only() {
    both(|world| async move {
        let bob = world
            .directory
            .edit(&world.ctx(), world.acme, |edit| {
                people::create(edit, &NewEntry { address: "bob@acme.example", name: "Bob" }, None, &[])
            })
            .await
            .unwrap();
        assert_ne!(bob, world.ada);
        let mut here = logged_in(&world).await.with("user-agent", "Here");
        let mut there = logged_in(&world).await;
        let listed = here.get("/auth/sessions").await.json()["sessions"].as_array().unwrap().clone();
        assert_eq!(listed.len(), 2);
        let (own, other): (Vec<_>, Vec<_>) = listed.iter().partition(|one| one["isThis"] == true);
        assert_eq!(
            (own.len(), &own[0]["door"], &own[0]["networkAddress"]),
            (1, &"jmap".into(), &"127.0.0.1".into())
        );
        let path = format!("/auth/sessions/{}", other[0]["id"].as_str().unwrap());
        let ctx = world.ctx();
        let hash =
            world.directory.hasher().hash(base::Secret::new(LATER), &world.engine.random).await.unwrap();
        world
            .directory
            .edit(&ctx, world.acme, move |edit| directory::credentials::set_password(edit, bob, &hash, false))
            .await
            .unwrap();
        let mut stranger = world.client();
        let body = json!({ "name": "bob@acme.example", "password": LATER });
        let csrf =
            stranger.post("/auth/login", &body).await.json()["session"]["csrf"].as_str().unwrap().to_owned();
        let mut stranger = stranger.with("x-beffroi-csrf", &csrf);
        assert_eq!(stranger.send("DELETE", &path, None).await.status, 404, "another's session is none");
        assert_eq!(there.get("/who").await.status, 200);
        assert_eq!(here.send("DELETE", &path, None).await.status, 204);
        assert_eq!(there.get("/who").await.problem(), "401 login");
        assert_eq!(here.send("DELETE", &path, None).await.status, 404);
        assert_eq!(here.post("/auth/sessions/end", &json!({ "others": false })).await.json()["ended"], 1);
        assert_eq!(here.get("/who").await.problem(), "401 login");
        assert_eq!(stranger.get("/who").await.status, 200);
    });
}

#[test]
fn r08_without_the_word_of_our_pages_a_cookie_changes_nothing() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        browser.headers.retain(|(name, _)| name != "x-beffroi-csrf");
        for (method, path) in [
            ("POST", "/auth/logout"),
            ("DELETE", "/auth/sessions/1"),
            ("POST", "/auth/sessions/end"),
            ("POST", "/auth/password"),
            ("POST", "/auth/confirm"),
            ("POST", "/auth/totp/begin"),
            ("POST", "/auth/totp/confirm"),
            ("POST", "/auth/totp/recovery"),
            ("DELETE", "/auth/totp"),
            ("POST", "/auth/passkeys"),
            ("POST", "/auth/passkeys/begin"),
            ("PATCH", "/auth/passkeys/1"),
            ("DELETE", "/auth/passkeys/1"),
            ("POST", "/auth/app-passwords"),
            ("DELETE", "/auth/app-passwords/1"),
        ] {
            assert_eq!(browser.send(method, path, Some("{}")).await.problem(), "403 csrf", "{method} {path}");
        }
        assert_eq!(browser.get("/auth/session").await.status, 200);
    });
}

#[test]
fn r09_strangers_who_guess_do_not_lock_anyone_out() {
    both(|world| async move {
        let from = |address: &str| world.client().with("x-forwarded-for", address);
        assert_eq!(log_in(&mut from("203.0.113.7"), PASSWORD).await.status, 200);
        for n in 0..25 {
            let answer = log_in(&mut from(&format!("198.51.100.{n}")), "guess").await;
            assert_eq!(answer.problem(), if n < 20 { "403 login" } else { "429 login" }, "{n}");
        }
        let waits = log_in(&mut from("198.51.100.99"), PASSWORD).await;
        assert_eq!(waits.problem(), "429 login", "from elsewhere even the right one waits");
        assert!(waits.headers("retry-after")[0].parse::<u32>().unwrap() > 0);
        // Guesses for others from the network of the person do not matter either.
        for n in 0..120 {
            let body = json!({ "name": format!("u{n}@acme.example"), "password": "guess" });
            from("203.0.113.7").post("/auth/login", &body).await;
        }
        assert_eq!(log_in(&mut from("203.0.113.7"), PASSWORD).await.status, 200);
        world.engine.clock.advance_ms(16 * 60_000);
        assert_eq!(log_in(&mut from("198.51.100.99"), PASSWORD).await.status, 200);
    });
}

#[test]
fn r09_codes_cannot_be_guessed() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        let (secret, _) = enrol(&world, &mut browser).await;
        world.engine.clock.advance_ms(60_000);
        let mut other = world.client().with("x-forwarded-for", "198.51.100.1");
        let ticket = log_in(&mut other, PASSWORD).await.json()["ticket"].clone();
        for n in 0..20 {
            let body = json!({ "ticket": ticket, "code": format!("{n:06}") });
            assert_eq!(other.post("/auth/login/code", &body).await.problem(), "403 code");
        }
        let right = json!({ "ticket": ticket, "code": one_time_code(&secret, world.ctx().now_ms()) });
        assert_eq!(other.post("/auth/login/code", &right).await.problem(), "429 login");
        // Where its owner logged in before, its codes are taken.
        let mut home = world.client();
        let ticket = log_in(&mut home, PASSWORD).await.json()["ticket"].clone();
        let right = json!({ "ticket": ticket, "code": one_time_code(&secret, world.ctx().now_ms()) });
        assert_eq!(home.post("/auth/login/code", &right).await.json()["step"], "done");
    });
}

//! Logging in as a browser does: steps, cookies, and what other sites cannot make it do.

use directory::credentials::{codes, set_password};
use serde_json::json;

use crate::world::{Client, PASSWORD, World, both, one_time_code};

pub async fn logged_in(world: &World) -> Client {
    let mut browser = world.client();
    let answer =
        browser.post("/auth/login", &json!({ "name": "ada@acme.example", "password": PASSWORD })).await;
    assert_eq!((answer.status, &answer.json()["step"]), (200, &json!("done")), "{}", answer.body);
    let csrf = answer.json()["session"]["csrf"].as_str().unwrap().to_owned();
    browser.with("x-beffroi-csrf", &csrf)
}

#[test]
fn r08_a_browser_logs_in_by_password_and_out_again() {
    both(|world| async move {
        let mut browser = logged_in(&world).await;
        let told = browser.get("/auth/session").await.json();
        assert_eq!(told["login"], "ada@acme.example");
        assert_eq!(told["name"], "Ada Lovelace");
        assert_eq!(told["account"], world.ada.0.to_string());
        assert_eq!(browser.get("/who").await.body, "ada@acme.example Cookie");
        let before = browser.clone();
        assert_eq!(browser.post("/auth/logout", &json!({})).await.status, 200);
        assert!(browser.cookies.is_empty());
        assert_eq!(before.clone().get("/who").await.problem(), "401 login", "the token is worth nothing");
        let wrong = json!({ "name": "ada@acme.example", "password": "wrong" });
        let nobody = json!({ "name": "nobody@acme.example", "password": "wrong" });
        let (wrong, nobody) =
            (browser.post("/auth/login", &wrong).await, browser.post("/auth/login", &nobody).await);
        assert_eq!((wrong.problem(), wrong.body), ("403 login".to_owned(), nobody.body));
    });
}

#[test]
fn r08_the_cookie_is_out_of_reach_and_new_at_each_login() {
    both(|world| async move {
        let mut browser = world.client();
        let login = json!({ "name": "ada@acme.example", "password": PASSWORD });
        let first = browser.post("/auth/login", &login).await;
        let cookie = first.headers("set-cookie").join("");
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        let planted = browser.clone();
        browser.post("/auth/login", &login).await;
        assert_ne!(planted.cookies, browser.cookies);
        assert_eq!(planted.clone().get("/who").await.problem(), "401 login", "what was planted is over");
        assert_eq!(browser.get("/who").await.status, 200);
    });
}

#[test]
fn r08_other_sites_make_a_browser_do_nothing() {
    both(|world| async move {
        let browser = logged_in(&world).await;
        assert_eq!(browser.clone().post("/change", &json!({})).await.status, 200);
        let without = browser.clone().with("x-beffroi-csrf", "wrong");
        assert_eq!(without.clone().post("/change", &json!({})).await.problem(), "403 csrf");
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let mut evil = browser.clone().with(name, value);
            assert_eq!(evil.post("/change", &json!({})).await.problem(), "403 origin", "{name}: {value}");
            let mut evil = world.client().with(name, value);
            let login = json!({ "name": "ada@acme.example", "password": PASSWORD });
            assert_eq!(evil.post("/auth/login", &login).await.problem(), "403 origin", "{name}: {value}");
        }
        let mut own = browser.clone().with("origin", "http://mail.acme.example");
        assert_eq!(own.post("/change", &json!({})).await.status, 200);
        let mut form = world.client().with("content-type", "text/plain");
        let login = json!({ "name": "ada@acme.example", "password": PASSWORD }).to_string();
        assert_eq!(form.send("POST", "/auth/login", Some(&login)).await.status, 415);
    });
}

#[test]
fn r08_a_second_factor_is_asked_for_and_its_codes_and_tickets_count_once() {
    both(|world| async move {
        let setup = world.edit_as_ada(codes::begin).await.unwrap();
        let secret = setup.secret.expose().to_owned();
        let code = one_time_code(&secret, world.ctx().now_ms());
        let recovery = world.edit_as_ada(move |edit| codes::confirm(edit, &code)).await.unwrap();
        world.engine.clock.advance_ms(60_000);
        let mut browser = world.client();
        let login = json!({ "name": "ada@acme.example", "password": PASSWORD });
        let step = browser.post("/auth/login", &login).await.json();
        assert_eq!(step["step"], "secondFactor");
        assert!(browser.cookies.is_empty(), "the password alone opens nothing");
        let wrong = json!({ "ticket": step["ticket"], "code": "000000" });
        assert_eq!(browser.post("/auth/login/code", &wrong).await.problem(), "403 code");
        let right = json!({ "ticket": step["ticket"], "code": one_time_code(&secret, world.ctx().now_ms()) });
        assert_eq!(browser.post("/auth/login/code", &right).await.json()["step"], "done");
        assert_eq!(browser.clone().post("/auth/login/code", &right).await.problem(), "403 code", "replayed");
        let again = json!({ "ticket": step["ticket"], "code": recovery[0].expose() });
        assert_eq!(browser.clone().post("/auth/login/code", &again).await.problem(), "403 ticket");
        let step = browser.post("/auth/login", &login).await.json();
        world.engine.clock.advance_ms(5 * 60_000);
        let late = json!({ "ticket": step["ticket"], "code": recovery[1].expose() });
        assert_eq!(browser.post("/auth/login/code", &late).await.problem(), "403 ticket", "too late");
    });
}

#[test]
fn r08_a_password_that_ran_out_is_replaced_before_anything_opens() {
    both(|world| async move {
        let ada = world.ada;
        let hash =
            world.directory.hasher().hash(base::Secret::new(PASSWORD), &world.engine.random).await.unwrap();
        let system = world.ctx();
        world
            .directory
            .edit(&system, world.acme, move |edit| set_password(edit, ada, &hash, true))
            .await
            .unwrap();
        let mut browser = world.client();
        let login = json!({ "name": "ada@acme.example", "password": PASSWORD });
        let step = browser.post("/auth/login", &login).await.json();
        assert_eq!(step["step"], "newPassword");
        let short = json!({ "ticket": step["ticket"], "newPassword": "short" });
        assert_eq!(browser.post("/auth/login/password", &short).await.problem(), "422 newPassword");
        let good = json!({ "ticket": step["ticket"], "newPassword": "a longer word" });
        assert_eq!(browser.post("/auth/login/password", &good).await.json()["step"], "done");
        assert_eq!(browser.post("/auth/login/password", &good).await.problem(), "403 ticket");
        assert_eq!(world.client().post("/auth/login", &login).await.problem(), "403 login");
    });
}

#[test]
fn b40_logging_out_everywhere_ends_other_browsers_at_once() {
    both(|world| async move {
        let (mut here, mut there) = (logged_in(&world).await, logged_in(&world).await);
        let listed = here.get("/auth/sessions").await.json();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
        assert_eq!(here.post("/auth/sessions/end", &json!({ "others": true })).await.json()["ended"], 1);
        assert_eq!(there.get("/auth/session").await.problem(), "401 login");
        assert_eq!(here.get("/auth/session").await.status, 200);
    });
}

#[test]
fn r08_every_answer_tells_browsers_to_run_no_scripts_but_ours() {
    both(|world| async move {
        let answer = world.client().get("/no/such/page").await;
        let policy = answer.headers("content-security-policy").join("");
        assert!(policy.contains("script-src 'self';") && policy.contains("object-src 'none'"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers(name), [value]);
        }
        assert!(answer.headers("strict-transport-security").is_empty(), "in clear it would mean nothing");
    });
}

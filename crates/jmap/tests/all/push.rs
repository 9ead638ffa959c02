//! Addresses that clients want to be told at (RFC 8620 section 7.2), as far as they are kept.

use base::SessionId;
use jmap::Jmap;
use mail::push::PushSubscription;
use serde_json::{Value, json};
use testkit::mail::{World, both};

use crate::client::User;

async fn set(user: &User, arguments: Value) -> Value {
    let mut answers = user.calls(json!([["PushSubscription/set", arguments, "0"]])).await;
    answers[0][1].take()
}

async fn get(user: &User, arguments: Value) -> Value {
    let mut answers = user.calls(json!([["PushSubscription/get", arguments, "0"]])).await;
    answers[0][1].take()
}

fn subscription(url: &str) -> Value {
    json!({"deviceClientId": "a phone", "url": url, "types": ["Email"]})
}

async fn row(world: &World, user: &User, id: &str) -> Option<PushSubscription> {
    let number = id.strip_prefix('P').unwrap().parse().unwrap();
    world.mail.push_subscription(&world.ctx(), user.client.ctx.actor.account, number).await.unwrap()
}

#[test]
fn p08_an_address_for_push_is_kept_verified_and_never_told_again() {
    both(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let new = json!({"create": {"p": subscription("https://push.example/x")}});
        assert_eq!(set(&user, new.clone()).await["notCreated"]["p"]["type"], "forbidden", "nobody sends");
        jmap.use_push("key".to_owned(), false);
        let session = jmap.session(&user.client).await.unwrap();
        let vapid = &session["capabilities"]["urn:ietf:params:jmap:webpush-vapid"];
        assert_eq!(vapid["applicationServerKey"], "key");
        let made = set(&user, new).await;
        assert!(made.get("accountId").is_none() && made.get("newState").is_none(), "{made}");
        let id = made["created"]["p"]["id"].as_str().unwrap();
        assert!(made["created"]["p"]["expires"].is_string());
        let got = get(&user, json!({"ids": null})).await;
        let wanted = json!([{"id": id, "deviceClientId": "a phone", "verificationCode": null, "types": ["Email"],
            "expires": made["created"]["p"]["expires"]}]);
        assert_eq!(got, json!({"list": wanted, "notFound": []}));
        assert_eq!(get(&user, json!({"ids": [id], "properties": ["url"]})).await["type"], "forbidden");

        let kept = row(&world, &user, id).await.unwrap();
        assert!(!kept.verified && kept.code.len() >= 20);
        let wrong = set(&user, json!({"update": {id: {"verificationCode": "guess"}}})).await;
        assert_eq!(wrong["notUpdated"][id]["properties"], json!(["verificationCode"]));
        let right = set(&user, json!({"update": {id: {"verificationCode": kept.code, "types": null}}})).await;
        assert_eq!(right["updated"], json!({id: null}));
        let kept = row(&world, &user, id).await.unwrap();
        assert!(kept.verified && kept.types.is_none() && !kept.told.is_empty());
        let late = set(&user, json!({"update": {id: {"expires": "2999-01-01T00:00:00Z"}}})).await;
        assert_eq!(
            late["updated"][id]["expires"], made["created"]["p"]["expires"],
            "the server brings it forward"
        );

        let other = User::new(&world, &jmap, &world.people[1]).await;
        assert_eq!(get(&other, json!({"ids": [id]})).await["notFound"], json!([id]));
        assert_eq!(set(&other, json!({"destroy": [id]})).await["notDestroyed"][id]["type"], "notFound");
        assert_eq!(set(&user, json!({"destroy": [id]})).await["destroyed"], json!([id]));
        assert_eq!(get(&user, json!({"ids": [id]})).await["notFound"], json!([id]));
    });
}

#[test]
fn r09_addresses_for_push_are_few_and_lead_outside_only() {
    both(1, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        jmap.use_push("key".to_owned(), false);
        let mut user = User::new(&world, &jmap, &world.people[0]).await;
        for url in
            ["http://push.example/", "http://127.0.0.1/", "https://", "ftp://push.example/", "https://a@b/"]
        {
            let refused = set(&user, json!({"create": {"p": subscription(url)}})).await;
            assert_eq!(refused["notCreated"]["p"]["properties"], json!(["url"]), "{url}");
        }
        let mut keys = subscription("https://push.example/");
        keys["keys"] = json!({"p256dh": "AAAA", "auth": "AAAA"});
        let refused = set(&user, json!({"create": {"p": keys}})).await;
        assert_eq!(refused["notCreated"]["p"]["properties"], json!(["keys"]));
        let most = user.client.ctx.limits.push_subscriptions;
        let all: serde_json::Map<String, Value> =
            (0..=most).map(|number| (number.to_string(), subscription("https://push.example/"))).collect();
        let made = set(&user, json!({"create": all})).await;
        assert_eq!(made["created"].as_object().unwrap().len() as u64, most);
        assert_eq!(made["notCreated"].as_object().unwrap().len(), 1);
        // What goes with a session of a browser is not seen from others: there is none such here.
        user.client.ctx.session = SessionId(4_711);
        assert_eq!(get(&user, json!({"ids": null})).await["list"].as_array().unwrap().len() as u64, most);
    });
}

//! What was removed, and images, by JMAP.

use jmap::Jmap;
use mail::Role;
use serde_json::{Value, json};
use testkit::mail::{World, both, message};

use crate::client::User;

/// Sends one call with the capability of the history.
async fn call(user: &User, method: &str, mut arguments: Value) -> Value {
    arguments["accountId"] = json!(user.account);
    let using =
        ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "https://beffroi.org/jmap/history"];
    let body = json!({ "using": using, "methodCalls": [[method, arguments, "0"]] }).to_string();
    let mut answer = user.raw(&body).await.unwrap();
    let mut response = answer["methodResponses"][0].take();
    assert_eq!(response[0], method, "{response}");
    response[1].take()
}

async fn begin(world: &World) -> (User, String) {
    let person = &world.people[0];
    for subject in ["Lunch", "Invoice"] {
        world.deliver_one(person, message(subject, "text")).await;
    }
    let inbox = world.mailbox(person, Role::Inbox).await.id;
    (User::new(world, &Jmap::new(world.mail.clone()), person).await, format!("F{}", inbox.0))
}

#[test]
fn b13_what_was_removed_is_found_brought_back_and_removed_for_good() {
    both(1, |world| async move {
        let (user, inbox) = begin(&world).await;
        let ids = call(&user, "Email/query", json!({})).await["ids"].clone();
        call(&user, "Email/set", json!({"update": {ids[0].as_str().unwrap(): {"keywords/work": true}}}))
            .await;
        call(&user, "Email/set", json!({"destroy": ids})).await;
        let found = call(&user, "RemovedEmail/query", json!({"calculateTotal": true})).await;
        assert_eq!(found["total"], 2, "{found}");
        let one =
            call(&user, "RemovedEmail/query", json!({"filter": {"text": "invo", "inMailbox": inbox}})).await;
        let id = one["ids"][0].as_str().unwrap().to_owned();
        let got = call(&user, "RemovedEmail/get", json!({"ids": [id, "M999"]})).await;
        let email = &got["list"][0];
        assert_eq!(email["subject"], "Invoice", "{got}");
        assert_eq!((&email["mailboxPath"], &email["mailboxIds"]), (&json!("INBOX"), &json!({&inbox: true})));
        assert_eq!(
            (&email["removedBy"], &email["removedThrough"]),
            (&json!("u1@bench.test"), &json!("jmap"))
        );
        assert_eq!(got["notFound"], json!(["M999"]));
        let asked = json!({"ids": [id, "M999"]});
        let back = call(&user, "RemovedEmail/restore", asked).await;
        assert_eq!(back["restored"], json!({&id: {"mailboxIds": {&inbox: true}}}), "{back}");
        assert_eq!(back["notRestored"]["M999"]["type"], "notFound");
        let email =
            call(&user, "Email/get", json!({"ids": [id], "properties": ["mailboxIds", "keywords"]})).await;
        assert_eq!(email["list"][0]["mailboxIds"], json!({&inbox: true}), "{email}");
        let rest = call(&user, "RemovedEmail/get", json!({"ids": null, "properties": ["subject"]})).await;
        assert_eq!(rest["list"].as_array().unwrap().len(), 1);
        let left = rest["list"][0]["id"].as_str().unwrap();
        let refused = call(&user, "RemovedEmail/set", json!({"destroy": [left]})).await;
        assert_eq!(refused["notDestroyed"][left]["type"], "forbidden", "{refused}");
        world.sound().await;
    });
}

#[test]
fn b13_a_removed_mailbox_comes_back_with_its_messages() {
    both(1, |world| async move {
        let (user, inbox) = begin(&world).await;
        let made = call(&user, "Mailbox/set", json!({"create": {"a": {"name": "Clients"}}})).await;
        let folder = made["created"]["a"]["id"].as_str().unwrap().to_owned();
        let ids = call(&user, "Email/query", json!({})).await["ids"].clone();
        let into = json!({"mailboxIds": {&folder: true}});
        call(&user, "Email/set", json!({"update": {ids[0].as_str().unwrap(): into}})).await;
        call(&user, "Mailbox/set", json!({"destroy": [folder], "onDestroyRemoveEmails": true})).await;
        let got = call(&user, "RemovedMailbox/get", json!({"ids": null})).await;
        assert_eq!(
            (&got["list"][0]["path"], &got["list"][0]["removedBy"]),
            (&json!("Clients"), &json!("u1@bench.test"))
        );
        let back = call(&user, "RemovedMailbox/restore", json!({"id": folder})).await;
        assert_eq!(back["restored"][&folder]["name"], "Clients", "{back}");
        let again = call(&user, "RemovedMailbox/restore", json!({"id": folder})).await;
        assert_eq!(again["notRestored"][&folder]["type"], "notFound", "{again}");
        let mailbox = call(&user, "Mailbox/get", json!({"ids": [folder, inbox]})).await;
        assert_eq!(mailbox["list"].as_array().unwrap().len(), 2);
        world.sound().await;
    });
}

#[test]
fn a04_a05_an_image_is_looked_at_and_brought_back() {
    both(1, |world| async move {
        let (user, inbox) = begin(&world).await;
        let account = world.people[0].account;
        world.mail.kernel().mark(&world.ctx(), account).await.unwrap().unwrap();
        let ids = call(&user, "Email/query", json!({})).await["ids"].clone();
        call(&user, "Email/set", json!({"destroy": ids})).await;
        let images = call(&user, "Image/get", json!({"ids": null})).await;
        let image = images["list"][0]["id"].as_str().unwrap().to_owned();
        let mailboxes = call(&user, "Image/mailboxes", json!({"imageId": image})).await;
        let was =
            mailboxes["list"].as_array().unwrap().iter().find(|was| was["id"] == inbox.as_str()).unwrap();
        assert_eq!((&was["role"], &was["totalEmails"]), (&json!("inbox"), &json!(2)));
        let page = json!({"imageId": image, "mailboxId": inbox, "limit": 1});
        let page = call(&user, "Image/emails", page).await;
        assert_eq!(page["list"][0]["subject"], "Lunch", "{page}");
        let next = json!({"imageId": image, "mailboxId": inbox, "afterUid": page["list"][0]["uid"]});
        assert_eq!(call(&user, "Image/emails", next).await["list"][0]["subject"], "Invoice");
        let wanted = json!({"imageId": image, "mode": "replace", "dryRun": true});
        let planned = call(&user, "Image/restore", wanted).await;
        assert_eq!((&planned["emailsRestored"], &planned["dryRun"]), (&json!(2), &json!(true)), "{planned}");
        assert_eq!(call(&user, "Email/query", json!({})).await["ids"], json!([]));
        let wanted = json!({"imageId": image, "mode": "replace"});
        assert_eq!(call(&user, "Image/restore", wanted).await["emailsRestored"], 2);
        assert_eq!(call(&user, "Email/query", json!({})).await["ids"].as_array().unwrap().len(), 2);
        world.sound().await;
    });
}

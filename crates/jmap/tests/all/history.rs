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

/// Sends one call as it is; the name of its answer, and the answer.
async fn ask(user: &User, method: &str, arguments: Value) -> (String, Value) {
    let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:blob"];
    let body = json!({ "using": using, "methodCalls": [[method, arguments, "0"]] }).to_string();
    let mut answer = user.raw(&body).await.unwrap();
    let mut response = answer["methodResponses"][0].take();
    (response[0].as_str().unwrap().to_owned(), response[1].take())
}

/// Everything that would change something in an account is refused.
async fn takes_no_change(user: &User, account: &str, own: &str, mailbox: &str, email: &str) {
    let calls = [
        ("Email/set", json!({"update": {email: {"keywords/$seen": true}}})),
        ("Email/set", json!({"destroy": [email]})),
        ("Email/import", json!({"emails": {"a": {"blobId": "B1", "mailboxIds": {mailbox: true}}}})),
        (
            "Email/copy",
            json!({"fromAccountId": own, "create": {"a": {"id": "M1", "mailboxIds": {mailbox: true}}}}),
        ),
        ("Mailbox/set", json!({"create": {"a": {"name": "Other"}}})),
        ("Mailbox/set", json!({"destroy": [mailbox], "onDestroyRemoveEmails": true})),
        ("Blob/upload", json!({"create": {"a": {"data": [{"data:asText": "x"}]}}})),
    ];
    for (method, mut arguments) in calls {
        arguments["accountId"] = json!(account);
        let (name, answer) = ask(user, method, arguments).await;
        assert_eq!(
            (name.as_str(), &answer["type"]),
            ("error", &json!("accountReadOnly")),
            "{method}: {answer}"
        );
    }
    let refused = user.jmap.account(&user.client, account, true).await.unwrap_err();
    assert_eq!(refused.meaning(), base::Meaning::Forbidden, "an upload");
}

/// The subjects of all that an account has, and the id of the first.
async fn found(user: &User, account: &str, filter: Value) -> (Vec<String>, String) {
    let sort = json!([{"property": "subject"}]);
    let asked = json!({"accountId": account, "filter": filter, "sort": sort});
    let (_, answer) = ask(user, "Email/query", asked).await;
    let properties = ["subject", "mailboxIds", "keywords", "blobId", "threadId", "bodyValues"];
    let asked = json!({"accountId": account, "ids": answer["ids"], "properties": properties});
    let (_, got) = ask(user, "Email/get", asked).await;
    let subjects = got["list"].as_array().unwrap_or_else(|| panic!("{answer} {got}")).iter();
    let subjects = subjects.map(|email| email["subject"].as_str().unwrap().to_owned()).collect();
    (subjects, answer["ids"][0].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a01_a08_all_that_arrived_is_an_account_of_its_own_from_which_one_copies() {
    both(2, |world| async move {
        let (user, inbox) = begin(&world).await;
        let session = user.jmap.session(&user.client).await.unwrap();
        let own = user.account.clone();
        assert_eq!(session["accounts"].as_object().unwrap().len(), 1, "{session}");
        let of_history =
            &session["accounts"][&own]["accountCapabilities"]["https://beffroi.org/jmap/history"];
        let rescue = of_history["rescueAccountId"].as_str().unwrap().to_owned();
        // A mail program marks all as deleted and removes them.
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, base::Door::Imap).await, person.account);
        let deleted = mail::flags::Keywords::parse(["\\Deleted", "work"]).unwrap();
        let place = world.mailbox(person, Role::Inbox).await.id;
        let change = mail::flags::FlagChange::Add(deleted);
        world.mail.store(&ctx, account, place, vec![1, 2], change, None).await.unwrap();
        world.mail.expunge(&ctx, account, place, vec![1, 2]).await.unwrap();
        assert_eq!(found(&user, &own, json!(null)).await.0, Vec::<String>::new());
        let (subjects, invoice) = found(&user, &rescue, json!(null)).await;
        assert_eq!(subjects, ["Invoice", "Lunch"]);
        assert_eq!(found(&user, &rescue, json!({"text": "lunch"})).await.0, ["Lunch"]);
        let (_, mailboxes) = ask(&user, "Mailbox/get", json!({"accountId": rescue, "ids": null})).await;
        let mailbox = mailboxes["list"][0].clone();
        assert_eq!((&mailbox["role"], &mailbox["totalEmails"]), (&json!("inbox"), &json!(2)));
        assert_eq!(mailbox["myRights"]["mayReadItems"], true);
        assert_eq!(mailbox["myRights"]["mayRemoveItems"], false);
        takes_no_change(&user, &rescue, &own, mailbox["id"].as_str().unwrap(), &invoice).await;
        for method in
            ["Identity/get", "Quota/get", "SieveScript/get", "VacationResponse/get", "RemovedEmail/get"]
        {
            let using = [
                "urn:ietf:params:jmap:core",
                "urn:ietf:params:jmap:submission",
                "urn:ietf:params:jmap:quota",
                "urn:ietf:params:jmap:sieve",
                "urn:ietf:params:jmap:vacationresponse",
                "https://beffroi.org/jmap/history",
            ];
            let calls = json!([[method, {"accountId": rescue, "ids": null}, "0"]]);
            let answer = user.raw(&json!({"using": using, "methodCalls": calls}).to_string()).await.unwrap();
            let error = &answer["methodResponses"][0][1]["type"];
            assert_eq!(*error, "accountNotSupportedByMethod", "{method}: {answer}");
        }
        // A download, a state that stays, and back into the account itself.
        let asked = json!({"accountId": rescue, "ids": [invoice], "properties": ["blobId", "threadId"]});
        let (_, got) = ask(&user, "Email/get", asked).await;
        let access = user.jmap.account(&user.client, &rescue, false).await.unwrap();
        let blob =
            user.jmap.blob(&user.client, &access, got["list"][0]["blobId"].as_str().unwrap()).await.unwrap();
        assert!(blob.size > 0);
        let part = format!("P{}-1", invoice.trim_start_matches('M'));
        assert_eq!(
            user.jmap.blob(&user.client, &access, &part).await.unwrap().size,
            6,
            "`text` and its line end"
        );
        let thread = got["list"][0]["threadId"].clone();
        let (_, threads) = ask(&user, "Thread/get", json!({"accountId": rescue, "ids": [thread]})).await;
        assert_eq!(threads["list"][0]["emailIds"], json!([invoice]));
        let since = json!({"accountId": rescue, "sinceState": got["state"]});
        let (_, changes) = ask(&user, "Email/changes", since.clone()).await;
        assert_eq!((&changes["newState"], &changes["created"]), (&got["state"], &json!([])), "{changes}");
        let copy = json!({
            "fromAccountId": rescue, "accountId": own,
            "create": {"a": {"id": invoice, "mailboxIds": {&inbox: true}}},
        });
        let (_, copied) = ask(&user, "Email/copy", copy).await;
        let id = copied["created"]["a"]["id"].as_str().unwrap_or_else(|| panic!("{copied}"));
        let (_, got) = ask(&user, "Email/get", json!({"accountId": own, "ids": [id]})).await;
        assert_eq!(got["list"][0]["subject"], "Invoice");
        assert_eq!(got["list"][0]["keywords"], json!({"work": true}));
        let view = world.mail.view(&ctx, account, place).await.unwrap();
        assert_eq!(
            view.iter().next().unwrap().flags & mail::flags::DELETED,
            0,
            "it is not about to go again"
        );
        // What arrives later is seen there too, and then the state is another one.
        world.engine.clock.advance_ms(60_000);
        world.deliver_one(person, message("Later", "text")).await;
        let (_, changes) = ask(&user, "Email/changes", since).await;
        assert_eq!(changes["type"], "cannotCalculateChanges", "{changes}");
        assert_eq!(found(&user, &rescue, json!(null)).await.0, ["Invoice", "Invoice", "Later", "Lunch"]);
        // Nobody else's, and day 16.
        let other = User::new(&world, &user.jmap, &world.people[1]).await;
        let (_, answer) = ask(&other, "Email/query", json!({"accountId": rescue})).await;
        assert_eq!(answer["type"], "accountNotFound");
        world.engine.clock.advance_ms(16 * 86_400_000);
        assert_eq!(found(&user, &rescue, json!(null)).await.0, Vec::<String>::new());
        world.sound().await;
    });
}

#[test]
fn a03_a04_a08_an_image_is_an_account_with_the_ids_that_there_were() {
    both(1, |world| async move {
        let (user, inbox) = begin(&world).await;
        let account = world.people[0].account;
        let own = user.account.clone();
        let (_, before) = found(&user, &own, json!(null)).await;
        world.mail.kernel().mark(&world.ctx(), account).await.unwrap().unwrap();
        world.engine.clock.advance_ms(60_000);
        let ids = call(&user, "Email/query", json!({})).await["ids"].clone();
        call(&user, "Email/set", json!({"destroy": ids})).await;
        world.deliver_one(&world.people[0], message("Later", "text")).await;
        world.mail.kernel().mark(&world.ctx(), account).await.unwrap().unwrap();
        let images = call(&user, "Image/get", json!({"ids": null})).await;
        let shown = |at: usize| images["list"][at]["accountId"].as_str().unwrap().to_owned();
        let (newest, oldest) = (shown(0), shown(1));
        assert_eq!(found(&user, &newest, json!(null)).await.0, ["Later"]);
        let (subjects, id) = found(&user, &oldest, json!({"inMailbox": inbox})).await;
        assert_eq!((subjects, &id), (vec!["Invoice".to_owned(), "Lunch".to_owned()], &before));
        let (_, tree) = ask(&user, "Mailbox/get", json!({"accountId": oldest, "ids": [inbox]})).await;
        assert_eq!((&tree["list"][0]["role"], &tree["list"][0]["totalEmails"]), (&json!("inbox"), &json!(2)));
        takes_no_change(&user, &oldest, &own, &inbox, &id).await;
        let copy = json!({
            "fromAccountId": oldest, "accountId": own,
            "create": {"a": {"id": id, "mailboxIds": {&inbox: true}}},
        });
        let (_, copied) = ask(&user, "Email/copy", copy).await;
        assert!(copied["created"]["a"]["id"].is_string(), "{copied}");
        assert_eq!(found(&user, &own, json!(null)).await.0, ["Invoice", "Later"]);
        for nothing in ["h1-1", "r999", "a999", &format!("{oldest}9")] {
            let (_, answer) = ask(&user, "Email/query", json!({"accountId": nothing})).await;
            assert_eq!(answer["type"], "accountNotFound", "{nothing}");
        }
        // Who logged in at the address of the images has nothing but these.
        let tree =
            |tree| jmap::Client { ctx: base::Ctx { tree, ..user.client.ctx.clone() }, ..user.client.clone() };
        let session = user.jmap.session(&tree(base::Tree::Images)).await.unwrap();
        assert_eq!(session["username"], "u1@sauvegarde.bench.test");
        let accounts = session["accounts"].as_object().unwrap();
        assert_eq!(
            accounts.keys().collect::<std::collections::BTreeSet<_>>(),
            [&newest, &oldest].into_iter().collect()
        );
        assert!(accounts.values().all(|account| account["isReadOnly"] == true));
        assert_eq!(session["primaryAccounts"]["urn:ietf:params:jmap:mail"], json!(newest));
        let session = user.jmap.session(&tree(base::Tree::Rescue)).await.unwrap();
        assert_eq!(session["accounts"].as_object().unwrap().len(), 1);
        assert_eq!(session["primaryAccounts"].as_object().unwrap().len(), 2, "{session}");
        let rescuer =
            User { client: tree(base::Tree::Rescue), jmap: user.jmap.clone(), account: String::new() };
        for (nothing, error) in [(&own, "accountNotFound"), (&oldest, "accountNotFound")] {
            let (_, answer) = ask(&rescuer, "Email/query", json!({"accountId": nothing})).await;
            assert_eq!(answer["type"], *error);
        }
        world.sound().await;
    });
}

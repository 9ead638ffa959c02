//! Roles and grants by JMAP, what changed in the directory, and who did what.

use base::Door;
use directory::roles::{Allowed, Verb, grants};
use jmap::{Client, Jmap};
use serde_json::{Value, json};
use testkit::mail::{Person, World, both, message};

struct User {
    jmap: Jmap,
    client: Client,
    account: String,
}

impl User {
    async fn new(world: &World, person: &Person) -> Self {
        let client = Client {
            ctx: world.ctx_of(person, Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        Self { jmap: Jmap::new(world.mail.clone()), client, account: format!("a{}", person.account.0) }
    }

    async fn call(&self, method: &str, mut arguments: Value) -> Value {
        arguments["accountId"] = json!(self.account);
        let using =
            ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "https://beffroi.org/jmap/directory"];
        let request = json!({ "using": using, "methodCalls": [[method, arguments, "0"]] }).to_string();
        let answer = self.jmap.request(&self.client, request.as_bytes()).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["methodResponses"][0][1].take()
    }

    async fn create(&self, kind: &str, object: Value) -> String {
        let done = self.call(&format!("{kind}/set"), json!({"create": {"x": object}})).await;
        done["created"]["x"]["id"].as_str().unwrap_or_else(|| panic!("{done}")).to_owned()
    }

    async fn refused(&self, kind: &str, object: Value) -> Value {
        let done = self.call(&format!("{kind}/set"), json!({"create": {"x": object}})).await;
        done["notCreated"]["x"].clone()
    }

    /// The entries of a filter, the newest first.
    async fn entries(&self, filter: Value) -> Vec<Value> {
        let found = self.call("AuditEntry/query", json!({"filter": filter})).await;
        let ids = found["ids"].as_array().unwrap_or_else(|| panic!("{found}")).clone();
        let got = self.call("AuditEntry/get", json!({"ids": ids})).await;
        got["list"].as_array().unwrap_or_else(|| panic!("{got}")).clone()
    }
}

/// Gives a person verbs everywhere.
async fn promote(world: &World, person: &Person, verbs: &'static [Verb]) {
    let account = person.account;
    let promote = move |edit: &mut directory::Edit<'_, '_>| {
        let role = grants::create_role(edit, &format!("Role of {account}"), "", verbs)?;
        grants::grant(edit, account, role, Allowed::all()).map(|_| ())
    };
    world.directory.edit(&world.ctx(), world.organisation, promote).await.unwrap();
}

#[test]
fn p08_roles_are_made_and_granted_by_those_who_hold_what_they_give() {
    both(3, |world| async move {
        let (admin, helper, other) = (&world.people[0], &world.people[1], &world.people[2]);
        promote(&world, admin, Verb::ALL).await;
        promote(&world, helper, &[Verb::RoleEdit, Verb::RoleGrant, Verb::AccountRead]).await;
        let (admin, helper) = (User::new(&world, admin).await, User::new(&world, helper).await);
        let person = User::new(&world, other).await;
        let verbs = json!({"account.read": true, "account.state": true});
        let role = admin
            .create("Role", json!({"name": "Service desk", "description": "Locks", "verbs": verbs}))
            .await;
        let got = admin.call("Role/get", json!({"ids": [role]})).await["list"][0].clone();
        assert_eq!(got, json!({"id": role, "name": "Service desk", "description": "Locks", "verbs": verbs}));
        let patch = json!({"update": {&role: {"verbs/account.state": null, "verbs/account.edit": true}}});
        assert_eq!(admin.call("Role/set", patch).await["notUpdated"], Value::Null);
        let now = admin.call("Role/get", json!({"ids": [role]})).await["list"][0]["verbs"].clone();
        assert_eq!(now, json!({"account.read": true, "account.edit": true}));

        let subject = format!("E{}", other.account.0);
        let domain = admin.create("Domain", json!({"name": "acme.example"})).await;
        let there = json!({"subjectId": subject, "roleId": role, "scope": "domain", "scopeId": domain, "maxPeople": 5});
        let refused = helper.refused("Grant", there.clone()).await;
        assert_eq!(refused["type"], "forbidden", "nobody gives what it does not hold: {refused}");
        let grant = admin.create("Grant", there.clone()).await;
        let got = person.call("Grant/get", json!({"ids": null})).await["list"].clone();
        let mut wanted = there.clone();
        (wanted["id"], wanted["maxQuotaBytes"]) = (json!(grant), Value::Null);
        assert_eq!(got, json!([wanted]), "everyone sees its own grants");
        let of_role = json!({"filter": {"roleId": role}});
        assert_eq!(admin.call("Grant/query", of_role).await["ids"], json!([grant]));
        let again = admin.refused("Grant", there).await;
        assert_eq!(again["type"], "invalidProperties");
        for (wrong, property) in [
            (json!({"subjectId": "E999999", "roleId": role}), "subjectId"),
            (json!({"subjectId": subject, "roleId": "x"}), "roleId"),
            (json!({"subjectId": subject, "roleId": role, "scope": "unit"}), "scopeId"),
            (json!({"subjectId": subject, "roleId": role, "scope": "unit", "scopeId": domain}), "scopeId"),
        ] {
            assert_eq!(admin.refused("Grant", wrong).await["properties"], json!([property]));
        }
        let unknown = admin.refused("Role", json!({"name": "X", "verbs": {"fly": true}})).await;
        assert_eq!(unknown["properties"], json!(["verbs"]));
        let wider = helper.refused("Role", json!({"name": "X", "verbs": {"account.purge": true}})).await;
        assert_eq!(wider["type"], "forbidden");
        let used = admin.call("Role/set", json!({"destroy": [role]})).await;
        assert_eq!(used["notDestroyed"][&role]["type"], "invalidProperties", "{used}");
        let theirs = helper.call("Grant/set", json!({"destroy": [grant]})).await;
        assert_eq!(theirs["notDestroyed"][&grant]["type"], "forbidden");
        let changed = admin.call("Grant/set", json!({"update": {&grant: {"maxPeople": 9}}})).await;
        assert_eq!(changed["notUpdated"][&grant]["type"], "invalidProperties");
        let given_up = person.call("Grant/set", json!({"destroy": [grant]})).await;
        assert_eq!(given_up["destroyed"], json!([grant]), "{given_up}");
        assert_eq!(admin.call("Role/set", json!({"destroy": [role]})).await["destroyed"], json!([role]));
        world.sound().await;
    });
}

#[test]
fn p08_what_changed_in_the_directory_is_told_to_those_who_read_all_of_it() {
    both(2, |world| async move {
        promote(&world, &world.people[0], Verb::ALL).await;
        let (admin, person) =
            (User::new(&world, &world.people[0]).await, User::new(&world, &world.people[1]).await);
        let state = admin.call("Person/get", json!({"ids": []})).await["state"].clone();
        let ada = admin.create("Person", json!({"address": "ada@bench.test", "name": "Ada"})).await;
        let gone = admin.create("Unit", json!({"name": "Short"})).await;
        admin.call("Unit/set", json!({"destroy": [gone]})).await;
        let unit = admin.create("Unit", json!({"name": "Long"})).await;
        let own = format!("E{}", world.people[1].account.0);
        let team = admin.create("Group", json!({"address": "team@bench.test", "name": "Team"})).await;
        let done =
            admin.call("Person/set", json!({"update": {&own: {"name": "Bea"}, &ada: {"note": "x"}}})).await;
        let since = json!({"sinceState": state});
        let told = admin.call("Person/changes", since.clone()).await;
        assert_eq!(
            (&told["created"], &told["updated"], &told["destroyed"], &told["newState"]),
            (&json!([ada]), &json!([own]), &json!([]), &done["newState"])
        );
        let told = admin.call("Unit/changes", since.clone()).await;
        assert_eq!(
            (&told["created"], &told["destroyed"]),
            (&json!([unit]), &json!([])),
            "it came and went: {told}"
        );
        assert_eq!(admin.call("Group/changes", since.clone()).await["created"], json!([team]));
        let few = json!({"sinceState": state, "maxChanges": 1});
        assert_eq!(admin.call("Person/changes", few).await["type"], "cannotCalculateChanges");
        assert_eq!(person.call("Unit/changes", since.clone()).await["created"], json!([unit]));
        assert_eq!(person.call("Person/changes", since.clone()).await["type"], "cannotCalculateChanges");
        let now = json!({"sinceState": done["newState"]});
        assert_eq!(person.call("Person/changes", now).await["updated"], json!([]));
        for wrong in ["99999", "x", "-1"] {
            let told = admin.call("Person/changes", json!({"sinceState": wrong})).await;
            assert_eq!(told["type"], "cannotCalculateChanges", "{wrong}");
        }
        // Who may see what may be another thing now: all is read anew.
        admin.create("Role", json!({"name": "New", "verbs": {}})).await;
        assert_eq!(admin.call("Person/changes", since.clone()).await["type"], "cannotCalculateChanges");
        assert!(admin.call("Role/changes", since).await["created"].is_array());
    });
}

#[test]
fn b35_b36_r07_what_was_done_is_found_by_person_object_kind_door_time_and_text() {
    both(3, |world| async move {
        promote(&world, &world.people[0], &[Verb::AuditRead, Verb::AccountRead, Verb::UnitEdit]).await;
        let (admin, user, other) = (
            User::new(&world, &world.people[0]).await,
            User::new(&world, &world.people[1]).await,
            User::new(&world, &world.people[2]).await,
        );
        world.deliver_one(&world.people[1], message("Watched", "text")).await;
        world.deliver_one(&world.people[1], message("Another", "text")).await;
        let found = user.call("Email/query", json!({"sort": [{"property": "receivedAt"}]})).await;
        let all = user.call("Email/get", json!({"ids": found["ids"], "properties": ["subject"]})).await;
        let of = |subject: &str| {
            let one = all["list"].as_array().unwrap().iter().find(|one| one["subject"] == subject).unwrap();
            one["id"].as_str().unwrap().to_owned()
        };
        let (watched, another) = (of("Watched"), of("Another"));
        let plans = user.create("Mailbox", json!({"name": "Plans"})).await;
        user.call("Email/set", json!({"update": {&watched: {"keywords/$seen": true}}})).await;
        user.call("Email/set", json!({"update": {&another: {"keywords/$flagged": true}}})).await;
        user.call("Email/set", json!({"update": {&watched: {"mailboxIds": {&plans: true}}}})).await;
        user.call("Email/set", json!({"update": {&watched: {"keywords/$flagged": true}}})).await;

        let history = user.entries(json!({"emailId": watched})).await;
        let kinds: Vec<&str> =
            history.iter().map(|entry| entry["changes"][0]["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["flags", "move", "flags", "put"], "{history:#?}");
        assert_eq!(history[0]["changes"][0]["added"], json!(["\\Flagged"]));
        assert_eq!(history[1]["changes"][0]["targetId"], plans);
        assert_eq!(
            (&history[0]["door"], &history[3]["door"], &history[0]["actorName"], &history[3]["actorId"]),
            (&json!("jmap"), &json!("lmtp"), &json!(world.people[1].address), &Value::Null)
        );
        let moved = user.entries(json!({"accountId": user.account, "kind": "move", "door": "jmap"})).await;
        assert_eq!(moved.len(), 1);
        let none = json!({"accountId": user.account, "door": "imap"});
        assert!(user.entries(none).await.is_empty());
        let at = history[0]["at"].clone();
        assert!(
            user.entries(json!({"accountId": user.account, "before": "1990-01-01T00:00:00Z"}))
                .await
                .is_empty()
        );
        assert!(!user.entries(json!({"accountId": user.account, "after": at})).await.is_empty());

        let person = format!("E{}", world.people[1].account.0);
        let by = admin.entries(json!({"actorId": person, "kind": "flags"})).await;
        assert_eq!(by.len(), 3, "who may read the audit sees what others did");
        let there = admin.entries(json!({"accountId": user.account, "text": "plans"})).await;
        assert_eq!(there[0]["changes"][0]["text"], "Plans", "{there:#?}");
        // Others see nothing of it, neither by search nor by id.
        for filter in [json!({"actorId": person}), json!({"accountId": user.account})] {
            assert!(other.entries(filter).await.is_empty());
        }
        let ids = json!({"ids": [history[0]["id"], "C1", "C999999-1"]});
        let got = other.call("AuditEntry/get", ids).await;
        assert_eq!((&got["list"], got["notFound"].as_array().unwrap().len()), (&json!([]), 3));
        let own = user.entries(json!({})).await;
        assert!(own.iter().all(|entry| entry["actorId"] == person), "without a right: what one did oneself");
        admin.create("Unit", json!({"name": "Sciences"})).await;
        let directory = admin.entries(json!({"text": "sciences"})).await;
        assert_eq!(
            (&directory[0]["isDirectory"], &directory[0]["changes"][0]["kind"]),
            (&json!(true), &json!("note"))
        );
        let or = json!({"filter": {"operator": "OR", "conditions": [{"kind": "move"}]}});
        assert_eq!(admin.call("AuditEntry/query", or).await["type"], "unsupportedFilter");

        // A right that is given and taken is told of (B36).
        let told = format!("E{}", world.people[2].account.0);
        let share = json!({"update": {&plans: {"shareWith": {&told: {"mayReadItems": true}}}}});
        assert_eq!(user.call("Mailbox/set", share).await["notUpdated"], Value::Null);
        user.call("Mailbox/set", json!({"update": {&plans: {"shareWith": null}}})).await;
        let shares = user.entries(json!({"accountId": user.account, "kind": "share"})).await;
        let rights: Vec<&Value> = shares.iter().map(|entry| &entry["changes"][0]["added"]).collect();
        assert_eq!(rights, [&json!([]), &json!(["read"])]);
        assert_eq!(shares[0]["changes"][0]["subjectId"], told);
    });
}

//! Principals, mailboxes that are shared with them, and what they are told of it.

use base::Door;
use jmap::{Client, Jmap};
use serde_json::{Value, json};
use testkit::mail::{Person, World, both, embedded, message};

struct User {
    jmap: Jmap,
    client: Client,
    account: String,
}

impl User {
    async fn new(world: &World, jmap: &Jmap, person: &Person) -> Self {
        let client = Client {
            ctx: world.ctx_of(person, Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        let account = format!("a{}", person.account.0);
        Self { jmap: jmap.clone(), client, account }
    }

    async fn call(&self, method: &str, mut arguments: Value) -> Value {
        if arguments.get("accountId").is_none() {
            arguments["accountId"] = json!(self.account);
        }
        let names = ["core", "mail", "principals"].map(|name| format!("urn:ietf:params:jmap:{name}"));
        let request = json!({ "using": names, "methodCalls": [[method, arguments, "0"]] }).to_string();
        let answer = self.jmap.request(&self.client, request.as_bytes()).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["methodResponses"][0][1].take()
    }

    /// The principal of an address.
    async fn principal(&self, address: &str) -> String {
        let found = self.call("Principal/query", json!({"filter": {"email": address}})).await;
        found["ids"][0].as_str().unwrap_or_else(|| panic!("{found}")).to_owned()
    }

    async fn make(&self, mailbox: Value) -> String {
        let made = self.call("Mailbox/set", json!({"create": {"m": mailbox}})).await;
        made["created"]["m"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    async fn accounts(&self) -> Value {
        self.jmap.session(&self.client).await.unwrap()["accounts"].clone()
    }
}

fn granted(rights: &Value) -> Vec<&str> {
    let names = rights.as_object().into_iter().flatten();
    names.filter(|(_, on)| **on == json!(true)).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn p08_principals_are_found_by_everyone_of_the_organisation_unless_they_are_hidden() {
    both(3, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let (other, hidden) = (&world.people[1].address, world.people[2].clone());
        let hide = move |edit: &mut directory::Edit<'_, '_>| {
            directory::people::change(edit, hidden.account, &[("hidden", "yes")]).map(|_| ())
        };
        world.directory.edit(&world.ctx(), world.organisation, hide).await.unwrap();
        let id = user.principal(other).await;
        let far = world.ctx();
        let far = world.directory.create_organisation(&far, "far", &[]).await.unwrap();
        let make = |edit: &mut directory::Edit<'_, '_>| {
            directory::domains::create(edit, "far.test", &[])?;
            let new = directory::entries::NewEntry { address: "x@far.test", name: "" };
            directory::people::create(edit, &new, None, &[])
        };
        let stranger = world.directory.edit(&world.ctx(), far, make).await.unwrap();
        let (stranger, unseen) = (format!("E{}", stranger.0), format!("E{}", world.people[2].account.0));
        let got = user.call("Principal/get", json!({"ids": [id, unseen, stranger, "E999999", "x"]})).await;
        assert_eq!(
            got["list"],
            json!([{"id": id, "type": "individual", "name": other, "description": null, "email": other,
                "timeZone": null, "capabilities": {}, "accounts": null}])
        );
        assert_eq!(got["notFound"], json!([unseen, stranger, "E999999", "x"]));
        let own = format!("E{}", world.people[0].account.0);
        let listed = user.call("Principal/query", json!({"sort": [{"property": "email"}]})).await;
        assert_eq!(listed["ids"], json!([own, id]), "who is hidden is in no list");
        assert_eq!(user.principal(&world.people[2].address).await, unseen, "and found by its address");
        let both =
            json!({"filter": {"operator": "AND", "conditions": [{"text": "U2@"}, {"type": "individual"}]}});
        assert_eq!(user.call("Principal/query", both).await["ids"], json!([id]));
        let none = json!({"filter": {"email": "x@far.test"}});
        assert_eq!(user.call("Principal/query", none).await["ids"], json!([]));
        let of_own = json!({"filter": {"accountIds": [user.account]}});
        assert_eq!(user.call("Principal/query", of_own).await["ids"], json!([own]));
        let capabilities = user.accounts().await[&user.account]["accountCapabilities"].clone();
        assert_eq!(capabilities["urn:ietf:params:jmap:principals"], json!({"currentUserPrincipalId": own}));
        assert_eq!(
            capabilities["urn:ietf:params:jmap:principals:owner"],
            json!({"accountIdForPrincipal": user.account, "principalId": own})
        );
        let done = user
            .call(
                "Principal/set",
                json!({"create": {"n": {}}, "update": {id: {"name": "Me"}}, "destroy": ["E999999"]}),
            )
            .await;
        assert_eq!(done["notCreated"]["n"]["type"], "forbidden", "{done}");
        assert_eq!(done["notDestroyed"]["E999999"]["type"], "notFound");
        let state = done["newState"].clone();
        assert_eq!(user.call("Principal/changes", json!({"sinceState": state})).await["updated"], json!([]));
        let before = user.call("Principal/changes", json!({"sinceState": "0"})).await;
        assert_eq!(before["type"], "cannotCalculateChanges");
    });
}

#[test]
fn p08_a_mailbox_is_shared_with_rights_and_its_account_appears_for_the_other_person() {
    both(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let owner = User::new(&world, &jmap, &world.people[0]).await;
        let other = User::new(&world, &jmap, &world.people[1]).await;
        let principal = owner.principal(&world.people[1].address).await;
        let shared = json!({"mayReadItems": true, "maySetSeen": true});
        let id = owner.make(json!({"name": "Plans", "shareWith": {&principal: shared}})).await;
        let get = json!({"accountId": owner.account, "ids": [id], "properties": ["myRights", "shareWith"]});
        let seen = other.call("Mailbox/get", get.clone()).await["list"][0].clone();
        assert_eq!(granted(&seen["myRights"]), ["mayReadItems", "maySetSeen"]);
        assert_eq!(seen["shareWith"], Value::Null, "only who may share sees with whom");
        let there = other.accounts().await[&owner.account].clone();
        assert_eq!(
            (&there["name"], &there["isPersonal"], &there["isReadOnly"]),
            (&json!(world.people[0].address), &json!(false), &json!(false))
        );
        let of = format!("E{}", world.people[0].account.0);
        assert_eq!(there["accountCapabilities"]["urn:ietf:params:jmap:principals:owner"]["principalId"], of);
        let accounts = other.call("Principal/get", json!({"ids": [of]})).await["list"][0]["accounts"].clone();
        assert_eq!(accounts[&owner.account]["isPersonal"], json!(false));

        let only_read = json!({"update": {&id: {format!("shareWith/{principal}/maySetSeen"): false}}});
        assert_eq!(owner.call("Mailbox/set", only_read).await["notUpdated"], Value::Null);
        assert_eq!(other.accounts().await[&owner.account]["isReadOnly"], json!(true));
        let add = json!({"update": {&id: {format!("shareWith/{principal}/mayAddItems"): true}}});
        assert_eq!(owner.call("Mailbox/set", add).await["notUpdated"], Value::Null);
        let with = owner.call("Mailbox/get", get.clone()).await["list"][0]["shareWith"].clone();
        assert_eq!(granted(&with[&principal]), ["mayAddItems", "mayReadItems"]);
        let number: i64 = id[1..].parse().unwrap();
        let acl = world
            .mail
            .acl(&owner.client.ctx, world.people[0].account, base::CollectionId(number))
            .await
            .unwrap();
        assert_eq!(
            (acl[0].1.as_str(), acl[0].2.words()),
            (world.people[1].address.as_str(), vec!["read", "insert"])
        );

        let theirs = json!({"accountId": owner.account, "update": {&id: {"shareWith": null}}});
        assert_eq!(other.call("Mailbox/set", theirs).await["notUpdated"][&id]["type"], "forbidden");
        for (patch, why) in [
            (json!({"shareWith/E999999": {"mayReadItems": true}}), "nobody"),
            (json!({"shareWith/x": {"mayReadItems": true}}), "no id"),
            (
                json!({format!("shareWith/{principal}"): {"mayRename": true, "mayDelete": false}}),
                "half a right",
            ),
            (json!({format!("shareWith/{of}"): {"mayReadItems": true}}), "the owner"),
        ] {
            let refused = owner.call("Mailbox/set", json!({"update": {&id: patch}})).await;
            assert_eq!(refused["notUpdated"][&id]["properties"], json!(["shareWith"]), "{why}: {refused}");
        }
        let wrong =
            json!({"create": {"m": {"name": "No", "shareWith": {"E999999": {"mayReadItems": true}}}}});
        assert_eq!(
            owner.call("Mailbox/set", wrong).await["notCreated"]["m"]["properties"],
            json!(["shareWith"])
        );
        let named = json!({"filter": {"name": "No"}});
        assert_eq!(
            owner.call("Mailbox/query", named).await["ids"],
            json!([]),
            "what is refused is not half there"
        );
        let done = owner.call("Mailbox/set", json!({"update": {&id: {"shareWith": null}}})).await;
        assert_eq!(done["updated"], json!({&id: null}), "{done}");
        assert_eq!(owner.call("Mailbox/get", get.clone()).await["list"][0]["shareWith"], Value::Null);
        assert_eq!(other.accounts().await.as_object().unwrap().len(), 1);
        assert_eq!(other.call("Mailbox/get", get).await["type"], "accountNotFound");
        world.sound().await;
    });
}

/// A group with the second person in it.
async fn group(world: &World, member: &str) -> String {
    let member = member.to_owned();
    let make = move |edit: &mut directory::Edit<'_, '_>| {
        let new = directory::entries::NewEntry { address: "team@bench.test", name: "Team" };
        let team = directory::groups::create(edit, directory::entries::Kind::Group, &new, &[])?;
        directory::groups::add_members(edit, team, &[&member]).map(|_| team)
    };
    let team = world.directory.edit(&world.ctx(), world.organisation, make).await.unwrap();
    format!("E{}", team.0)
}

#[test]
fn p08_people_are_told_of_what_is_shared_with_them_and_their_groups() {
    both(3, |world| async move {
        let team = group(&world, &world.people[1].address).await;
        let jmap = Jmap::new(world.mail.clone());
        let owner = User::new(&world, &jmap, &world.people[0]).await;
        let other = User::new(&world, &jmap, &world.people[1]).await;
        let third = User::new(&world, &jmap, &world.people[2]).await;
        let first = other.call("ShareNotification/get", json!({"ids": null})).await;
        assert_eq!((&first["list"], &first["state"]), (&json!([]), &json!("0")));
        let id = owner.make(json!({"name": "Plans", "shareWith": {&team: {"mayReadItems": true}}})).await;
        let got = other.call("ShareNotification/get", json!({"ids": null})).await;
        let told = got["list"][0].clone();
        assert_eq!(
            (
                &told["objectType"],
                &told["objectAccountId"],
                &told["objectId"],
                &told["name"],
                &told["oldRights"]
            ),
            (&json!("Mailbox"), &json!(owner.account), &json!(id), &json!("Plans"), &Value::Null)
        );
        assert_eq!(granted(&told["newRights"]), ["mayReadItems"]);
        let by = json!({"name": world.people[0].address, "email": world.people[0].address,
            "principalId": format!("E{}", world.people[0].account.0)});
        assert_eq!(told["changedBy"], by);
        for nobody in [&owner, &third] {
            assert_eq!(nobody.call("ShareNotification/get", json!({"ids": null})).await["list"], json!([]));
        }
        // A right that a person has by its group already is no news.
        let principal = owner.principal(&world.people[1].address).await;
        let again = json!({"update": {&id: {format!("shareWith/{principal}"): {"mayReadItems": true}}}});
        assert_eq!(owner.call("Mailbox/set", again).await["notUpdated"], Value::Null);
        assert_eq!(
            other.call("ShareNotification/query", json!({})).await["ids"].as_array().unwrap().len(),
            1
        );
        let all = json!({"update": {&id: {"shareWith": null}}});
        owner.call("Mailbox/set", all).await;
        let changes = other.call("ShareNotification/changes", json!({"sinceState": got["state"]})).await;
        let [gone] = changes["created"].as_array().unwrap().as_slice() else { panic!("{changes}") };
        let last = other.call("ShareNotification/get", json!({"ids": [gone]})).await["list"][0].clone();
        assert_eq!((granted(&last["oldRights"]), &last["newRights"]), (vec!["mayReadItems"], &Value::Null));
        let query = json!({"filter": {"objectType": "Mailbox", "objectAccountId": owner.account},
            "sort": [{"property": "created", "isAscending": true}], "calculateTotal": true});
        let found = other.call("ShareNotification/query", query.clone()).await;
        assert_eq!((&found["ids"], &found["total"]), (&json!([told["id"], gone]), &json!(2)));

        let set = json!({"create": {"n": {}}, "update": {gone.as_str().unwrap(): {"name": "x"}}});
        let refused = other.call("ShareNotification/set", set).await;
        assert_eq!(refused["notCreated"]["n"]["type"], "forbidden", "{refused}");
        let done =
            other.call("ShareNotification/set", json!({"destroy": [told["id"], "W999", told["id"]]})).await;
        assert_eq!(done["destroyed"], json!([told["id"]]), "{done}");
        assert_eq!(done["notDestroyed"]["W999"]["type"], "notFound");
        let changes = other.call("ShareNotification/changes", json!({"sinceState": done["oldState"]})).await;
        assert_eq!(
            (&changes["created"], &changes["destroyed"], &changes["newState"]),
            (&json!([]), &json!([told["id"]]), &done["newState"])
        );
        let mut since = query;
        since["sinceQueryState"] = found["queryState"].clone();
        let changes = other.call("ShareNotification/queryChanges", since).await;
        assert_eq!((&changes["removed"], &changes["added"]), (&json!([told["id"]]), &json!([])));
        let ahead = other.call("ShareNotification/changes", json!({"sinceState": "99999"})).await;
        assert_eq!(ahead["type"], "cannotCalculateChanges");
        world.sound().await;
    });
}

#[test]
fn p08_what_is_visible_of_another_account_is_read_anew_when_shares_change() {
    both(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let owner = User::new(&world, &jmap, &world.people[0]).await;
        let other = User::new(&world, &jmap, &world.people[1]).await;
        let principal = owner.principal(&world.people[1].address).await;
        let share = json!({&principal: {"mayReadItems": true}});
        owner.make(json!({"name": "One", "shareWith": share})).await;
        let two = owner.make(json!({"name": "Two"})).await;
        let get = json!({"accountId": owner.account, "ids": null});
        let state = other.call("Mailbox/get", get.clone()).await["state"].clone();
        let since = json!({"accountId": owner.account, "sinceState": state});
        assert_eq!(other.call("Mailbox/changes", since.clone()).await["created"], json!([]));
        owner.call("Mailbox/set", json!({"update": {&two: {"shareWith": share}}})).await;
        for kind in ["Mailbox", "Email"] {
            let told = other.call(&format!("{kind}/changes"), since.clone()).await;
            assert_eq!(told["type"], "cannotCalculateChanges", "{kind}: {told}");
        }
        assert_eq!(other.call("Mailbox/get", get).await["list"].as_array().unwrap().len(), 2);
        let own = json!({"sinceState": state, "accountId": owner.account});
        assert_eq!(owner.call("Mailbox/changes", own).await["updated"], json!([two]));
    });
}

#[test]
fn p08_a_connected_client_hears_of_a_share_at_once_and_follows_what_is_shared() {
    embedded(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let owner = User::new(&world, &jmap, &world.people[0]).await;
        let other = User::new(&world, &jmap, &world.people[1]).await;
        world.deliver_one(&world.people[0], message("Mine", "text")).await;
        let principal = owner.principal(&world.people[1].address).await;
        let mut follower = jmap.follow(&other.client, None, None).await.unwrap();
        let share = json!({&principal: {"mayReadItems": true}});
        let id = owner.make(json!({"name": "Plans", "shareWith": share})).await;
        let told = follower.next().await.unwrap().object["changed"].clone();
        assert!(told[&other.account]["ShareNotification"].is_string(), "{told}");
        assert!(told[&owner.account]["Mailbox"].is_string(), "{told}");
        owner.call("Mailbox/set", json!({"update": {&id: {"sortOrder": 4}}})).await;
        let told = follower.next().await.unwrap().object["changed"].clone();
        assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), [&owner.account]);
        owner.call("Mailbox/set", json!({"update": {&id: {"shareWith": null}}})).await;
        loop {
            let told = follower.next().await.unwrap().object["changed"].clone();
            if told[&other.account]["ShareNotification"].is_string() {
                break;
            }
        }
        assert!(other.accounts().await.get(&owner.account).is_none());
    });
}

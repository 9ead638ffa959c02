//! The directory by JMAP.

use base::Door;
use directory::roles::{Allowed, Verb, grants};
use jmap::{Client, Jmap};
use serde_json::{Value, json};
use testkit::mail::{Person, World, both};

struct Admin {
    jmap: Jmap,
    client: Client,
}

impl Admin {
    async fn new(world: &World, person: &Person) -> Self {
        let client = Client {
            ctx: world.ctx_of(person, Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        Self { jmap: Jmap::new(world.mail.clone()), client }
    }

    async fn calls(&self, mut calls: Value) -> Vec<Value> {
        for call in calls.as_array_mut().unwrap() {
            call[1]["accountId"] = json!(format!("a{}", self.client.ctx.actor.account.0));
        }
        let using = ["urn:ietf:params:jmap:core", "https://beffroi.org/jmap/directory"];
        let request = json!({ "using": using, "methodCalls": calls }).to_string();
        let answer = self.jmap.request(&self.client, request.as_bytes()).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let Value::Array(answers) = answer["methodResponses"].take() else { panic!("{answer}") };
        answers
    }

    async fn call(&self, method: &str, arguments: Value) -> Value {
        let mut answers = self.calls(json!([[method, arguments, "0"]])).await;
        assert_eq!(answers[0][0], method, "{}", answers[0]);
        answers[0][1].take()
    }

    async fn create(&self, kind: &str, object: Value) -> String {
        let done = self.call(&format!("{kind}/set"), json!({"create": {"x": object}})).await;
        let id = done["created"]["x"]["id"].as_str();
        id.unwrap_or_else(|| panic!("{done}")).to_owned()
    }

    async fn get(&self, kind: &str, id: &str, properties: Value) -> Value {
        let got = self.call(&format!("{kind}/get"), json!({"ids": [id], "properties": properties})).await;
        got["list"][0].clone()
    }

    async fn update(&self, kind: &str, id: &str, patch: Value) -> Value {
        self.call(&format!("{kind}/set"), json!({"update": {id: patch}})).await
    }
}

/// Lets a person do everything.
async fn promote(world: &World, person: &Person) {
    let account = person.account;
    let promote = move |edit: &mut directory::Edit<'_, '_>| {
        let role = grants::create_role(edit, "Everything", "", Verb::ALL)?;
        grants::grant(edit, account, role, Allowed::all()).map(|_| ())
    };
    world.directory.edit(&world.ctx(), world.organisation, promote).await.unwrap();
}

#[test]
fn p08_an_administrator_makes_changes_and_removes_objects_of_the_directory() {
    both(2, |world| async move {
        promote(&world, &world.people[0]).await;
        let admin = Admin::new(&world, &world.people[0]).await;
        let own = admin.call("Organisation/get", json!({"ids": null})).await["list"][0].clone();
        assert!(own["myRights"].as_array().unwrap().contains(&json!("account.create")), "{own}");
        let organisation = own["id"].as_str().unwrap();
        let done = admin
            .update("Organisation", organisation, json!({"displayName": "Acme", "preDeleteDays": 9}))
            .await;
        assert_eq!(done["updated"], json!({organisation: null}), "{done}");
        let now = admin.get("Organisation", organisation, json!(["displayName", "preDeleteDays"])).await;
        assert_eq!(now, json!({"id": organisation, "displayName": "Acme", "preDeleteDays": 9}));

        let class = admin
            .create("ClassOfService", json!({"name": "Large", "quotaBytes": 5_000, "imap": false}))
            .await;
        let unit = admin.create("Unit", json!({"name": "Sciences"})).await;
        let below = admin.create("Unit", json!({"name": "Physics", "parentId": unit})).await;
        let domain = admin.create("Domain", json!({"name": "acme.example", "defaultClass": class})).await;
        let got = admin.get("Domain", &domain, json!(["name", "aliasOf", "defaultClass"])).await;
        assert_eq!(
            got,
            json!({"id": domain, "name": "acme.example", "aliasOf": null, "defaultClass": class})
        );
        let ada = admin
            .create(
                "Person",
                json!({"address": "ada@acme.example", "name": "Ada", "unit": below, "hidden": true,
                "password": "a long enough secret", "addresses": {"al@acme.example": {"note": "short"}}}),
            )
            .await;
        let got = admin
            .get(
                "Person",
                &ada,
                json!(["address", "name", "unit", "class", "hidden", "state", "addresses", "domainId"]),
            )
            .await;
        assert_eq!(
            got,
            json!({"id": ada, "address": "ada@acme.example", "name": "Ada", "unit": below, "class": class, "hidden": true,
                "state": "active", "domainId": domain, "addresses": {
                    "ada@acme.example": {"kind": "primary", "expiresAt": null, "note": ""},
                    "al@acme.example": {"kind": "alias", "expiresAt": null, "note": "short"}}})
        );
        let team = admin
            .create("Group", json!({"address": "team@acme.example", "name": "Team", "members": {"ada@acme.example": true}}))
            .await;
        admin.update("Group", &team, json!({"members/out@side.example": true, "posting": "open"})).await;
        let got = admin.get("Group", &team, json!(["members", "posting"])).await;
        let members = json!({"ada@acme.example": true, "out@side.example": true});
        assert_eq!(got, json!({"id": team, "members": members, "posting": "open"}));
        admin.update("Group", &team, json!({"members": {"ada@acme.example": true}})).await;
        assert_eq!(
            admin.get("Group", &team, json!(["members"])).await["members"],
            json!({"ada@acme.example": true})
        );
        let alias = json!({"address": "info@acme.example", "targets": {"ada@acme.example": true}});
        let alias = admin.create("Alias", alias).await;
        admin.update("Alias", &alias, json!({"targets/x@side.example": true})).await;
        let targets = json!({"ada@acme.example": true, "x@side.example": true});
        assert_eq!(admin.get("Alias", &alias, json!(["targets"])).await["targets"], targets);

        let done =
            admin.update("Person", &ada, json!({"state": "closed", "address": "al@acme.example"})).await;
        assert_eq!(done["notUpdated"], Value::Null, "{done}");
        let got = admin.get("Person", &ada, json!(["state", "address"])).await;
        assert_eq!(got, json!({"id": ada, "state": "closed", "address": "al@acme.example"}));
        let found = admin
            .call(
                "Person/query",
                json!({"filter": {"operator": "AND", "conditions": [
                {"text": "AL@acme"}, {"unit": below}, {"state": "closed"}]}, "calculateTotal": true}),
            )
            .await;
        assert_eq!((&found["ids"], &found["total"]), (&json!([ada]), &json!(1)));
        assert_eq!(admin.call("Person/set", json!({"destroy": [ada]})).await["destroyed"], json!([ada]));
        assert_eq!(admin.get("Person", &ada, json!(["state"])).await["state"], "preDeleted");
        admin.update("Person", &ada, json!({"state": "active"})).await;
        assert_eq!(admin.get("Person", &ada, json!(["state"])).await["state"], "active");
        let used = admin.call("ClassOfService/set", json!({"destroy": [class]})).await;
        assert_eq!(used["notDestroyed"][&class]["type"], "invalidProperties");
        world.sound().await;
    });
}

#[test]
fn p08_the_directory_refuses_by_the_property_and_by_rights() {
    both(2, |world| async move {
        promote(&world, &world.people[0]).await;
        let (admin, person) =
            (Admin::new(&world, &world.people[0]).await, Admin::new(&world, &world.people[1]).await);
        let domain = admin.create("Domain", json!({"name": "acme.example"})).await;
        let wrong = admin
            .call("Person/set", json!({"create": {
                "foreign": {"address": "a@far.example"}, "class": {"address": "b@acme.example", "class": "K999"},
                "short": {"address": "c@acme.example", "password": "x"}, "none": {"name": "nobody"},
                "again": {"address": world.people[1].address}}}))
            .await;
        let property = |name: &str| wrong["notCreated"][name]["properties"][0].clone();
        assert_eq!(property("foreign"), "addressDomain");
        assert_eq!(
            (property("class"), property("short"), property("none")),
            (json!("class"), json!("password"), json!("address"))
        );
        assert_eq!(property("again"), "address");

        let refused = person.call("Domain/set", json!({"create": {"x": {"name": "mine.example"}}})).await;
        assert_eq!(refused["notCreated"]["x"]["type"], "forbidden", "{refused}");
        let refused = person.update("Domain", &domain, json!({"note": "mine"})).await;
        assert_eq!(refused["notUpdated"][&domain]["type"], "forbidden");
        assert_eq!(
            person.call("Organisation/get", json!({"ids": null})).await["list"][0]["myRights"],
            json!([])
        );
        assert_eq!(person.call("Person/query", json!({})).await["ids"], json!([]));
        let (own, other) = (world.people[1].account.0, world.people[0].account.0);
        let got = person
            .call("Person/get", json!({"ids": [format!("E{own}"), format!("E{other}"), "E999999", "x"]}))
            .await;
        assert_eq!(got["list"][0]["address"], world.people[1].address.as_str());
        assert_eq!(got["notFound"], json!([format!("E{other}"), "E999999", "x"]));
        // An entry of another kind is none of this one.
        let got = admin.call("Group/get", json!({"ids": [format!("E{own}")]})).await;
        assert_eq!(got["notFound"], json!([format!("E{own}")]));
        let done = admin.call("Group/set", json!({"destroy": [format!("E{own}")]})).await;
        assert_eq!(done["notDestroyed"][format!("E{own}")]["type"], "notFound");
    });
}

//! Requests as a whole, references between calls, and the engine over its simplest type.

use jmap::{Jmap, RequestError};
use serde_json::{Value, json};
use testkit::mail::embedded;

use crate::client::User;

fn kind(error: &RequestError) -> String {
    error.body()["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned()
}

#[test]
fn p08_requests_that_are_none_are_refused_as_a_whole() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        for (body, error) in [
            ("", "notJSON"),
            ("{", "notJSON"),
            (r#"{"using":[],"using":[],"methodCalls":[]}"#, "notJSON"),
            ("[]", "notRequest"),
            ("{}", "notRequest"),
            (r#"{"using":"x","methodCalls":[]}"#, "notRequest"),
            (r#"{"using":[1],"methodCalls":[]}"#, "notRequest"),
            (r#"{"using":[],"methodCalls":[["Core/echo",{}]]}"#, "notRequest"),
            (r#"{"using":[],"methodCalls":[["Core/echo",[],"0"]]}"#, "notRequest"),
            (r#"{"using":[],"methodCalls":[],"createdIds":{"a":1}}"#, "notRequest"),
            (r#"{"using":["urn:example:none"],"methodCalls":[]}"#, "unknownCapability"),
        ] {
            let refused = user.raw(body).await.expect_err(body);
            assert_eq!((kind(&refused), refused.status()), (error.to_owned(), 400), "{body}");
        }
        let many = vec![json!(["Core/echo", {}, "0"]); 65];
        let body = json!({"using": ["urn:ietf:params:jmap:core"], "methodCalls": many}).to_string();
        let refused = user.raw(&body).await.expect_err("too many calls");
        assert_eq!(
            (kind(&refused).as_str(), &refused.body()["limit"]),
            ("limit", &json!("maxCallsInRequest"))
        );
    });
}

#[test]
fn p08_calls_are_echoed_and_refer_to_one_another() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let answers = user
            .calls(json!([
                ["Core/echo", {"list": [{"id": "a"}, {"id": "b"}], "x": {"y/z": 5}}, "0"],
                ["Core/echo", {"#ids": {"resultOf": "0", "name": "Core/echo", "path": "/list/*/id"}}, "1"],
                ["Core/echo", {"#n": {"resultOf": "0", "name": "Core/echo", "path": "/x/y~1z"}}, "2"],
                ["Core/echo", {"#n": {"resultOf": "9", "name": "Core/echo", "path": "/x"}}, "3"],
                ["Core/echo", {"#n": {"resultOf": "0", "name": "Quota/get", "path": "/x"}}, "4"],
                ["Core/echo", {"n": 1, "#n": {"resultOf": "0", "name": "Core/echo", "path": "/x"}}, "5"],
                ["Nothing/get", {}, "6"],
            ]))
            .await;
        assert_eq!(answers[1], json!(["Core/echo", {"ids": ["a", "b"]}, "1"]));
        assert_eq!(answers[2], json!(["Core/echo", {"n": 5}, "2"]));
        let errors: Vec<&Value> = answers[3..].iter().map(|answer| &answer[1]["type"]).collect();
        assert_eq!(
            errors,
            ["invalidResultReference", "invalidResultReference", "invalidArguments", "unknownMethod"]
        );
        let without =
            json!({"using": [], "methodCalls": [["Core/echo", {}, "0"]], "createdIds": {"k": "x1"}});
        let answer = user.raw(&without.to_string()).await.unwrap();
        assert_eq!(answer["methodResponses"][0][1]["type"], "unknownMethod");
        assert_eq!(answer["createdIds"], json!({"k": "x1"}));
        assert_eq!(answer["sessionState"], user.jmap.session(&user.client).await.unwrap()["state"]);
    });
}

#[test]
fn p08_a_quota_is_got_found_and_told_when_it_changes() {
    embedded(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let none = user.call("Quota/get", json!({"ids": null})).await;
        assert_eq!((&none["list"], &none["state"]), (&json!([]), &json!("none")));
        let (account, ctx) = (world.people[0].account, world.ctx());
        world
            .directory
            .edit(&ctx, world.organisation, move |edit| {
                directory::people::change(edit, account, &[("quota_bytes", "1000000")])
            })
            .await
            .unwrap();
        let got = user
            .call("Quota/get", json!({"ids": ["storage", "other"], "properties": ["hardLimit", "used"]}))
            .await;
        assert_eq!(got["list"], json!([{"id": "storage", "hardLimit": 1_000_000, "used": 0}]));
        assert_eq!(got["notFound"], json!(["other"]));
        let changes = user.call("Quota/changes", json!({"sinceState": "none"})).await;
        assert_eq!((&changes["created"], &changes["newState"]), (&json!(["storage"]), &got["state"]));
        world.deliver_one(&world.people[0], testkit::mail::message("One", "text")).await;
        let changes = user.call("Quota/changes", json!({"sinceState": got["state"]})).await;
        assert_eq!(
            (&changes["updated"], &changes["updatedProperties"]),
            (&json!(["storage"]), &json!(["used"]))
        );
        let found = user.call("Quota/query", json!({"filter": {"operator": "NOT", "conditions": [{"type": "Email"}]}, "calculateTotal": true})).await;
        assert_eq!((&found["ids"], &found["total"]), (&json!([]), &json!(0)));
        let errors = [
            ("Quota/get", json!({"properties": ["nothing"]}), "invalidArguments"),
            ("Quota/get", json!({"ids": "storage"}), "invalidArguments"),
            ("Quota/get", json!({"ids": [1]}), "invalidArguments"),
            ("Quota/get", json!({"accountId": "a0"}), "accountNotFound"),
            ("Quota/get", json!({"accountId": format!("a{}", world.people[1].account.0)}), "accountNotFound"),
            ("Quota/get", json!({"accountId": null}), "invalidArguments"),
            ("Quota/get", json!({"unknown": 1}), "invalidArguments"),
            ("Quota/set", json!({}), "unknownMethod"),
            ("Quota/changes", json!({}), "invalidArguments"),
            ("Quota/changes", json!({"sinceState": "1-2", "maxChanges": 0}), "invalidArguments"),
            ("Quota/changes", json!({"sinceState": "elsewhere"}), "cannotCalculateChanges"),
            ("Quota/query", json!({"filter": {"size": 1}}), "unsupportedFilter"),
            ("Quota/query", json!({"filter": {"operator": "XOR", "conditions": []}}), "invalidArguments"),
            ("Quota/query", json!({"sort": [{"property": "size"}]}), "unsupportedSort"),
            (
                "Quota/query",
                json!({"sort": [{"property": "name", "collation": "i;none"}]}),
                "unsupportedSort",
            ),
            ("Quota/query", json!({"limit": -1}), "invalidArguments"),
            ("Quota/query", json!({"anchor": "other"}), "anchorNotFound"),
            ("Quota/queryChanges", json!({"sinceQueryState": "x"}), "cannotCalculateChanges"),
        ];
        for (method, arguments, error) in errors {
            assert_eq!(user.call(method, arguments.clone()).await["type"], error, "{method} {arguments}");
        }
    });
}

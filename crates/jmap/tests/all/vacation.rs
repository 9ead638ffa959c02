//! The answer while away: the engine's `set` over a type with one object.

use jmap::Jmap;
use serde_json::json;
use testkit::mail::embedded;

use crate::client::User;

#[test]
fn p08_the_answer_while_away_is_one_object_that_is_patched() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let before = user.call("VacationResponse/get", json!({"ids": null})).await;
        assert_eq!(before["list"][0]["isEnabled"], false);
        let set = user
            .call("VacationResponse/set", json!({
                "ifInState": before["state"],
                "update": {"singleton": {
                    "isEnabled": true, "textBody": "Away", "fromDate": "2026-11-01T00:00:00Z", "id": "singleton",
                }},
            }))
            .await;
        assert_eq!(
            (&set["updated"], &set["oldState"]),
            (&json!({"singleton": null}), &before["state"]),
            "{set}"
        );
        let after = user.call("VacationResponse/get", json!({"ids": ["singleton", "x"]})).await;
        let object = &after["list"][0];
        assert_eq!(
            (&object["textBody"], &object["fromDate"]),
            (&json!("Away"), &json!("2026-11-01T00:00:00Z"))
        );
        assert_eq!((&after["notFound"], &after["state"]), (&json!(["x"]), &set["newState"]));
        let wrong = user
            .call(
                "VacationResponse/set",
                json!({
                    "create": {"a": {"isEnabled": true}, "b": {"nothing": 1}},
                    "update": {"singleton": {"isEnabled": "yes", "none": 1}, "y": {"isEnabled": true}},
                    "destroy": ["z"],
                }),
            )
            .await;
        assert_eq!(wrong["notCreated"]["a"]["type"], "singleton");
        assert_eq!(wrong["notCreated"]["b"]["properties"], json!(["nothing"]));
        assert_eq!(wrong["notUpdated"]["singleton"]["properties"], json!(["isEnabled", "none"]));
        assert_eq!(
            (&wrong["notUpdated"]["y"]["type"], &wrong["notDestroyed"]["z"]["type"]),
            (&json!("notFound"), &json!("notFound"))
        );
        let more = [
            (json!({"update": {"singleton": {"id": "other"}}}), "invalidProperties"),
            (json!({"update": {"singleton": {"subject/x": "a"}}}), "invalidPatch"),
            (json!({"update": {"singleton": {"toDate": "2026-10-01T00:00:00Z"}}}), "invalidProperties"),
            (json!({"update": {"singleton": {}}, "destroy": ["singleton"]}), "willDestroy"),
        ];
        for (arguments, error) in more {
            let answer = user.call("VacationResponse/set", arguments.clone()).await;
            assert_eq!(answer["notUpdated"]["singleton"]["type"], error, "{arguments}");
        }
        let old = user.call("VacationResponse/set", json!({"ifInState": "0", "update": {}})).await;
        assert_eq!(old["type"], "stateMismatch");
    });
}

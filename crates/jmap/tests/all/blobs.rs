//! Uploads, blobs and Sieve scripts, and who may read them.

use bytes::Bytes;
use jmap::Jmap;
use jmap::blobs::Bodies;
use serde_json::json;
use testkit::mail::{both, embedded};

use crate::client::User;

async fn upload(user: &User, bytes: &'static [u8], kind: &str) -> String {
    let account = user.client.ctx.actor.account;
    let organisation = user.client.ctx.actor.organisation;
    let put = user.jmap.mail().blobs().put(organisation, Bytes::from_static(bytes)).await.expect("a body");
    let answer = user.jmap.uploaded(&user.client, account, &put, kind).await.expect("an upload");
    assert_eq!((&answer["size"], &answer["type"]), (&json!(bytes.len()), &json!(kind)));
    answer["blobId"].as_str().expect("an id").to_owned()
}

#[test]
fn p08_an_upload_is_read_by_its_uploader_only() {
    both(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let other = User::new(&world, &jmap, &world.people[1]).await;
        let id = upload(&user, b"hello \xff", "application/x-thing").await;
        let account = &jmap.account(&user.client, &user.account, false).await.unwrap();
        let blob = jmap.blob(&user.client, account, &id).await.unwrap();
        assert_eq!((blob.size, blob.kind.as_deref()), (7, Some("application/x-thing")));
        let Bodies::Stream(_) = blob.stream(jmap.mail(), Some(0..3)).await.unwrap() else {
            panic!("not streamed")
        };
        let theirs = &jmap.account(&other.client, &other.account, false).await.unwrap();
        assert!(jmap.blob(&other.client, theirs, &id).await.is_err());
        assert!(jmap.account(&other.client, &user.account, false).await.is_err());
        let got = user.call("Blob/get", json!({"ids": [id, "Bnone"], "offset": 0, "length": 5})).await;
        assert_eq!(got["list"][0]["data:asText"], "hello");
        assert_eq!((&got["list"][0]["size"], &got["notFound"]), (&json!(7), &json!(["Bnone"])));
        let whole = user
            .call("Blob/get", json!({"ids": [id], "properties": ["data:asText", "digest:sha-256"]}))
            .await;
        assert_eq!(
            (&whole["list"][0]["isEncodingProblem"], &whole["list"][0]["data:asText"]),
            (&json!(true), &json!(null))
        );
        let none = other.call("Blob/get", json!({"ids": [id]})).await;
        assert_eq!(none["notFound"], json!([id]));
        // A day later the next upload removes it.
        world.engine.clock.advance_ms(86_400_001);
        upload(&other, b"another", "text/plain").await;
        assert!(jmap.blob(&user.client, account, &id).await.is_err());
    });
}

#[test]
fn p08_blobs_are_made_of_pieces() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let made = user
            .call(
                "Blob/upload",
                json!({"create": {
                    "a": {"data": [{"data:asText": "one "}, {"data:asBase64": "dHdv"}], "type": "text/plain"},
                    "b": {"data": [{"data:asBase64": "?"}]},
                    "c": {"data": [{"blobId": "Bnone"}]},
                }}),
            )
            .await;
        assert_eq!(made["created"]["a"]["size"], 7);
        assert_eq!(made["notCreated"]["b"]["type"], "invalidProperties");
        assert_eq!(made["notCreated"]["c"]["type"], "blobNotFound");
        let got = user.call("Blob/get", json!({"ids": [made["created"]["a"]["id"]]})).await;
        assert_eq!(got["list"][0]["data:asText"], "one two");
    });
}

#[test]
fn p08_sieve_scripts_are_kept_validated_and_put_in_force() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let good = upload(&user, b"keep;", "application/sieve").await;
        let bad = upload(&user, b"nonsense", "application/sieve").await;
        let valid = user.call("SieveScript/validate", json!({"blobId": good})).await;
        assert_eq!(valid["error"], json!(null));
        let invalid = user.call("SieveScript/validate", json!({"blobId": bad})).await;
        assert_eq!(invalid["error"]["type"], "invalidSieve");
        let set = user
            .call("SieveScript/set", json!({
                "create": {"a": {"name": "first", "blobId": good}, "b": {"name": "second", "blobId": good}},
                "onSuccessActivateScript": "#a",
            }))
            .await;
        assert_eq!(
            (&set["created"]["a"]["isActive"], &set["notCreated"]),
            (&json!(true), &json!(null)),
            "{set}"
        );
        let (first, second) = (&set["created"]["a"]["id"], &set["created"]["b"]["id"]);
        let refused = user
            .call("SieveScript/set", json!({
                "create": {"c": {"name": "first", "blobId": good}, "d": {"name": "bad", "blobId": bad}, "e": {"name": "x"}},
                "destroy": [first, "S999"],
            }))
            .await;
        assert_eq!(refused["notCreated"]["c"]["type"], "alreadyExists");
        assert_eq!(refused["notCreated"]["d"]["type"], "invalidSieve");
        assert_eq!(refused["notCreated"]["e"]["properties"], json!(["blobId"]));
        assert_eq!(refused["notDestroyed"][first.as_str().unwrap()]["type"], "scriptIsActive");
        assert_eq!(refused["notDestroyed"]["S999"]["type"], "notFound");
        let renamed = user
            .call(
                "SieveScript/set",
                json!({
                    "update": {second.as_str().unwrap(): {"name": "other"}},
                    "destroy": [],
                    "onSuccessDeactivateScript": true,
                }),
            )
            .await;
        assert_eq!(renamed["updated"][first.as_str().unwrap()], json!({"isActive": false}), "{renamed}");
        let found = user.call("SieveScript/query", json!({"filter": {"name": "OTH"}})).await;
        assert_eq!(found["ids"], json!([second]));
        let got = user.call("SieveScript/get", json!({"ids": [second]})).await;
        let text = user.call("Blob/get", json!({"ids": [got["list"][0]["blobId"]]})).await;
        assert_eq!(text["list"][0]["data:asText"], "keep;");
    });
}

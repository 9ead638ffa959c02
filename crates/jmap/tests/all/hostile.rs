//! Requests of those who mean harm: an error for each, and never more memory than the limits say.

use jmap::{Jmap, RequestError};
use serde_json::json;
use testkit::mail::embedded;

use crate::client::{USING, User};

#[test]
fn r09_requests_that_are_too_deep_or_too_large_are_refused() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let ids = vec![json!("a"); 1_000_000];
        let million = json!({"using": USING, "methodCalls": [["Quota/get", {"accountId": user.account, "ids": ids}, "0"]]});
        assert_eq!(user.raw(&million.to_string()).await, Err(RequestError::Limit("maxSizeRequest")));
        let long = format!("\"{}\"", "x".repeat(10_485_760));
        assert_eq!(user.raw(&long).await, Err(RequestError::Limit("maxSizeRequest")));
        for open in ["[", "{\"a\":"] {
            assert!(matches!(user.raw(&open.repeat(500_000)).await, Err(RequestError::NotJson(_))));
        }
        let many = user.call("Quota/get", json!({"ids": vec!["a"; 1_001]})).await;
        assert_eq!(many["type"], "requestTooLarge");
        let mut filter = json!({"name": "x"});
        for _ in 0..50 {
            filter = json!({"operator": "NOT", "conditions": [filter]});
        }
        let deep = user.call("Quota/query", json!({"filter": filter})).await;
        assert_eq!(deep["type"], "unsupportedFilter");
        let wide = json!({"operator": "OR", "conditions": vec![json!({"name": "x"}); 1_000]});
        assert_eq!(user.call("Quota/query", json!({"filter": wide})).await["type"], "unsupportedFilter");
    });
}

#[test]
fn r09_references_never_multiply() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        // Each call repeats what the one before it said, twice.
        let mut calls = vec![json!(["Core/echo", {"x": "y".repeat(100_000)}, "0"])];
        for at in 1..40_usize {
            let from = json!({"resultOf": (at - 1).to_string(), "name": "Core/echo", "path": ""});
            calls.push(json!(["Core/echo", {"#a": from, "#b": from}, at.to_string()]));
        }
        let answers = user.calls(json!(calls)).await;
        let bytes = answers.iter().map(|answer| answer.to_string().len()).sum::<usize>();
        assert!(bytes < 80 << 20, "{bytes} bytes");
        assert_eq!(answers.last().unwrap()[0], "error");
        let own = json!([["Core/echo", {"#a": {"resultOf": "0", "name": "Core/echo", "path": "/a"}}, "0"]]);
        assert_eq!(user.calls(own).await[0][1]["type"], "invalidResultReference");
    });
}

#[test]
fn r09_creations_that_name_one_another_in_a_ring_are_refused() {
    embedded(1, |world| async move {
        let user = User::new(&world, &Jmap::new(world.mail.clone()), &world.people[0]).await;
        let set = json!({"create": {
            "a": {"name": "a", "blobId": "#b"}, "b": {"name": "b", "blobId": "#a"}, "c": {"name": "c", "blobId": "#c"},
        }});
        let answer = user.call("SieveScript/set", set).await;
        for name in ["a", "b", "c"] {
            assert_eq!(answer["notCreated"][name]["properties"], json!(["blobId"]), "{answer}");
        }
    });
}

//! Receipts by JMAP (RFC 9007), from outside: one for each message that asks, and none for others.

use base::Door;
use jmap::{Client, Jmap};
use mail::queue::Lease;
use serde_json::{Value, json};
use testkit::mail::{DOMAIN, Person, World, both};

const USING: [&str; 4] = [
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:submission",
    "urn:ietf:params:jmap:mdn",
];

struct User {
    jmap: Jmap,
    client: Client,
    account: String,
}

impl User {
    async fn new(world: &World, person: &Person) -> Self {
        let ctx = world.ctx_of(person, Door::Jmap).await;
        let origin = "https://mail.bench.test".to_owned();
        let client = Client { ctx, address: person.address.clone(), origin };
        Self { jmap: Jmap::new(world.mail.clone()), client, account: format!("a{}", person.account.0) }
    }

    async fn calls(&self, calls: Value) -> Vec<Value> {
        let request = json!({ "using": USING, "methodCalls": calls }).to_string();
        let answer = self.jmap.request(&self.client, request.as_bytes()).await.expect("an answer");
        let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let Value::Array(all) = answer["methodResponses"].take() else { panic!("no answers: {answer}") };
        all
    }

    async fn call(&self, method: &str, mut arguments: Value) -> Value {
        arguments["accountId"] = json!(self.account);
        let mut answers = self.calls(json!([[method, arguments, "c"]])).await;
        assert_eq!(answers[0][0], method, "{}", answers[0]);
        answers[0][1].take()
    }

    async fn identity(&self) -> String {
        let got = self.call("Identity/get", json!({})).await;
        got["list"][0]["id"].as_str().expect("an identity").to_owned()
    }

    /// The emails of the account, the newest first.
    async fn emails(&self) -> Vec<Value> {
        let answers = self
            .calls(json!([
                ["Email/query", { "accountId": self.account, "sort": [{ "property": "receivedAt", "isAscending": false }] }, "q"],
                ["Email/get", { "accountId": self.account, "properties": ["id", "subject", "keywords", "blobId", "threadId"],
                    "#ids": { "resultOf": "q", "name": "Email/query", "path": "/ids" } }, "g"],
            ]))
            .await;
        answers[1][1]["list"].as_array().expect("a list").clone()
    }

    async fn send(&self, receipt: Value) -> Value {
        let identity = self.identity().await;
        self.call("MDN/send", json!({ "identityId": identity, "send": { "r": receipt } })).await
    }

    /// Tries to send; the word of the error.
    async fn refused(&self, receipt: Value) -> String {
        let done = self.send(receipt).await;
        assert_eq!(done["sent"], Value::Null, "{done}");
        done["notSent"]["r"]["type"].as_str().unwrap_or_else(|| panic!("{done}")).to_owned()
    }
}

fn receipt(email: &str) -> Value {
    json!({ "forEmailId": email, "disposition": {
        "actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed" } })
}

/// What is queued for the world's domain: sender, recipients and text of each.
async fn queued(world: &World) -> Vec<(String, Vec<String>, Vec<u8>)> {
    let (queue, ctx) = (world.mail.queue(), world.ctx());
    let lease = Lease { node: "test".to_owned(), lasts_ms: 60_000 };
    let mut all = Vec::new();
    for claimed in queue.claim(&ctx, DOMAIN, 100, &lease).await.expect("a claim") {
        let message = &claimed.message;
        let body = world.mail.blobs().read(message.organisation, message.hash, None).await.expect("a body");
        let to = claimed.recipients.iter().map(|recipient| recipient.address.clone()).collect();
        all.push((message.sender.clone(), to, body.to_vec()));
    }
    all
}

/// A message from `from` that asks `asks` for a receipt; its id.
async fn asked(world: &World, user: &User, to: &Person, from: &str, asks: &str) -> String {
    let text = format!(
        "Return-Path: <{from}>\r\nFrom: {from}\r\nTo: {}\r\nSubject: Plan\r\nMessage-ID: <plan@far.test>\r\n{asks}\r\nPlease read.\r\n",
        to.address
    );
    world.engine.clock.advance_ms(1_000);
    world.deliver(&[to], text).await.pop().expect("an outcome").expect("delivered");
    user.emails().await[0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn b11_p08_a_receipt_goes_to_who_asked_once_and_is_noted() {
    both(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let (user, other) = (User::new(&world, ada).await, User::new(&world, bob).await);
        let asks = format!("Disposition-Notification-To: Bob <{}>\r\n", bob.address);
        let email = asked(&world, &user, ada, &bob.address, &asks).await;
        let identity = user.identity().await;
        let answers = user
            .calls(json!([["MDN/send", {
                "accountId": user.account, "identityId": identity,
                "send": { "r": { "forEmailId": email, "subject": "Read: Plan", "textBody": "I saw it.",
                    "reportingUA": "beffroi.test; tests", "includeOriginalMessage": true,
                    "extensionFields": { "X-Mood": "good" },
                    "disposition": { "actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed" } } },
                "onSuccessUpdateEmail": { "#r": { "keywords/$seen": true } },
            }, "c"]]))
            .await;
        let told = &answers[0][1]["sent"]["r"];
        assert_eq!(told["finalRecipient"], json!(format!("rfc822; {}", ada.address)), "{answers:?}");
        assert_eq!(told["originalMessageId"], "<plan@far.test>");
        assert_eq!(answers[1][0], "Email/set", "{answers:?}");
        assert_eq!(answers[1][2], "c");
        let kept = &user.emails().await[0];
        assert_eq!(kept["keywords"], json!({ "$mdnsent": true, "$seen": true }));

        let sent = queued(&world).await;
        let [(sender, to, text)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!((sender.as_str(), to.as_slice()), ("", &[bob.address.clone()][..]));
        let shown = String::from_utf8_lossy(text);
        assert!(
            shown.contains("Auto-Submitted: auto-replied") && shown.contains("In-Reply-To: <plan@far.test>"),
            "{shown}"
        );
        // Whoever asked reads it.
        world.engine.clock.advance_ms(1_000);
        world.deliver(&[bob], text.clone()).await.pop().expect("an outcome").expect("delivered");
        let blob = other.emails().await[0]["blobId"].clone();
        let parsed = other.call("MDN/parse", json!({ "blobIds": [blob] })).await;
        let parsed = &parsed["parsed"][blob.as_str().expect("an id")];
        assert_eq!(parsed["subject"], "Read: Plan");
        assert_eq!(parsed["textBody"].as_str().map(str::trim), Some("I saw it."));
        assert_eq!(parsed["includeOriginalMessage"], true);
        assert_eq!(parsed["reportingUA"], "beffroi.test; tests");
        assert_eq!(parsed["extensionFields"], json!({ "X-Mood": "good" }));
        assert_eq!(parsed["originalMessageId"], "<plan@far.test>");
        assert_eq!(parsed["finalRecipient"], told["finalRecipient"]);
        assert_eq!(parsed["disposition"]["type"], "displayed");

        assert_eq!(user.refused(receipt(&email)).await, "mdnAlreadySent");
        assert!(queued(&world).await.is_empty());
        let receipts = user.call("EmailSubmission/get", json!({})).await;
        assert_eq!(receipts["list"], json!([]), "a receipt is no submission of the person");
    });
}

#[test]
fn b11_p08_nobody_gets_a_receipt_who_did_not_ask() {
    both(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let user = User::new(&world, ada).await;
        let wanted = format!("Disposition-Notification-To: {}\r\n", bob.address);
        let silent = asked(&world, &user, ada, &bob.address, "").await;
        assert_eq!(user.refused(receipt(&silent)).await, "notFound");
        assert_eq!(user.refused(receipt("Mnone")).await, "notFound");
        let nowhere =
            asked(&world, &user, ada, &bob.address, "Disposition-Notification-To: nobody@bench.test\r\n")
                .await;
        assert_eq!(user.refused(receipt(&nowhere)).await, "forbidden");
        // A program that asks nobody answers only where sender and asker are one.
        let automatic = |email: &str| {
            let mut wanted = receipt(email);
            wanted["disposition"]["sendingMode"] = json!("mdn-sent-automatically");
            wanted
        };
        let strange = asked(&world, &user, ada, "eve@far.test", &wanted).await;
        assert_eq!(user.refused(automatic(&strange)).await, "forbidden");
        let mut as_bob = receipt(&strange);
        as_bob["finalRecipient"] = json!(format!("rfc822; {}", bob.address));
        assert_eq!(user.refused(as_bob).await, "forbiddenFrom");
        for (name, value) in [
            (
                "disposition",
                json!({ "actionMode": "x", "sendingMode": "mdn-sent-manually", "type": "displayed" }),
            ),
            ("extensionFields", json!({ "Disposition": "x" })),
            ("extensionFields", json!({ "X": "a\r\nBcc: eve@far.test" })),
            ("finalRecipient", json!("eve")),
            ("originalMessageId", json!("<x>")),
            ("subject", json!(1)),
        ] {
            let mut wrong = receipt(&strange);
            wrong[name] = value;
            assert_eq!(user.refused(wrong.clone()).await, "invalidProperties", "{wrong}");
        }
        assert!(queued(&world).await.is_empty());
        let no_identity =
            json!([["MDN/send", { "accountId": user.account, "identityId": "Inone", "send": {} }, "c"]]);
        assert_eq!(user.calls(no_identity).await[0][1]["type"], "invalidArguments");
        assert!(user.send(receipt(&strange)).await["sent"]["r"].is_object(), "a person decides as it likes");
        let same = asked(&world, &user, ada, &bob.address, &wanted).await;
        assert!(user.send(automatic(&same)).await["sent"]["r"].is_object());
        for (_, to, text) in queued(&world).await {
            assert_eq!(to, std::slice::from_ref(&bob.address));
            assert!(
                !String::from_utf8_lossy(&text).contains("eve@far.test"),
                "nothing of the message but what is said of it"
            );
        }
    });
}

#[test]
fn b11_p08_of_two_receipts_at_once_one_is_sent() {
    both(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let user = User::new(&world, ada).await;
        let asks = format!("Disposition-Notification-To: {}\r\n", bob.address);
        let email = asked(&world, &user, ada, &bob.address, &asks).await;
        let (one, two) = tokio::join!(user.send(receipt(&email)), user.send(receipt(&email)));
        let sent = [&one, &two].into_iter().filter(|done| done["sent"].is_object()).count();
        assert_eq!(sent, 1, "{one} {two}");
        assert_eq!(queued(&world).await.len(), 1);
        // A receipt is answered by none, even if it asks for one.
        let receipt_text = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Read\r\nDisposition-Notification-To: {from}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nRead.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n\
             Final-Recipient: rfc822; {from}\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n",
            from = bob.address,
            to = ada.address,
        );
        world.engine.clock.advance_ms(1_000);
        world.deliver(&[ada], receipt_text).await.pop().expect("an outcome").expect("delivered");
        let newest = user.emails().await[0].clone();
        assert_eq!(user.refused(receipt(newest["id"].as_str().expect("an id"))).await, "notFound");
        let parsed = user
            .call(
                "MDN/parse",
                json!({ "blobIds": [newest["blobId"], "Gnone", user.emails().await[1]["blobId"]] }),
            )
            .await;
        assert_eq!(parsed["parsed"].as_object().map(serde_json::Map::len), Some(1), "{parsed}");
        assert_eq!(parsed["notFound"], json!(["Gnone"]));
        assert_eq!(parsed["notParsable"], json!([user.emails().await[1]["blobId"]]));
    });
}

//! Sending by JMAP (RFC 8621 sections 6 and 7), from outside. The queue's other end, which belongs to the door that
//! sends, is played by `carry`: it takes what is due, delivers it here, and settles it.

use base::Door;
use directory::aliases;
use jmap::{Client, Jmap};
use kernel::Rights;
use mail::Role;
use mail::queue::{Lease, Outcome, Reply, Reporter, Verdict};
use serde_json::{Value, json};
use testkit::mail::{DOMAIN, Person, World, both, embedded};

const SUBMISSION: &str = "urn:ietf:params:jmap:submission";

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
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", SUBMISSION];
        let request = json!({ "using": using, "methodCalls": calls }).to_string();
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

    async fn mailbox(&self, role: &str) -> String {
        let found = self.call("Mailbox/query", json!({ "filter": { "role": role } })).await;
        found["ids"][0].as_str().expect("a mailbox").to_owned()
    }

    /// A draft from an address to others; its id.
    async fn draft(&self, from: &str, to: &str) -> String {
        let drafts = self.mailbox("drafts").await;
        let email = json!({
            "mailboxIds": { drafts: true }, "keywords": { "$draft": true },
            "from": [{ "email": from }], "to": [{ "email": to }], "bcc": [{ "email": "hidden@there.test" }],
            "subject": "Ground floor", "bodyValues": { "t": { "value": "It stands." } },
            "textBody": [{ "partId": "t", "type": "text/plain" }],
        });
        let done = self.call("Email/set", json!({ "create": { "e": email } })).await;
        done["created"]["e"]["id"].as_str().unwrap_or_else(|| panic!("{done}")).to_owned()
    }

    async fn identity(&self) -> String {
        let got = self.call("Identity/get", json!({})).await;
        got["list"][0]["id"].as_str().expect("an identity").to_owned()
    }

    async fn submission(&self, id: &str) -> Value {
        let mut got = self.call("EmailSubmission/get", json!({ "ids": [id] })).await;
        got["list"][0].take()
    }

    /// Tries to send; the error.
    async fn refused(&self, object: Value) -> Value {
        let mut done = self.call("EmailSubmission/set", json!({ "create": { "s": object } })).await;
        assert_eq!(done["created"], Value::Null, "{done}");
        done["notCreated"]["s"].take()
    }
}

/// Takes what is due to the world's domain, delivers it to `person`, and settles it; the texts.
async fn carry(world: &World, person: &Person) -> Vec<String> {
    let (queue, ctx) = (world.mail.queue(), world.ctx());
    let lease = Lease { node: "test".to_owned(), lasts_ms: 60_000 };
    let reporter = Reporter { hostname: "mx.bench.test".to_owned() };
    let mut texts = Vec::new();
    for claimed in queue.claim(&ctx, DOMAIN, 100, &lease).await.expect("a claim") {
        let message = &claimed.message;
        let body = world.mail.blobs().read(message.organisation, message.hash, None).await.expect("a body");
        texts.push(String::from_utf8_lossy(&body).into_owned());
        world.deliver(&[person], body).await.pop().expect("an outcome").expect("delivered");
        let outcome = |number| Outcome {
            number,
            verdict: Verdict::Delivered,
            reply: Reply::local("2.1.5", "delivered"),
            is_final: true,
        };
        let outcomes = claimed.recipients.iter().map(|recipient| outcome(recipient.number)).collect();
        let blobs = world.mail.blobs();
        queue.settle(&ctx, blobs, &claimed, outcomes, (&lease, &reporter)).await.expect("settled");
    }
    texts
}

#[test]
fn p08_a_submission_reaches_its_recipient_and_is_moved_to_sent() {
    both(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let user = User::new(&world, ada).await;
        let (drafts, sent) = (user.mailbox("drafts").await, user.mailbox("sent").await);
        let (email, identity) = (user.draft(&ada.address, &bob.address).await, user.identity().await);
        let before = user.call("EmailSubmission/get", json!({ "ids": [] })).await["state"].clone();
        let envelope = json!({ "mailFrom": { "email": ada.address }, "rcptTo": [{ "email": bob.address }] });
        let placed = json!({ "keywords/$draft": null, "keywords/$seen": true,
            (format!("mailboxIds/{sent}")): true, (format!("mailboxIds/{drafts}")): null });
        let answers = user
            .calls(json!([["EmailSubmission/set", {
                "accountId": user.account,
                "create": { "s": { "emailId": email, "identityId": identity, "envelope": envelope } },
                "onSuccessUpdateEmail": { "#s": placed },
            }, "s"]]))
            .await;
        let made = &answers[0][1]["created"]["s"];
        assert_eq!(made["undoStatus"], "pending", "{answers:?}");
        assert_eq!(answers[1][0], "Email/set", "{answers:?}");
        assert_eq!((&answers[1][2], &answers[1][1]["updated"]), (&json!("s"), &json!({ (&email): null })));
        let got =
            user.call("Email/get", json!({ "ids": [email], "properties": ["mailboxIds", "keywords"] })).await;
        assert_eq!(got["list"][0]["mailboxIds"], json!({ (&sent): true }));
        assert_eq!(got["list"][0]["keywords"], json!({ "$seen": true }));

        let id = made["id"].as_str().unwrap();
        let waiting = user.submission(id).await;
        assert_eq!(waiting["deliveryStatus"][&bob.address]["delivered"], "queued", "{waiting}");
        let texts = carry(&world, bob).await;
        assert_eq!(texts.len(), 1);
        assert!(texts[0].contains("It stands.") && !texts[0].contains("hidden@"), "{texts:?}");
        let inbox = world.mailbox(bob, Role::Inbox).await;
        let view = world.mail.view(&world.ctx(), bob.account, inbox.id).await.unwrap();
        assert_eq!(view.iter().count(), 1);
        let settled = user.submission(id).await;
        assert_eq!(settled["undoStatus"], "final", "{settled}");
        let status = &settled["deliveryStatus"][&bob.address];
        assert_eq!((&status["delivered"], &status["smtpReply"]), (&json!("yes"), &json!("2.1.5 delivered")));

        let late =
            user.call("EmailSubmission/set", json!({ "update": { id: { "undoStatus": "canceled" } } })).await;
        assert_eq!(late["notUpdated"][id]["type"], "cannotUnsend", "{late}");
        let found = user.call("EmailSubmission/query", json!({ "filter": { "emailIds": [email] } })).await;
        assert_eq!(found["ids"], json!([id]));
        let found =
            user.call("EmailSubmission/query", json!({ "filter": { "undoStatus": "pending" } })).await;
        assert_eq!(found["ids"], json!([]));
        let changes = user.call("EmailSubmission/changes", json!({ "sinceState": before })).await;
        assert_eq!((&changes["created"], &changes["updated"]), (&json!([id]), &json!([])), "{changes}");
        let gone = user.call("EmailSubmission/set", json!({ "destroy": [id] })).await;
        assert_eq!(gone["destroyed"], json!([id]));
        let changes =
            user.call("EmailSubmission/changes", json!({ "sinceState": changes["newState"] })).await;
        assert_eq!(changes["destroyed"], json!([id]), "{changes}");
        world.sound().await;
    });
}

#[test]
fn p08_a_held_submission_is_taken_back() {
    both(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let user = User::new(&world, ada).await;
        let (email, identity) = (user.draft(&ada.address, &bob.address).await, user.identity().await);
        let held = |seconds: &str| {
            json!({ "emailId": email, "identityId": identity, "envelope": {
                "mailFrom": { "email": ada.address, "parameters": { "HOLDFOR": seconds } },
                "rcptTo": [{ "email": bob.address }, { "email": "carol@there.test" }] } })
        };
        let error = user.refused(held("99999999")).await;
        assert_eq!(error["type"], "invalidProperties", "{error}");
        let done = user.call("EmailSubmission/set", json!({ "create": { "s": held("60") } })).await;
        let id = done["created"]["s"]["id"].as_str().unwrap_or_else(|| panic!("{done}"));
        assert!(carry(&world, bob).await.is_empty(), "it is held");
        assert_eq!(world.mail.queue().list(0, 10).await.unwrap().len(), 2);
        assert_eq!(user.submission(id).await["undoStatus"], "pending");
        let state = user.call("EmailSubmission/get", json!({ "ids": [] })).await["state"].clone();
        let undone =
            user.call("EmailSubmission/set", json!({ "update": { id: { "undoStatus": "canceled" } } })).await;
        assert_eq!(undone["updated"], json!({ id: null }), "{undone}");
        assert_eq!(world.mail.queue().list(0, 10).await.unwrap(), []);
        assert_eq!(user.submission(id).await["undoStatus"], "canceled");
        let changes = user.call("EmailSubmission/changes", json!({ "sinceState": state })).await;
        assert_eq!(changes["updated"], json!([id]), "{changes}");
        let other = User::new(&world, bob).await;
        let foreign = other
            .call("EmailSubmission/set", json!({ "update": { id: { "undoStatus": "canceled" } } }))
            .await;
        assert_eq!(foreign["notUpdated"][id]["type"], "notFound", "{foreign}");
        world.sound().await;
    });
}

#[test]
fn p08_identities_are_the_addresses_one_may_send_as() {
    embedded(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let account = ada.account;
        let ctx = world.ctx();
        let edit = world.directory.edit(&ctx, world.organisation, move |edit| {
            aliases::add(edit, account, "tower@bench.test", None, "")
        });
        edit.await.expect("an alias");
        let inbox = world.mailbox(bob, Role::Inbox).await;
        let owner = world.ctx_of(bob, Door::Jmap).await;
        let rights = Rights::parse("read post").expect("rights");
        world.mail.set_acl(&owner, bob.account, inbox.id, ada.account, rights).await.expect("a share");

        let user = User::new(&world, ada).await;
        let got = user.call("Identity/get", json!({})).await;
        let emails: Vec<&str> =
            got["list"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap()).collect();
        assert_eq!(emails, [ada.address.as_str(), "tower@bench.test", bob.address.as_str()]);
        assert!(got["list"].as_array().unwrap().iter().all(|one| one["mayDelete"] == false));
        let (first, state) = (got["list"][0]["id"].as_str().unwrap(), got["state"].clone());

        let done = user
            .call("Identity/set", json!({
                "create": {
                    "own": { "email": "u1@bench.test", "name": "Ada, at work", "replyTo": [{ "name": null, "email": "x@there.test" }] },
                    "foreign": { "email": "president@there.test" },
                },
                "update": { first: { "name": "Ada", "htmlSignature": "<b>Ada</b>" } },
                "destroy": [got["list"][1]["id"]],
            }))
            .await;
        assert_eq!(done["notCreated"]["foreign"]["type"], "forbiddenFrom", "{done}");
        assert_eq!(done["notDestroyed"][got["list"][1]["id"].as_str().unwrap()]["type"], "forbidden");
        let made = done["created"]["own"]["id"].as_str().unwrap_or_else(|| panic!("{done}"));
        let now = user.call("Identity/get", json!({ "ids": [first, made] })).await;
        assert_eq!(
            (&now["list"][0]["name"], &now["list"][0]["htmlSignature"]),
            (&json!("Ada"), &json!("<b>Ada</b>"))
        );
        assert_eq!(now["list"][1]["replyTo"], json!([{ "name": null, "email": "x@there.test" }]));
        assert_eq!(now["list"][1]["mayDelete"], true);
        let changes = user.call("Identity/changes", json!({ "sinceState": state })).await;
        assert_eq!(
            (&changes["created"], &changes["updated"]),
            (&json!([made]), &json!([first])),
            "{changes}"
        );
        let fixed =
            user.call("Identity/set", json!({ "update": { first: { "email": "y@bench.test" } } })).await;
        assert_eq!(fixed["notUpdated"][first]["type"], "invalidProperties", "{fixed}");
        let gone = user.call("Identity/set", json!({ "destroy": [made] })).await;
        assert_eq!(gone["destroyed"], json!([made]));
    });
}

#[test]
fn p08_a_foreign_sender_is_refused() {
    embedded(2, |world| async move {
        let (ada, bob) = (&world.people[0], &world.people[1]);
        let user = User::new(&world, ada).await;
        let identity = user.identity().await;
        let own = user.draft(&ada.address, &bob.address).await;
        let foreign = user.draft(&bob.address, &ada.address).await;
        let with = |email: &str, from: &str, to: Value| {
            json!({ "emailId": email, "identityId": identity,
                "envelope": { "mailFrom": { "email": from }, "rcptTo": to } })
        };
        let to_bob = json!([{ "email": bob.address }]);
        let cases = [
            (with(&own, &bob.address, to_bob.clone()), "forbiddenMailFrom"),
            (with(&own, "ada@there.test", to_bob.clone()), "forbiddenMailFrom"),
            (with(&foreign, &ada.address, to_bob.clone()), "forbiddenFrom"),
            (with(&own, &ada.address, json!([])), "noRecipients"),
            (with(&own, &ada.address, json!([{ "email": "nobody@bench.test" }])), "invalidRecipients"),
            (with(&own, &ada.address, json!([{ "email": "not an address" }])), "invalidRecipients"),
            (with("M999", &ada.address, to_bob.clone()), "invalidProperties"),
            (json!({ "emailId": own, "identityId": "I1" }), "invalidProperties"),
        ];
        for (object, kind) in cases {
            let error = user.refused(object.clone()).await;
            assert_eq!(error["type"], kind, "{object}: {error}");
        }
        assert_eq!(world.mail.queue().list(0, 10).await.unwrap(), []);
        // Without an envelope the header says it, hidden recipients too.
        let object = json!({ "emailId": own, "identityId": identity });
        let done = user.call("EmailSubmission/set", json!({ "create": { "s": object } })).await;
        let made = &done["created"]["s"];
        assert_eq!(made["envelope"]["mailFrom"]["email"], ada.address, "{done}");
        let queued = world.mail.queue().list(0, 10).await.unwrap();
        let to: Vec<&str> = queued.iter().map(|row| row.address.as_str()).collect();
        assert_eq!(to, [bob.address.as_str(), "hidden@there.test"]);
        let session = user.jmap.session(&user.client).await.expect("a session");
        let capability = &session["accounts"][&user.account]["accountCapabilities"][SUBMISSION];
        assert_eq!(capability["maxDelayedSend"], 2_592_000, "{session}");
    });
}

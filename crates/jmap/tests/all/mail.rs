//! Mail by JMAP (RFC 8621), from outside.

use jmap::{Client, Jmap};
use serde_json::{Value, json};
use testkit::mail::{Person, World, both, embedded};

struct User {
    jmap: Jmap,
    client: Client,
    account: String,
}

impl User {
    async fn new(world: &World, person: &Person) -> Self {
        let client = Client {
            ctx: world.ctx_of(person, base::Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        let account = format!("a{}", person.account.0);
        Self { jmap: Jmap::new(world.mail.clone()), client, account }
    }

    async fn calls(&self, calls: Value) -> Vec<Value> {
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
        let request = json!({ "using": using, "methodCalls": calls });
        let answer =
            self.jmap.request(&self.client, request.to_string().as_bytes()).await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["methodResponses"].as_array().expect("responses").clone()
    }

    async fn call(&self, method: &str, mut arguments: Value) -> Value {
        arguments["accountId"] = json!(self.account);
        let answers = self.calls(json!([[method, arguments, "c"]])).await;
        assert_eq!(answers[0][0], method, "{}", answers[0]);
        answers[0][1].clone()
    }

    async fn error(&self, method: &str, mut arguments: Value) -> String {
        arguments["accountId"] = json!(self.account);
        let answers = self.calls(json!([[method, arguments, "c"]])).await;
        assert_eq!(answers[0][0], "error", "{}", answers[0]);
        answers[0][1]["type"].as_str().expect("a type").to_owned()
    }

    async fn mailbox(&self, role: &str) -> String {
        let found = self.call("Mailbox/query", json!({"filter": {"role": role}})).await;
        found["ids"][0].as_str().expect("a mailbox").to_owned()
    }

    async fn create(&self, object: Value) -> Value {
        let done = self.call("Email/set", json!({"create": {"e": object}})).await;
        assert_eq!(done["notCreated"], Value::Null, "{done}");
        done["created"]["e"].clone()
    }
}

#[test]
fn p08_an_email_is_made_read_moved_and_removed() {
    both(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let (inbox, drafts) = (user.mailbox("inbox").await, user.mailbox("drafts").await);
        let made = user
            .create(json!({
                "mailboxIds": {(&drafts): true}, "keywords": {"$draft": true, "Blue": true},
                "from": [{"name": "Joe Bloggs", "email": "joe@example.com"}],
                "to": [{"name": "Zoé", "email": "zoe@example.com"}],
                "subject": "World domination – été", "receivedAt": "2018-07-10T01:03:11Z",
                "header:X-Own:asText": "mine",
                "bodyValues": {"t": {"value": "I have the most brilliant plan.\nTell you."}, "h": {"value": "<p>I have <b>it</b></p>"}},
                "textBody": [{"partId": "t", "type": "text/plain"}], "htmlBody": [{"partId": "h", "type": "text/html"}],
            }))
            .await;
        let id = made["id"].as_str().unwrap();
        let got = user
            .call("Email/get", json!({"ids": [id, "M999"], "fetchAllBodyValues": true, "properties": [
                "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "from", "to", "subject",
                "sentAt", "preview", "hasAttachment", "textBody", "htmlBody", "attachments", "bodyValues", "bodyStructure",
                "header:X-Own:asText", "header:x-own", "safeHtml"]}))
            .await;
        assert_eq!(got["notFound"], json!(["M999"]));
        let email = &got["list"][0];
        assert_eq!(email["mailboxIds"], json!({(&drafts): true}));
        assert_eq!(email["keywords"], json!({"$draft": true, "blue": true}));
        assert_eq!(
            (&email["blobId"], &email["threadId"], &email["size"]),
            (&made["blobId"], &made["threadId"], &made["size"])
        );
        assert_eq!(email["receivedAt"], "2018-07-10T01:03:11Z");
        assert_eq!(email["from"], json!([{"name": "Joe Bloggs", "email": "joe@example.com"}]));
        assert_eq!(
            (&email["subject"], &email["to"][0]["name"]),
            (&json!("World domination – été"), &json!("Zoé"))
        );
        assert_eq!(
            (&email["header:X-Own:asText"], &email["header:x-own"]),
            (&json!("mine"), &json!(" mine"))
        );
        assert_eq!(email["bodyStructure"]["type"], "multipart/alternative");
        let text = email["textBody"][0]["partId"].as_str().unwrap();
        assert_eq!(email["bodyValues"][text]["value"], "I have the most brilliant plan.\nTell you.");
        let html = email["htmlBody"][0]["partId"].as_str().unwrap();
        assert_eq!(email["safeHtml"][html]["html"], "<p>I have <b>it</b></p>");
        assert_eq!((&email["attachments"], &email["hasAttachment"]), (&json!([]), &json!(false)));

        let state = got["state"].as_str().unwrap();
        let done = user
            .call("Email/set", json!({"ifInState": state, "update": {(id): {"keywords/$seen": true, "keywords/blue": null, (format!("mailboxIds/{inbox}")): true}}}))
            .await;
        assert_eq!(done["updated"], json!({(id): null}), "{done}");
        let got =
            user.call("Email/get", json!({"ids": [id], "properties": ["mailboxIds", "keywords"]})).await;
        assert_eq!(got["list"][0]["mailboxIds"], json!({(&drafts): true, (&inbox): true}));
        assert_eq!(got["list"][0]["keywords"], json!({"$draft": true, "$seen": true}));
        let changes = user.call("Email/changes", json!({"sinceState": state})).await;
        assert_eq!(
            (&changes["created"], &changes["updated"], &changes["destroyed"]),
            (&json!([]), &json!([id]), &json!([]))
        );
        let done = user
            .call(
                "Email/set",
                json!({"update": {(id): {"mailboxIds": {}}, "M5": {"keywords": {}}}, "destroy": ["M6"]}),
            )
            .await;
        assert_eq!(done["notUpdated"][id]["type"], "invalidProperties");
        assert_eq!(done["notUpdated"]["M5"]["type"], "notFound");
        assert_eq!(done["notDestroyed"]["M6"]["type"], "notFound");
        let done = user.call("Email/set", json!({"destroy": [id]})).await;
        assert_eq!(done["destroyed"], json!([id]));
        let changes = user.call("Email/changes", json!({"sinceState": state})).await;
        assert_eq!(changes["destroyed"], json!([id]));
        let threads = user.call("Thread/get", json!({"ids": [made["threadId"]]})).await;
        assert_eq!(threads["notFound"], json!([made["threadId"]]));
        world.sound().await;
    });
}

#[test]
fn p08_queries_filter_sort_collapse_and_tell_changes() {
    both(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let inbox = user.mailbox("inbox").await;
        let mut ids = Vec::new();
        for (number, (subject, from)) in
            [("Alpha", "c@x"), ("Re: Alpha", "b@x"), ("Beta été", "a@x")].into_iter().enumerate()
        {
            let made = user
                .create(json!({
                    "mailboxIds": {(&inbox): true}, "subject": subject, "from": [{"email": from}],
                    "receivedAt": format!("2020-01-0{}T00:00:00Z", number + 1),
                    "messageId": [format!("m{number}@x")], "inReplyTo": if number == 1 { json!(["m0@x"]) } else { json!(null) },
                    "bodyValues": {"t": {"value": format!("text number{number}")}}, "textBody": [{"partId": "t"}],
                }))
                .await;
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        let find = async |filter: Value| {
            user.call(
                "Email/query",
                json!({"filter": filter, "sort": [{"property": "receivedAt", "isAscending": true}]}),
            )
            .await["ids"]
                .clone()
        };
        assert_eq!(find(json!({"inMailbox": inbox})).await, json!(ids));
        assert_eq!(find(json!({"subject": "ete"})).await, json!([ids[2]]));
        assert_eq!(find(json!({"text": "\"text number1\""})).await, json!([ids[1]]));
        assert_eq!(find(json!({"body": "number2"})).await, json!([ids[2]]));
        assert_eq!(find(json!({"from": "b@x"})).await, json!([ids[1]]));
        assert_eq!(
            find(json!({"after": "2020-01-02T00:00:00Z", "before": "2020-01-03T00:00:00Z"})).await,
            json!([ids[1]])
        );
        assert_eq!(
            find(json!({"operator": "NOT", "conditions": [{"subject": "alpha"}, {"from": "nobody"}]})).await,
            json!([ids[2]])
        );
        assert_eq!(
            find(json!({"operator": "OR", "conditions": [{"subject": "beta"}, {"from": "c@x"}]})).await,
            json!([ids[0], ids[2]])
        );
        assert_eq!(find(json!({"header": ["In-Reply-To"]})).await, json!([ids[1]]));
        assert_eq!(find(json!({"hasAttachment": true})).await, json!([]));
        assert_eq!(find(json!({"inMailboxOtherThan": [inbox]})).await, json!([]));
        user.call("Email/set", json!({"update": {(&ids[0]): {"keywords/$flagged": true}}})).await;
        assert_eq!(find(json!({"someInThreadHaveKeyword": "$flagged"})).await, json!([ids[0], ids[1]]));
        assert_eq!(find(json!({"allInThreadHaveKeyword": "$flagged"})).await, json!([]));
        assert_eq!(find(json!({"noneInThreadHaveKeyword": "$flagged"})).await, json!([ids[2]]));
        let by =
            user.call("Email/query", json!({"sort": [{"property": "from"}], "calculateTotal": true})).await;
        assert_eq!((&by["ids"], &by["total"]), (&json!([ids[2], ids[1], ids[0]]), &json!(3)));
        let by = user.call("Email/query", json!({"sort": [{"property": "hasKeyword", "keyword": "$flagged", "isAscending": false}, {"property": "receivedAt", "isAscending": false}]})).await;
        assert_eq!(by["ids"], json!([ids[0], ids[2], ids[1]]));
        let collapsed = user
            .call("Email/query", json!({"filter": {"inMailbox": inbox}, "sort": [{"property": "receivedAt", "isAscending": false}], "collapseThreads": true}))
            .await;
        assert_eq!(collapsed["ids"], json!([ids[2], ids[1]]));
        let anchored = user
            .call("Email/query", json!({"sort": [{"property": "receivedAt"}], "anchor": ids[1], "anchorOffset": -1, "limit": 2}))
            .await;
        assert_eq!((&anchored["position"], &anchored["ids"]), (&json!(0), &json!([ids[0], ids[1]])));
        assert_eq!(user.error("Email/query", json!({"anchor": "M77"})).await, "anchorNotFound");
        assert_eq!(user.error("Email/query", json!({"filter": {"nothing": 1}})).await, "unsupportedFilter");
        assert_eq!(
            user.error("Email/query", json!({"sort": [{"property": "nothing"}]})).await,
            "unsupportedSort"
        );
        user.call(
            "Email/set",
            json!({"destroy": [ids[2]], "update": {(&ids[0]): {"keywords/$flagged": null}}}),
        )
        .await;
        let changes = user
            .call("Email/queryChanges", json!({"filter": {"inMailbox": inbox}, "sort": [{"property": "receivedAt", "isAscending": false}], "sinceQueryState": collapsed["queryState"]}))
            .await;
        let mut removed: Vec<&str> =
            changes["removed"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        removed.sort_unstable();
        assert_eq!(removed, [ids[0].as_str(), ids[2].as_str()]);
        assert_eq!(changes["added"], json!([{"id": ids[0], "index": 1}]));
        let snippet = user
            .call("SearchSnippet/get", json!({"filter": {"text": "number0"}, "emailIds": [ids[0]]}))
            .await;
        assert_eq!(snippet["list"][0]["preview"], "text <mark>number0</mark>");
    });
}

#[test]
fn p08_every_page_of_a_list_is_a_part_of_the_whole() {
    both(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let inbox = user.mailbox("inbox").await;
        // Out of order, and two of them at one moment.
        for (number, day) in [7, 2, 9, 2, 5, 1, 8].into_iter().enumerate() {
            let text = "x".repeat(number * 3 % 7);
            user.create(json!({
                "mailboxIds": {(&inbox): true}, "receivedAt": format!("2020-01-0{day}T00:00:00Z"),
                "bodyValues": {"t": {"value": text}}, "textBody": [{"partId": "t"}],
            }))
            .await;
        }
        let list = async |property: &str, ascending: bool, position: i64, limit: u32| {
            let sort = json!([{"property": property, "isAscending": ascending}]);
            let page =
                json!({"filter": {"inMailbox": inbox}, "sort": sort, "position": position, "limit": limit});
            let ids = user.call("Email/query", page).await["ids"].clone();
            serde_json::from_value::<Vec<String>>(ids).unwrap()
        };
        for (property, ascending) in
            [("receivedAt", true), ("receivedAt", false), ("size", true), ("size", false)]
        {
            let sort = json!([{"property": property, "isAscending": ascending}]);
            let whole = json!({"filter": {"inMailbox": inbox}, "sort": sort});
            let ids = user.call("Email/query", whole).await["ids"].clone();
            let all: Vec<String> = serde_json::from_value(ids).unwrap();
            let get = json!({"ids": all, "properties": [property]});
            let found = user.call("Email/get", get).await["list"].as_array().unwrap().clone();
            let value =
                |id: &String| found.iter().find(|one| one["id"] == *id).unwrap()[property].to_string();
            let mut values: Vec<(usize, String)> =
                all.iter().map(|id| (value(id).len(), value(id))).collect();
            if !ascending {
                values.reverse();
            }
            assert!(values.is_sorted(), "{values:?}");
            for (start, limit) in [(0_u32, 1), (0, 7), (2, 3), (5, 9), (6, 1), (3, 0), (7, 2)] {
                let end = ((start + limit) as usize).min(all.len());
                let page = list(property, ascending, start.into(), limit).await;
                assert_eq!(page, all[start as usize..end], "{property} {ascending} {start} {limit}");
            }
            assert_eq!(list(property, ascending, -2, 1).await, all[5..6]);
        }
    });
}

#[test]
fn p08_mailboxes_are_made_counted_changed_and_removed() {
    embedded(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let inbox = user.mailbox("inbox").await;
        let before = user.call("Mailbox/get", json!({"ids": null})).await;
        assert!(before["list"].as_array().unwrap().len() >= 6);
        let done = user
            .call(
                "Mailbox/set",
                json!({"create": {
                "b": {"name": "Below", "parentId": "#a"}, "a": {"name": "Above", "sortOrder": 7},
                "c": {"name": "Inbox", "role": "inbox"}, "d": {"name": ""}}}),
            )
            .await;
        let (above, below) =
            (done["created"]["a"]["id"].as_str().unwrap(), done["created"]["b"]["id"].as_str().unwrap());
        assert_eq!(done["notCreated"]["c"]["type"], "alreadyExists");
        assert_eq!(done["notCreated"]["d"]["properties"], json!(["name"]));
        let got = user.call("Mailbox/get", json!({"ids": [above, below]})).await;
        assert_eq!((&got["list"][0]["sortOrder"], &got["list"][1]["parentId"]), (&json!(7), &json!(above)));
        let state = got["state"].clone();
        let email = user.create(json!({"mailboxIds": {(below): true, (&inbox): true}, "subject": "x"})).await;
        let draft = user
            .create(json!({"mailboxIds": {(below): true}, "keywords": {"$draft": true}, "subject": "y"}))
            .await;
        let got = user.call("Mailbox/get", json!({"ids": [below], "properties": ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]})).await;
        assert_eq!(
            got["list"][0],
            json!({"id": below, "totalEmails": 2, "unreadEmails": 1, "totalThreads": 2, "unreadThreads": 1})
        );
        let changes = user.call("Mailbox/changes", json!({"sinceState": state})).await;
        assert_eq!(
            changes["updatedProperties"],
            json!(["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"])
        );
        let done = user.call("Mailbox/set", json!({"destroy": [above, inbox]})).await;
        assert_eq!(done["notDestroyed"][above]["type"], "mailboxHasChild");
        let done = user.call("Mailbox/set", json!({"destroy": [below]})).await;
        assert_eq!(done["notDestroyed"][below]["type"], "mailboxHasEmail");
        let done = user.call("Mailbox/set", json!({"update": {(below): {"name": "New", "isSubscribed": false}}, "destroy": [above, below], "onDestroyRemoveEmails": true})).await;
        assert_eq!(
            (&done["destroyed"], &done["notDestroyed"]),
            (&json!([below, above]), &json!(null)),
            "{done}"
        );
        let got = user
            .call("Email/get", json!({"ids": [email["id"], draft["id"]], "properties": ["mailboxIds"]}))
            .await;
        assert_eq!(
            (&got["list"][0]["mailboxIds"], &got["notFound"]),
            (&json!({(&inbox): true}), &json!([draft["id"]]))
        );
        let tree = user.call("Mailbox/query", json!({"sortAsTree": true, "filterAsTree": true, "filter": {"hasAnyRole": true}, "sort": [{"property": "name"}]})).await;
        assert_eq!(tree["ids"].as_array().unwrap().len(), 6);
    });
}

#[test]
fn p08_queries_of_mailboxes_tell_their_changes() {
    both(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let sort = json!([{"property": "name"}]);
        let query = |tree: bool| json!({"sort": sort, "sortAsTree": tree});
        let since = |state: &Value, tree: bool| json!({"sort": sort, "sortAsTree": tree, "sinceQueryState": state, "calculateTotal": true});
        let before = user.call("Mailbox/query", query(false)).await;
        assert_eq!(before["canCalculateChanges"], true);
        let none = user.call("Mailbox/queryChanges", since(&before["queryState"], false)).await;
        assert_eq!((&none["removed"], &none["added"]), (&json!([]), &json!([])), "{none}");
        let made = user.call("Mailbox/set", json!({"create": {"m": {"name": "Mmm"}}})).await;
        let id = made["created"]["m"]["id"].clone();
        let now = user.call("Mailbox/query", query(false)).await;
        let place = now["ids"].as_array().unwrap().iter().position(|one| *one == id).unwrap();
        let changes = user.call("Mailbox/queryChanges", since(&before["queryState"], false)).await;
        assert_eq!(changes["added"], json!([{"id": id, "index": place}]));
        assert_eq!(changes["newQueryState"], now["queryState"]);
        // What changes only its counts keeps its place.
        user.create(json!({"mailboxIds": {id.as_str().unwrap(): true}, "subject": "x"})).await;
        let counted = user.call("Mailbox/queryChanges", since(&now["queryState"], false)).await;
        assert_eq!((&counted["removed"], &counted["added"]), (&json!([]), &json!([])), "{counted}");
        let renamed = json!({"update": {id.as_str().unwrap(): {"name": "Zzz"}}});
        user.call("Mailbox/set", renamed).await;
        let changes = user.call("Mailbox/queryChanges", since(&now["queryState"], false)).await;
        let last = changes["total"].as_u64().unwrap() - 1;
        assert_eq!(changes["removed"], json!([id]));
        assert_eq!(changes["added"], json!([{"id": id, "index": last}]));
        let tree = user.call("Mailbox/queryChanges", since(&now["queryState"], true)).await;
        assert_eq!(tree["added"].as_array().unwrap().len() as u64, last + 1);
        let known = user.call("Mailbox/query", query(false)).await;
        user.call("Mailbox/set", json!({"destroy": [id], "onDestroyRemoveEmails": true})).await;
        let changes = user.call("Mailbox/queryChanges", since(&known["queryState"], false)).await;
        assert_eq!((&changes["removed"], &changes["added"]), (&json!([id]), &json!([])));
        let later = json!({"sort": sort, "sinceQueryState": "999999"});
        assert_eq!(user.error("Mailbox/queryChanges", later).await, "cannotCalculateChanges");
        user.call("Mailbox/set", json!({"create": {"m": {"name": "Twice"}}})).await;
        let twice = user.call("Mailbox/set", json!({"create": {"m": {"name": "Twice"}}})).await;
        assert_eq!(twice["notCreated"]["m"]["type"], "alreadyExists");
    });
}

#[test]
fn r09_compositions_that_break_a_rule_are_refused() {
    embedded(1, |world| async move {
        let user = User::new(&world, &world.people[0]).await;
        let inbox = user.mailbox("inbox").await;
        let wrong = [
            (json!({"mailboxIds": {}}), "invalidProperties"),
            (json!({"mailboxIds": {"F999": true}}), "invalidProperties"),
            (json!({"keywords": {"a b": true}}), "invalidProperties"),
            (json!({"keywords": {"a": false}}), "invalidProperties"),
            (json!({"headers": [{"name": "X", "value": "y"}]}), "invalidProperties"),
            (json!({"header:X": " a\r\nBcc: b@c"}), "invalidProperties"),
            (json!({"subject": "a\r\nBcc: b@c"}), "invalidProperties"),
            (json!({"from": [{"email": "a@b>\r\nBcc: <c@d"}]}), "invalidProperties"),
            (json!({"from": [{"email": "a@b"}], "header:From": " c@d"}), "invalidProperties"),
            (json!({"header:Content-Type": " text/plain"}), "invalidProperties"),
            (json!({"textBody": [{"partId": "none"}]}), "invalidProperties"),
            (
                json!({"textBody": [{"partId": "a"}, {"partId": "a"}], "bodyValues": {"a": {"value": ""}}}),
                "invalidProperties",
            ),
            (
                json!({"textBody": [{"partId": "a", "type": "text/html"}], "bodyValues": {"a": {"value": ""}}}),
                "invalidProperties",
            ),
            (
                json!({"textBody": [{"partId": "a", "charset": "x"}], "bodyValues": {"a": {"value": ""}}}),
                "invalidProperties",
            ),
            (
                json!({"textBody": [{"partId": "a"}], "bodyValues": {"a": {"value": "", "isTruncated": true}}}),
                "invalidProperties",
            ),
            (
                json!({"bodyStructure": {"partId": "a", "header:Content-Transfer-Encoding": " 8bit"}, "bodyValues": {"a": {"value": ""}}}),
                "invalidProperties",
            ),
            (
                json!({"bodyStructure": {"partId": "a"}, "textBody": [], "bodyValues": {"a": {"value": ""}}}),
                "invalidProperties",
            ),
            (json!({"attachments": [{"blobId": "Bnone", "type": "image/png"}]}), "blobNotFound"),
            (json!({"attachments": [{"type": "image/png"}]}), "invalidProperties"),
        ];
        for (part, kind) in wrong {
            let mut object = json!({"mailboxIds": {(&inbox): true}});
            object.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            let done = user.call("Email/set", json!({"create": {"e": object}})).await;
            assert_eq!(done["notCreated"]["e"]["type"], kind, "{part}: {done}");
        }
        assert_eq!(
            user.error("Email/get", json!({"ids": [], "properties": ["header:From:asDate"]})).await,
            "invalidArguments"
        );
        assert_eq!(
            user.error("Email/get", json!({"ids": [], "bodyProperties": ["nothing"]})).await,
            "invalidArguments"
        );
        assert_eq!(
            user.error("Email/changes", json!({"sinceState": "999999"})).await,
            "cannotCalculateChanges"
        );
        assert_eq!(user.error("Email/changes", json!({"sinceState": "x"})).await, "cannotCalculateChanges");
    });
}

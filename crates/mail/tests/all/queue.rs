//! The rows of the queue, on both engines: what is claimed when, what is told to whom, what a sweep keeps.

use base::{Ctx, OrganisationId};
use bytes::Bytes;
use mail::queue::{
    Body, Claimed, Lease, NewMessage, NewRecipient, Notify, Outcome, PART, Queue, REFERENCE, Reply, Reporter,
    ReturnText, Verdict,
};
use mail_parser::MimeHeaders;
use store::{BLOBS, BlobBackend, BlobOptions, Blobs};
use testkit::engines::{Engine, both};

const HERE: OrganisationId = OrganisationId(1);
const TEXT: &str = "From: ada@here.test\r\nTo: bob@there.test\r\nSubject: Hello\r\n\r\nHow are you?\r\n";
const HOUR_MS: i64 = 3_600_000;

struct World {
    engine: Engine,
    queue: Queue,
    blobs: Blobs,
    ctx: Ctx,
    lease: Lease,
    reporter: Reporter,
}

impl World {
    async fn new(engine: Engine) -> Self {
        let ctx = engine.ctx();
        let backend = BlobBackend::Disk { path: engine.folder.path().join("blobs") };
        let options =
            BlobOptions::new(backend, engine.clock.clone(), engine.random.clone(), ctx.limits.clone());
        let blobs = Blobs::open(engine.store.clone(), options).await.unwrap();
        let queue = Queue::new(&engine.store);
        let lease = Lease { node: "one".to_owned(), lasts_ms: 60_000 };
        let reporter = Reporter { hostname: "mx.here.test".to_owned() };
        Self { engine, queue, blobs, ctx, lease, reporter }
    }

    async fn put(&self, text: &str) -> Body {
        Body::Put(self.blobs.put(HERE, Bytes::from(text.to_owned())).await.unwrap())
    }

    async fn enqueue(&self, new: NewMessage) -> i64 {
        let (queue, ctx) = (self.queue.clone(), self.ctx.clone());
        self.engine.store.write([], move |tx| queue.enqueue(tx, &ctx, &new)).await.unwrap()
    }

    async fn mail_to(&self, recipients: &[&str]) -> i64 {
        let recipients: Vec<_> = recipients.iter().map(|address| NewRecipient::new(*address)).collect();
        self.enqueue(NewMessage::new(HERE, self.put(TEXT).await, "ada@here.test", recipients)).await
    }

    async fn claim(&self, route: &str) -> Vec<Claimed> {
        self.queue.claim(&self.ctx, route, 100, &self.lease).await.unwrap()
    }

    async fn settle(&self, claimed: &Claimed, verdict: Verdict, reply: Reply) {
        let outcomes = claimed.recipients.iter().map(|recipient| Outcome {
            number: recipient.number,
            verdict,
            reply: reply.clone(),
            is_final: true,
        });
        let outcomes = outcomes.collect();
        let by = (&self.lease, &self.reporter);
        self.queue.settle(&self.ctx, &self.blobs, claimed, outcomes, by).await.unwrap();
    }

    /// The one message that waits for a destination, as text.
    async fn text_for(&self, route: &str) -> (Claimed, String) {
        let mut claimed = self.claim(route).await;
        assert_eq!(claimed.len(), 1, "{route}");
        let one = claimed.remove(0);
        let bytes = self.blobs.read(HERE, one.message.hash, None).await.unwrap();
        (one, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn routes(&self) -> Vec<String> {
        let due = self.queue.due("", 100).await.unwrap();
        due.routes.into_iter().map(|due| due.route).collect()
    }
}

fn refused() -> Reply {
    Reply {
        code: Some(550),
        enhanced: "5.1.1".into(),
        text: "no such user".into(),
        from: Some("mx.there.test".into()),
    }
}

#[test]
fn p04_a_recipient_is_claimed_once_and_by_destination() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        world.mail_to(&["bob@there.test", "eve@there.test", "zoe@Else.test"]).await;
        assert_eq!(world.routes().await, ["else.test", "there.test"]);
        let claimed = world.claim("there.test").await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].recipients.len(), 2);
        assert_eq!(claimed[0].recipients[0].attempt, 1);
        assert!(world.claim("there.test").await.is_empty(), "claimed already");
        assert_eq!(world.routes().await, ["else.test"]);
        world.settle(&claimed[0], Verdict::Delivered, Reply::default()).await;
        let (_, left) = world.queue.show(claimed[0].message.id).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].address, "zoe@Else.test");
        let last = world.claim("else.test").await;
        world.settle(&last[0], Verdict::Delivered, Reply::default()).await;
        assert!(world.queue.show(last[0].message.id).await.is_err(), "the last recipient takes it along");
    });
}

#[test]
fn p04_what_is_deferred_waits_longer_each_time() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        world.mail_to(&["bob@there.test"]).await;
        let mut waits = Vec::new();
        for _ in 0..4 {
            let claimed = world.claim("there.test").await;
            world.settle(&claimed[0], Verdict::Deferred, Reply::local("4.4.1", "does not answer")).await;
            assert!(world.claim("there.test").await.is_empty(), "it waits");
            let next = world.queue.due("", 10).await.unwrap().routes[0].next_at;
            waits.push(next - world.engine.clock.now_ms());
            world.engine.clock.advance_ms(next - world.engine.clock.now_ms());
        }
        assert!(waits.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{waits:?}");
        let (_, rows) = world.queue.show(world.queue.list(0, 1).await.unwrap()[0].id).await.unwrap();
        assert_eq!(rows[0].last_reply.as_deref(), Some("4.4.1 does not answer"));
    });
}

#[test]
fn p04_a_bounce_reaches_the_sender_with_the_reason() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let recipient = NewRecipient {
            original: Some("rfc822;robert@there.test".into()),
            ..NewRecipient::new("bob@there.test")
        };
        let body = world.put(TEXT).await;
        let new = NewMessage::new(HERE, body, "ada@here.test", [recipient]);
        let full = NewMessage { return_text: ReturnText::Full, envelope_id: Some("Q+7".into()), ..new };
        world.enqueue(full).await;
        let claimed = world.claim("there.test").await;
        world.settle(&claimed[0], Verdict::Failed, refused()).await;
        let (report, text) = world.text_for("here.test").await;
        assert_eq!(report.message.sender, "", "nobody answers a report");
        assert_eq!(report.recipients[0].address, "ada@here.test");
        let parsed = mail_parser::MessageParser::default().parse(&text).unwrap();
        let kind = parsed.content_type().unwrap();
        assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
        assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
        for line in [
            "Original-Envelope-Id: Q+7\r\n",
            "Reporting-MTA: dns; mx.here.test\r\n",
            "Original-Recipient: rfc822; robert@there.test\r\n",
            "Final-Recipient: rfc822; bob@there.test\r\n",
            "Action: failed\r\n",
            "Status: 5.1.1\r\n",
            "Remote-MTA: dns; mx.there.test\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "How are you?",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    });
}

#[test]
fn p04_a_report_is_never_reported_on() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let body = world.put(TEXT).await;
        world.enqueue(NewMessage::new(HERE, body, "", [NewRecipient::new("bob@there.test")])).await;
        let claimed = world.claim("there.test").await;
        world.settle(&claimed[0], Verdict::Failed, refused()).await;
        assert!(world.routes().await.is_empty());
        assert!(world.queue.list(0, 10).await.unwrap().is_empty());
    });
}

#[test]
fn p04_a_sender_is_told_once_that_mail_is_late_and_then_that_it_failed() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        world.mail_to(&["bob@there.test"]).await;
        let silent = Reply::local("4.4.1", "does not answer");
        let mut told = Vec::new();
        for _ in 0..40 {
            world.engine.clock.advance_ms(4 * HOUR_MS + HOUR_MS / 2);
            let Some(claimed) = world.claim("there.test").await.into_iter().next() else { break };
            world.settle(&claimed, Verdict::Deferred, silent.clone()).await;
            if let Some(report) = world.claim("here.test").await.into_iter().next() {
                let bytes = world.blobs.read(HERE, report.message.hash, None).await.unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                told.push(if text.contains("Action: delayed") { "delayed" } else { "failed" });
                world.settle(&report, Verdict::Delivered, Reply::default()).await;
            }
        }
        assert_eq!(told, ["delayed", "failed"]);
        assert!(world.queue.list(0, 10).await.unwrap().is_empty());
    });
}

#[test]
fn p04_reports_follow_what_the_sender_asked_for() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        for (notify, verdict, expected) in [
            (Notify::NEVER, Verdict::Failed, None),
            (Notify::SUCCESS, Verdict::Failed, None),
            (Notify::SUCCESS, Verdict::Delivered, Some("Action: delivered")),
            (Notify::SUCCESS, Verdict::Relayed, Some("Action: relayed")),
            (Notify::DEFAULT, Verdict::Delivered, None),
            (Notify::FAILURE, Verdict::Failed, Some("Action: failed")),
        ] {
            let recipient = NewRecipient { notify, ..NewRecipient::new("bob@there.test") };
            let body = world.put(TEXT).await;
            world.enqueue(NewMessage::new(HERE, body, "ada@here.test", [recipient])).await;
            let claimed = world.claim("there.test").await;
            world.settle(&claimed[0], verdict, refused()).await;
            match expected {
                None => assert!(world.routes().await.is_empty(), "{notify:?} {verdict:?}"),
                Some(line) => {
                    let (report, text) = world.text_for("here.test").await;
                    assert!(text.contains(line), "{text}");
                    world.settle(&report, Verdict::Delivered, Reply::default()).await;
                }
            }
        }
    });
}

#[test]
fn p04_addresses_beyond_ascii_are_reported_as_they_are() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let body = world.put(TEXT).await;
        let to = NewRecipient::new("zoé@there.test");
        world.enqueue(NewMessage::new(HERE, body, "andré@here.test", [to])).await;
        let claimed = world.claim("there.test").await;
        assert!(claimed[0].message.needs_utf8);
        world.settle(&claimed[0], Verdict::Failed, refused()).await;
        let (report, text) = world.text_for("here.test").await;
        assert!(report.message.needs_utf8);
        for part in [
            "message/global-delivery-status",
            "message/global-headers",
            "To: <andré@here.test>\r\n",
            "Final-Recipient: utf-8; zoé@there.test\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    });
}

#[test]
fn p04_what_a_lost_node_had_taken_is_sent_by_another() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        world.mail_to(&["bob@there.test"]).await;
        let lost = world.claim("there.test").await;
        let other = Lease { node: "two".to_owned(), lasts_ms: 60_000 };
        assert_eq!(world.queue.take_back(&world.ctx, &other).await.unwrap(), 0, "its lease still runs");
        world.queue.extend(&world.ctx, vec![lost[0].message.id], &world.lease).await.unwrap();
        world.engine.clock.advance_ms(60_001);
        assert_eq!(world.queue.take_back(&world.ctx, &other).await.unwrap(), 1);
        let again = world.queue.claim(&world.ctx, "there.test", 10, &other).await.unwrap();
        assert_eq!(again[0].recipients[0].attempt, 2);
        let outcome = Outcome { number: 1, verdict: Verdict::Failed, reply: refused(), is_final: false };
        let late = world
            .queue
            .settle(&world.ctx, &world.blobs, &lost[0], vec![outcome], (&world.lease, &world.reporter))
            .await;
        assert!(late.is_err(), "who lost the lease has no say");
        assert!(world.routes().await.is_empty(), "and reports nothing");
    });
}

#[test]
fn p04_an_administrator_holds_flushes_pauses_and_removes() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let id = world.mail_to(&["bob@there.test"]).await;
        assert_eq!(world.queue.hold(&world.ctx, id, true).await.unwrap(), 1);
        assert!(world.claim("there.test").await.is_empty(), "it is held");
        assert_eq!(world.queue.hold(&world.ctx, id, false).await.unwrap(), 1);
        let claimed = world.claim("there.test").await;
        world.settle(&claimed[0], Verdict::Deferred, Reply::local("4.4.1", "no")).await;
        assert!(world.claim("there.test").await.is_empty(), "it waits");
        assert_eq!(world.queue.flush(&world.ctx, Some("there.test"), None).await.unwrap(), 1);
        assert_eq!(world.queue.due("", 10).await.unwrap().routes[0].next_at, world.ctx.now_ms());
        world.queue.pause(&world.ctx, "there.test", "moving").await.unwrap();
        assert_eq!(world.queue.due("", 10).await.unwrap().paused, ["there.test"]);
        assert_eq!(world.queue.pauses().await.unwrap()[0].reason, "moving");
        assert!(world.queue.resume("there.test").await.unwrap());
        assert!(!world.queue.resume("there.test").await.unwrap());
        let removed = world.queue.remove(id).await.unwrap();
        assert_eq!((removed.recipients, removed.in_flight), (1, 0));
        assert!(world.queue.remove(id).await.is_err());
    });
}

#[test]
fn p04_a_body_stays_as_long_as_it_is_queued() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        world.mail_to(&["bob@there.test"]).await;
        world.engine.clock.advance_ms(24 * HOUR_MS);
        assert_eq!(world.blobs.sweep(&[REFERENCE]).await.unwrap().bodies_removed, 0);
        let claimed = world.claim("there.test").await;
        world.settle(&claimed[0], Verdict::Delivered, Reply::default()).await;
        world.engine.clock.advance_ms(24 * HOUR_MS);
        assert_eq!(world.blobs.sweep(&[REFERENCE]).await.unwrap().bodies_removed, 1);
    });
}

#[test]
fn p03_mail_for_later_waits_for_its_time() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let body = world.put(TEXT).await;
        let to = NewRecipient::new("bob@there.test");
        let new = NewMessage::new(HERE, body, "ada@here.test", [to]);
        let later = NewMessage { hold_until: Some(world.ctx.now_ms() + HOUR_MS), ..new };
        world.enqueue(later).await;
        assert!(world.claim("there.test").await.is_empty());
        world.engine.clock.advance_ms(HOUR_MS);
        assert_eq!(world.claim("there.test").await.len(), 1);
    });
}

#[test]
fn p04_results_about_tls_are_counted_by_day() {
    both(&[BLOBS, PART], None, |engine| async move {
        let world = World::new(engine).await;
        let good = mail::queue::TlsResult {
            policy_type: "sts".into(),
            result: String::new(),
            host: String::new(),
            policy: "version: STSv1".into(),
        };
        for _ in 0..2 {
            let counts = vec![("there.test".to_owned(), good.clone(), 3)];
            world.queue.count_tls(&world.ctx, counts).await.unwrap();
        }
        assert!(world.queue.tls_days(&world.ctx, 10).await.unwrap().is_empty(), "the day is not over");
        world.engine.clock.advance_ms(24 * HOUR_MS);
        let days = world.queue.tls_days(&world.ctx, 10).await.unwrap();
        assert_eq!(days[0].results, [(good, 6)]);
        world.queue.tls_reported(days[0].day, "there.test").await.unwrap();
        assert!(world.queue.tls_days(&world.ctx, 10).await.unwrap().is_empty());
    });
}

//! Jobs as they run: once each, again after a failure, taken over from a node that went away.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base::{AccountId, Error, Result};
use serde::{Deserialize, Serialize};
use store::jobs::{Job, JobCtx, Jobs, NewJob, PART, Priority, Runner, Timing};
use store::{Store, params};
use testkit::engines::{Engine, both};

const QUICK: Timing = Timing { poll: Duration::from_millis(30), claim: Duration::from_secs(60) };

/// What the jobs of a test did.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<i64, Vec<i64>>>>);

impl Book {
    fn note(&self, number: i64, attempt: i64) {
        self.0.lock().unwrap().entry(number).or_default().push(attempt);
    }

    fn attempts(&self, number: i64) -> Vec<i64> {
        self.0.lock().unwrap().get(&number).cloned().unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum How {
    Well,
    Fail,
    Panic,
    Hang,
}

#[derive(Serialize, Deserialize)]
struct Count {
    number: i64,
    how: How,
}

impl Job for Count {
    type Context = Book;
    const QUEUE: &'static str = "count";
    const MAX_ATTEMPTS: Option<u64> = Some(3);
    const CONCURRENCY: usize = 16;

    async fn run(self, ctx: &JobCtx<Book>) -> Result<()> {
        ctx.context.note(self.number, ctx.attempt);
        match self.how {
            How::Well => Ok(()),
            How::Fail => Err(Error::unavailable("relay", "does not answer")),
            How::Panic => panic!("a mistake in a job"),
            How::Hang => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                Ok(())
            }
        }
    }
}

fn count(number: i64, how: How) -> NewJob {
    NewJob::new(&Count { number, how }).unwrap()
}

async fn ask(store: &Store, jobs: &Jobs, made: Vec<NewJob>) {
    let jobs = jobs.clone();
    store.write([], move |tx| made.iter().try_for_each(|job| jobs.enqueue(tx, job))).await.unwrap();
}

async fn start(jobs: &Jobs, book: &Book) -> Runner {
    jobs.runner().timing(QUICK).register::<Count>(book.clone()).start().await.unwrap()
}

async fn rows(store: &Store) -> i64 {
    store.read(|tx| tx.query_one("SELECT count(*) FROM job", [], |row| row.int(0))).await.unwrap()
}

/// Until what ran is settled: a clock that is moved before that lets the claim of a running job lapse.
async fn settled(store: &Store) {
    let running = "SELECT count(*) FROM job WHERE state = 'running'";
    let count = async || store.read(move |tx| tx.query_one(running, [], |row| row.int(0))).await.unwrap();
    until("what ran is settled", async || count().await == 0).await;
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_mins(3), "not within three minutes: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn jobs(engine: &Engine) -> Jobs {
    Jobs::new(&engine.store, &engine.ctx())
}

#[test]
fn ten_thousand_jobs_are_done_once_each() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        for thousand in 0..10 {
            let made = (0..1_000).map(|n| count(thousand * 1_000 + n, How::Well)).collect();
            ask(&engine.store, &jobs, made).await;
        }
        assert_eq!(rows(&engine.store).await, 10_000);
        let began = Instant::now();
        let runner = start(&jobs, &book).await;
        until("all are done", async || rows(&engine.store).await == 0).await;
        println!("10,000 jobs in {:?} on {}", began.elapsed(), engine.dialect().name());
        assert_eq!(book.len(), 10_000);
        assert!(book.0.lock().unwrap().values().all(|attempts| attempts == &[1]));
        let [counters] = runner.counters()[..] else { panic!("one queue") };
        assert_eq!((counters.finished, counters.failed, counters.lost), (10_000, 0, 0));
        runner.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn two_nodes_share_the_work_and_do_nothing_twice() {
    both(&[PART], None, |engine| async move {
        let second = engine.second().await;
        let (one, two) = (jobs(&engine), Jobs::new(&second, &engine.ctx()));
        let (book_one, book_two) = (Book::default(), Book::default());
        let runners = [start(&one, &book_one).await, start(&two, &book_two).await];
        for hundred in 0..20 {
            let made = (0..100).map(|n| count(hundred * 100 + n, How::Well)).collect();
            let asker = if hundred % 2 == 0 { (&engine.store, &one) } else { (&second, &two) };
            ask(asker.0, asker.1, made).await;
        }
        until("all are done", async || rows(&engine.store).await == 0).await;
        let mut times: HashMap<i64, usize> = HashMap::new();
        for book in [&book_one, &book_two] {
            for (number, attempts) in book.0.lock().unwrap().iter() {
                *times.entry(*number).or_default() += attempts.len();
            }
        }
        assert_eq!(times.len(), 2_000);
        assert!(times.values().all(|&n| n == 1));
        println!("shared {} and {}", book_one.len(), book_two.len());
        assert!(book_one.len() > 100 && book_two.len() > 100);
        for runner in runners {
            runner.stop(Duration::from_secs(5)).await;
        }
        second.close().await;
    });
}

#[test]
fn a_job_is_begun_at_once_after_its_commit_and_not_before_its_time() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        let slow = Timing { poll: Duration::from_secs(600), ..QUICK };
        let runner = jobs.runner().timing(slow).register::<Count>(book.clone()).start().await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        ask(&engine.store, &jobs, vec![count(1, How::Well)]).await;
        until("the signal of the commit", async || book.len() == 1).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        settled(&engine.store).await;
        let later = engine.clock.now_ms() + 3_600_000;
        ask(&engine.store, &jobs, vec![count(2, How::Well).not_before(later)]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(book.len(), 1);
        engine.clock.advance_ms(3_600_000);
        ask(&engine.store, &jobs, vec![count(3, How::Well)]).await;
        until("its time has come", async || book.len() == 3).await;
        runner.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn urgent_jobs_go_first() {
    both(&[PART], None, |engine| async move {
        let (jobs, order) = (jobs(&engine), Arc::new(Mutex::new(Vec::new())));
        let made = [(1, Priority::Low), (2, Priority::Normal), (3, Priority::Urgent), (4, Priority::Urgent)];
        let mut all = Vec::new();
        for (index, (number, priority)) in made.into_iter().enumerate() {
            let at = testkit::engines::START_MS - 100 + i64::try_from(index).unwrap();
            all.push(NewJob::new(&InOrder { number }).unwrap().priority(priority).not_before(at));
        }
        ask(&engine.store, &jobs, all).await;
        let runner = jobs.runner().timing(QUICK).register::<InOrder>(order.clone()).start().await.unwrap();
        until("all are done", async || order.lock().unwrap().len() == 4).await;
        assert_eq!(*order.lock().unwrap(), [3, 4, 2, 1]);
        runner.stop(Duration::from_secs(5)).await;
    });
}

#[derive(Serialize, Deserialize)]
struct InOrder {
    number: i64,
}

impl Job for InOrder {
    type Context = Arc<Mutex<Vec<i64>>>;
    const QUEUE: &'static str = "in order";
    const CONCURRENCY: usize = 1;

    async fn run(self, ctx: &JobCtx<Self::Context>) -> Result<()> {
        ctx.context.lock().unwrap().push(self.number);
        Ok(())
    }
}

#[test]
fn a_job_that_keeps_failing_is_put_aside_and_can_be_tried_again_or_removed() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        let runner = start(&jobs, &book).await;
        let made = vec![count(1, How::Fail).account(AccountId(9)), count(2, How::Panic), count(3, How::Well)];
        ask(&engine.store, &jobs, made).await;
        let dead = || {
            let jobs = jobs.clone();
            engine.store.read(move |tx| jobs.dead(tx, None, 10))
        };
        for attempts in 1..=3 {
            let tried = async || book.attempts(1).len() == attempts && book.attempts(2).len() == attempts;
            until("it is tried", tried).await;
            if attempts < 3 {
                // Nothing happens before the wait is over.
                tokio::time::sleep(Duration::from_millis(150)).await;
                assert_eq!(book.attempts(1).len(), attempts);
                assert!(dead().await.unwrap().is_empty());
            }
            settled(&engine.store).await;
            engine.clock.advance_ms(3_600_000);
        }
        until("both are dead", async || dead().await.unwrap().len() == 2).await;
        let mut found = dead().await.unwrap();
        found.sort_by(|a, b| a.payload.cmp(&b.payload));
        assert_eq!((found[0].attempts, found[0].account), (3, Some(AccountId(9))));
        assert_eq!(found[0].last_error, "relay: does not answer");
        assert!(found[1].last_error.contains("broke off"), "{}", found[1].last_error);
        let [first, second] = [found[0].id, found[1].id];
        let change = jobs.clone();
        engine
            .store
            .write([], move |tx| {
                change.retry(tx, first)?;
                change.remove(tx, second)?;
                assert!(change.remove(tx, second).is_err() && change.retry(tx, second).is_err());
                Ok(())
            })
            .await
            .unwrap();
        until("it is tried once more", async || book.attempts(1).len() == 4).await;
        assert_eq!(book.attempts(1), [1, 2, 3, 1]);
        let [counters] = runner.counters()[..] else { panic!("one queue") };
        assert_eq!((counters.finished, counters.died), (1, 2));
        runner.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn pages_of_dead_jobs_follow_one_another() {
    both(&[PART], None, |engine| async move {
        let jobs = jobs(&engine);
        ask(&engine.store, &jobs, (0..25).map(|n| count(n, How::Well)).collect()).await;
        let bury = "UPDATE job SET state = 'dead', run_at = run_at + id % 5";
        engine.store.write([], move |tx| tx.execute(bury, [])).await.unwrap();
        let all = engine.store.read(move |tx| {
            let mut all = jobs.dead(tx, None, 10)?;
            while let page = jobs.dead(tx, all.last(), 10)?
                && !page.is_empty()
            {
                all.extend(page);
            }
            Ok(all)
        });
        let all = all.await.unwrap();
        assert_eq!(all.len(), 25);
        assert!(all.is_sorted_by_key(|job| (job.dead_at, job.id)));
    });
}

#[test]
fn what_a_node_that_went_away_had_begun_is_begun_again() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        let first = start(&jobs, &book).await;
        ask(&engine.store, &jobs, vec![count(1, How::Hang), count(2, How::Hang)]).await;
        until("they run", async || book.len() == 2).await;
        // As a crash: nothing is given back.
        drop(first);
        let other = Book::default();
        let second = start(&jobs, &other).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(other.len(), 0, "the claims still stand");
        let soften = "UPDATE job SET payload = $1 WHERE payload LIKE '%:1,%'";
        let well = r#"{"number":1,"how":"Well"}"#;
        engine.store.write([], move |tx| tx.execute(soften, params![well])).await.unwrap();
        engine.clock.advance_ms(61_000);
        until("they were taken over", async || other.len() == 2).await;
        assert_eq!((other.attempts(1), other.attempts(2)), (vec![2], vec![2]));
        until("one is done", async || rows(&engine.store).await == 1).await;
        second.stop(Duration::ZERO).await;
    });
}

#[test]
fn a_job_that_brings_its_node_down_each_time_is_put_aside() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        ask(&engine.store, &jobs, vec![count(1, How::Hang)]).await;
        for attempt in 1..=3 {
            let runner = start(&jobs, &book).await;
            until("it runs", async || book.attempts(1).len() == attempt).await;
            drop(runner);
            engine.clock.advance_ms(61_000);
        }
        let runner = start(&jobs, &book).await;
        let dead = async || {
            let jobs = jobs.clone();
            engine.store.read(move |tx| jobs.dead(tx, None, 10)).await.unwrap()
        };
        until("it is put aside", async || dead().await.len() == 1).await;
        assert!(dead().await[0].last_error.contains("went away"));
        assert_eq!(book.attempts(1), [1, 2, 3]);
        runner.stop(Duration::ZERO).await;
    });
}

#[test]
fn a_claim_that_was_taken_over_breaks_the_run_off() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        let quick = Timing { claim: Duration::from_millis(300), ..QUICK };
        let runner = jobs.runner().timing(quick).register::<Count>(book.clone()).start().await.unwrap();
        ask(&engine.store, &jobs, vec![count(1, How::Hang)]).await;
        until("it runs", async || book.len() == 1).await;
        let steal = "UPDATE job SET claimed_by = 'another', attempts = 2";
        engine.store.write([], move |tx| tx.execute(steal, [])).await.unwrap();
        until("it is broken off", async || runner.counters()[0].lost == 1).await;
        assert_eq!(rows(&engine.store).await, 1, "the other node's claim stands");
        runner.stop(Duration::ZERO).await;
    });
}

#[test]
fn a_node_that_is_stopped_finishes_or_gives_back() {
    both(&[PART], None, |engine| async move {
        let (jobs, book) = (jobs(&engine), Book::default());
        let runner = start(&jobs, &book).await;
        let polite = jobs.runner().timing(QUICK).register::<Polite>(book.clone()).start().await.unwrap();
        let waits = NewJob::new(&Polite {}).unwrap();
        ask(&engine.store, &jobs, vec![count(1, How::Hang), waits]).await;
        until("both run", async || book.len() == 2).await;
        polite.stop(Duration::from_secs(30)).await;
        assert_eq!(book.attempts(101), [1], "it ended by itself");
        runner.stop(Duration::from_millis(50)).await;
        let sql = "SELECT state, attempts FROM job";
        let left = engine.store.read(move |tx| tx.query(sql, [], |row| Ok((row.text(0)?, row.int(1)?))));
        assert_eq!(left.await.unwrap(), [("waiting".to_owned(), 0)], "being stopped is no attempt");
    });
}

#[derive(Serialize, Deserialize)]
struct Polite {}

impl Job for Polite {
    type Context = Book;
    const QUEUE: &'static str = "polite";

    async fn run(self, ctx: &JobCtx<Book>) -> Result<()> {
        ctx.context.note(100, ctx.attempt);
        ctx.stopping().await;
        assert!(ctx.is_stopping());
        ctx.context.note(101, ctx.attempt);
        Ok(())
    }
}

/// Writes a row and ends itself in one transaction, the first time with a failure after it.
#[derive(Serialize, Deserialize)]
struct Exact {
    fails: bool,
}

impl Job for Exact {
    type Context = Store;
    const QUEUE: &'static str = "exact";

    async fn run(self, ctx: &JobCtx<Store>) -> Result<()> {
        let job = ctx.clone();
        let add = "INSERT INTO job_every (queue, every_ms, next_at) VALUES ('effect', $1, 0) \
                   ON CONFLICT (queue) DO UPDATE SET every_ms = job_every.every_ms + 1";
        let write = ctx.context.write([], move |tx| {
            job.finish(tx)?;
            tx.execute(add, params![1])
        });
        write.await?;
        if self.fails { Err(Error::unavailable("network", "broke after the effect")) } else { Ok(()) }
    }
}

#[test]
fn an_effect_and_the_end_of_its_job_are_one_transaction() {
    both(&[PART], None, |engine| async move {
        let jobs = jobs(&engine);
        let store = engine.store.clone();
        let runner = jobs.runner().timing(QUICK).register::<Exact>(store.clone()).start().await.unwrap();
        let made = [true, false].map(|fails| NewJob::new(&Exact { fails }).unwrap());
        ask(&store, &jobs, made.to_vec()).await;
        until("both are done", async || runner.counters()[0].finished == 2).await;
        assert_eq!(rows(&store).await, 0);
        let effects = "SELECT every_ms FROM job_every WHERE queue = 'effect'";
        assert_eq!(store.read(move |tx| tx.query_one(effects, [], |row| row.int(0))).await.unwrap(), 2);
        runner.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn periodic_work_is_done_once_by_several_nodes() {
    both(&[PART], None, |engine| async move {
        let second = engine.second().await;
        let book = Book::default();
        let hour = Duration::from_secs(3_600);
        let mut runners = Vec::new();
        for store in [&engine.store, &second] {
            let jobs = Jobs::new(store, &engine.ctx());
            let job = Count { number: 1, how: How::Well };
            let builder = jobs.runner().timing(QUICK).every(hour, &job, book.clone()).unwrap();
            runners.push(builder.start().await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(book.len(), 0, "not before the next full hour");
        for done in 1..=3 {
            engine.clock.advance_ms(3_600_000);
            until("it is done in this hour", async || book.attempts(1).len() == done).await;
            settled(&engine.store).await;
        }
        // Several hours without anyone: once.
        engine.clock.advance_ms(5 * 3_600_000);
        until("it is done after a pause", async || book.attempts(1).len() == 4).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(book.attempts(1), [1, 1, 1, 1]);
        for runner in runners {
            runner.stop(Duration::from_secs(5)).await;
        }
        second.close().await;
    });
}

//! Jobs as rows: asked for with their change, found without reading the others.

use base::{Meaning, Result};
use serde::{Deserialize, Serialize};
use store::jobs::{Job, JobCtx, Jobs, NewJob, PART, Priority, STATEMENTS};
use store::params;
use store::sql::{Dialect, Value};
use testkit::engines::{Engine, both};

#[derive(Serialize, Deserialize)]
struct Note {
    text: String,
}

impl Job for Note {
    type Context = ();
    const QUEUE: &'static str = "note";

    async fn run(self, _: &JobCtx<()>) -> Result<()> {
        Ok(())
    }
}

fn note(text: &str) -> NewJob {
    NewJob::new(&Note { text: text.to_owned() }).unwrap()
}

fn jobs(engine: &Engine) -> Jobs {
    Jobs::new(&engine.store, &engine.ctx())
}

async fn rows(engine: &Engine) -> Vec<(String, i64, i64)> {
    let sql = "SELECT payload, run_at, priority FROM job ORDER BY payload";
    let rows = engine.store.read(|tx| {
        tx.query(sql, [], |row| Ok((row.text(0)?, row.int(1)? - testkit::engines::START_MS, row.int(2)?)))
    });
    rows.await.unwrap()
}

#[test]
fn a_job_is_there_if_and_only_if_its_transaction_was_committed() {
    both(&[PART], None, |engine| async move {
        let ask = jobs(&engine);
        let failed = engine.store.write([], {
            let ask = ask.clone();
            move |tx| {
                ask.enqueue(tx, &note("lost"))?;
                Err::<(), _>(base::Error::conflict("change", "did not happen"))
            }
        });
        assert_eq!(failed.await.unwrap_err().meaning(), Meaning::Conflict);
        let kept = engine.store.write([], move |tx| ask.enqueue(tx, &note("kept").priority(Priority::Low)));
        kept.await.unwrap();
        assert_eq!(rows(&engine).await, [(r#"{"text":"kept"}"#.to_owned(), 0, 2)]);
    });
}

#[test]
fn waiting_jobs_with_one_key_are_one_at_the_earliest_of_their_times() {
    both(&[PART], None, |engine| async move {
        let start = testkit::engines::START_MS;
        for (text, at) in [("a", 500), ("b", 300), ("c", 900)] {
            let ask = jobs(&engine);
            let write = engine.store.write([], move |tx| {
                ask.enqueue(tx, &note(text).once("account 7").not_before(start + at + 50))?;
                ask.enqueue(tx, &note(text).once("account 7").not_before(start + at))
            });
            write.await.unwrap();
        }
        assert_eq!(rows(&engine).await, [(r#"{"text":"a"}"#.to_owned(), 300, 1)]);
        // One that runs may have looked before the change: another is asked for.
        engine.store.write([], |tx| tx.execute("UPDATE job SET state = 'running'", [])).await.unwrap();
        let ask = jobs(&engine);
        engine.store.write([], move |tx| ask.enqueue(tx, &note("d").once("account 7"))).await.unwrap();
        assert_eq!(rows(&engine).await.len(), 2);
    });
}

#[test]
fn concurrent_writers_that_ask_for_the_same_jobs_do_not_deadlock() {
    both(&[PART], None, |engine| async move {
        let mut writes = tokio::task::JoinSet::new();
        for writer in 0..16_usize {
            let (ask, store) = (jobs(&engine), engine.store.clone());
            writes.spawn(async move {
                for round in 0..20 {
                    let ask = ask.clone();
                    let write = store.write([], move |tx| {
                        for n in 0..10 {
                            let key = if writer % 2 == 0 { n } else { 9 - n };
                            ask.enqueue(tx, &note("x").once(format!("{round} {key}")))?;
                        }
                        Ok(())
                    });
                    write.await.unwrap();
                }
            });
        }
        writes.join_all().await;
        assert_eq!(rows(&engine).await.len(), 200);
        assert_eq!(engine.store.stats().retries, 0);
    });
}

#[test]
fn over_long_arguments_and_keys_are_refused_by_name() {
    both(&[PART], None, |engine| async move {
        for (job, meaning) in [
            (note(&"x".repeat(70_000)), Meaning::TooLarge),
            (note("x").once("k".repeat(256)), Meaning::Invalid),
            (note("x").once("a\0b"), Meaning::Invalid),
        ] {
            let ask = jobs(&engine);
            let error = engine.store.write([], move |tx| ask.enqueue(tx, &job)).await.unwrap_err();
            assert_eq!(error.meaning(), meaning, "{error}");
        }
        let ask = jobs(&engine);
        engine.store.write([], move |tx| ask.enqueue(tx, &note("NUL \0 é 鐘"))).await.unwrap();
        assert_eq!(rows(&engine).await[0].0, r#"{"text":"NUL \u0000 é 鐘"}"#);
    });
}

/// Fills the table as a busy server has it, and tells PostgreSQL.
async fn fill(engine: &Engine) {
    for part in 0..20 {
        let ask = jobs(engine);
        let write = engine.store.write([], move |tx| {
            (0..1_000).try_for_each(|n| {
                let job = note("x").not_before(testkit::engines::START_MS + part * 1_000 + n);
                ask.enqueue(tx, &if n % 2 == 0 { job } else { job.once(format!("{part} {n}")) })
            })
        });
        write.await.unwrap();
    }
    let states = "UPDATE job SET state = CASE WHEN id % 200 = 0 THEN 'running' ELSE 'dead' END, \
                  claimed_by = 'n', claimed_until = run_at WHERE id % 5 = 0";
    engine.store.write([], move |tx| tx.execute(states, [])).await.unwrap();
    if engine.dialect() == Dialect::Postgres {
        engine.store.write([], |tx| tx.execute("ANALYZE job", [])).await.unwrap();
    }
}

#[test]
fn no_statement_on_jobs_reads_the_whole_table() {
    both(&[PART], None, |engine| async move {
        fill(&engine).await;
        let postgres = engine.dialect() == Dialect::Postgres;
        for &(name, sql) in STATEMENTS {
            let explain = if postgres { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
            let text = format!("{explain} {sql}");
            let values: Vec<Value> = match name {
                "due" | "every next" => params![vec!["note".to_owned()]].into(),
                "depths" => params![vec!["note".to_owned()], 10].into(),
                "claim" => params!["note", 1, testkit::engines::START_MS + 500, 4].into(),
                "claimed" | "extend" => params![vec![1i64, 2], "n", 5].into(),
                "still" => params![vec![1i64, 2], "n"].into(),
                "finish" => params![1, "n", 1].into(),
                "expired" => params![testkit::engines::START_MS, 10].into(),
                "twin" | "remove" => params![1].into(),
                "release" => params![1, "n", 1, 5, 1, "x"].into(),
                "bury" => params![1, "n", 1, 5, "x"].into(),
                "dead" => params!["note", 5, 1, 10].into(),
                "revive" => params![1, 5].into(),
                "every" | "every fire" => params!["note", 5, 5].into(),
                "in run" => params!["note"].into(),
                _ => vec![],
            };
            let column = if postgres { 0 } else { 3 };
            let plan = engine.store.write([], move |tx| tx.query(&text, &values, |row| row.text(column)));
            let plan = plan.await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let scans = plan.iter().any(|line| {
                let whole = line.contains("Seq Scan on job") || line.trim().starts_with("SCAN job");
                // The kinds of periodic work, and the jobs that run on all nodes, are few.
                whole && !line.contains("job_every") && !line.contains("job_running")
            });
            assert!(!scans, "{name}: {plan:#?}");
        }
    });
}

#[test]
fn depths_count_by_state_and_say_how_long_the_oldest_waits() {
    both(&[PART], None, |engine| async move {
        fill(&engine).await;
        engine.clock.advance_ms(100_000);
        let ask = jobs(&engine);
        let depths = engine.store.read(move |tx| ask.depths(tx, &["note", "none"])).await.unwrap();
        let count = engine.store.read(|tx| {
            let sql = "SELECT state, count(*) FROM job GROUP BY state ORDER BY state";
            tx.query(sql, params![], |row| row.int(1))
        });
        let [dead, running, waiting] = count.await.unwrap()[..] else { panic!("three states") };
        assert_eq!(
            (depths[0].waiting, depths[0].running, depths[0].dead),
            (waiting.min(10_000), running, dead)
        );
        assert!((99_990..=100_000).contains(&depths[0].oldest_due_ms), "{depths:?}");
        assert_eq!((depths[1].waiting, depths[1].oldest_due_ms), (0, 0));
    });
}

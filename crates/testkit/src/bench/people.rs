//! A hundred thousand people from one CSV file, with ready hashes of their passwords.

use std::fmt::Write as _;
use std::io::Cursor;
use std::time::Instant;

use base::Random;
use directory::credentials::{Costs, Hasher};
use directory::{Directory, domains, import};
use kernel::{ChainKey, Kernel};

use super::Load;
use super::figure::{Figure, Report, Target};
use super::store::{Bench, runtime};
use crate::postgres;

pub fn run(report: &mut Report, load: &Load) {
    let people: u32 = if load.quick { 10_000 } else { 100_000 };
    let folder = tempfile::Builder::new().prefix("beffroi-bench").tempdir().expect("a folder");
    for dialect in load.engines() {
        runtime().block_on(async {
            let (store, ctx) =
                Bench::store(dialect, folder.path(), vec![kernel::PART, directory::PART]).await;
            let kernel = Kernel::new(store.clone(), Vec::new(), ChainKey::new([3; 32]));
            let hasher = Hasher::new(Costs::default(), 2, &Random::system()).expect("a hasher");
            let directory = Directory::new(kernel, hasher);
            let organisation = directory.create_organisation(&ctx, "acme", &[]).await.expect("acme");
            let made = directory.edit(&ctx, organisation, |edit| domains::create(edit, "acme.example", &[]));
            made.await.expect("a domain");
            let file = Cursor::new(file(people).into_bytes());
            let begun = Instant::now();
            let done = import::run(&directory, &ctx, organisation, "people.csv", file, false, |_| ()).await;
            let took = begun.elapsed().as_secs_f64();
            assert_eq!(done.expect("an import").created, u64::from(people));
            report.add(Figure {
                name: format!("{}: {people} people imported", dialect.name()),
                value: took,
                unit: "s",
                peer: None,
                target: Some(Target::AtMost(60.0)),
            });
            store.close().await;
        });
    }
    postgres::stop(&folder.path().join("pg"), false);
}

fn file(people: u32) -> String {
    let mut text = String::from("address,external_id,name,given_name,family_name,password_hash\n");
    for n in 0..people {
        let hash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
        let _ = writeln!(text, "p{n}@acme.example,E{n},Personne {n},Personne,Numero {n},{hash}");
    }
    text
}

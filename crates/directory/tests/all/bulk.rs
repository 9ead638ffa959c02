//! Figures: many people, and a list of all of them. `BEFFROI_TEST_PEOPLE=100000 cargo nextest run -p directory bulk
//! --no-capture` takes minutes and prints them; without the variable there are as few people as show the same.

use std::fmt::Write as _;
use std::io::Cursor;
use std::time::{Duration, Instant};

use directory::entries::Kind;
use directory::{groups, import};

use crate::world::both;

/// How many people there are.
fn people() -> usize {
    std::env::var_os("BEFFROI_TEST_PEOPLE").map_or(2_000, |text| text.to_str().unwrap().parse().unwrap())
}

#[test]
fn m30_many_people_are_imported_in_under_a_minute() {
    both(|world| async move {
        let people = people();
        let mut text = String::from("address,external_id,name,given_name,family_name,password_hash\n");
        for number in 0..people {
            let _ = writeln!(
                text,
                "p{number}@acme.example,E{number},Person {number},Person,{number},{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ="
            );
        }
        let ctx = world.system();
        let begun = Instant::now();
        let file = Cursor::new(text.clone().into_bytes());
        let report =
            import::run(&world.directory, &ctx, world.acme, "p.csv", file, false, |_| ()).await.unwrap();
        let took = begun.elapsed();
        println!("{}: import {people}: {took:?}", world.engine.dialect().name());
        assert_eq!(report.created, u64::try_from(people).unwrap());
        assert!(took < Duration::from_mins(1), "{took:?}");
        let begun = Instant::now();
        let file = Cursor::new(text.into_bytes());
        let report =
            import::run(&world.directory, &ctx, world.acme, "p.csv", file, false, |_| ()).await.unwrap();
        println!("{}: again, nothing new: {:?}", world.engine.dialect().name(), begun.elapsed());
        assert_eq!(report.unchanged, u64::try_from(people).unwrap());
        let list = world.team(Kind::List, "all", &[]).await;
        let begun = Instant::now();
        for start in (0..people).step_by(10_000) {
            let addresses: Vec<String> =
                (start..people.min(start + 10_000)).map(|n| format!("p{n}@acme.example")).collect();
            world
                .edit(move |edit| {
                    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
                    groups::add_members(edit, list, &addresses)
                })
                .await
                .unwrap();
        }
        println!("{}: {people} members: {:?}", world.engine.dialect().name(), begun.elapsed());
        let begun = Instant::now();
        let found = world.resolve_count("all").await;
        assert_eq!(found, people);
        println!("{}: resolved {found}: {:?}", world.engine.dialect().name(), begun.elapsed());
        let begun = Instant::now();
        for number in 0..100 {
            world.resolve_count(&format!("p{}", number * 997 % people)).await;
        }
        println!("{}: resolve one: {:?}", world.engine.dialect().name(), begun.elapsed() / 100);
    });
}

//! Import of people from CSV.

use std::fmt::Write as _;
use std::io::Cursor;

use directory::import::{self, Report};
use directory::{classes, domains, units};

use crate::world::{World, both, said};

const FILE: &str = "address,external_id,name,family_name,class,unit,quota_bytes,password_hash\n\
    ada@acme.example,E1,Ada,Lovelace,standard,Science,10G,{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n\
    bob@acme.example,E2,,Bobson,,,,\n\
    eve@elsewhere.example,E3,Eve,,,,,\n\
    cleo@acme.example,E4,Cleo,,no such class,,,\n\
    dan@acme.example,E5,Dan,,,Nowhere,,\n\
    fred@ACME.example,E6,Fred,,,,,\n";

/// A reader that breaks in the middle, as a lost disk or a killed process does.
struct Breaking(Cursor<Vec<u8>>, u64, bool);
impl std::io::Read for Breaking {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = out.len().min(4_096);
        if self.2 && self.0.position() > self.1 {
            return Err(std::io::Error::other("gone"));
        }
        self.0.read(&mut out[..length])
    }
}
impl std::io::Seek for Breaking {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.2 = true;
        self.0.seek(to)
    }
}

async fn import(world: &World, text: &str, dry_run: bool) -> base::Result<Report> {
    let file = Cursor::new(text.as_bytes().to_vec());
    import::run(&world.directory, &world.system(), world.acme, "people.csv", file, dry_run, |_| ()).await
}

async fn prepare(world: &World) {
    world
        .edit(|edit| {
            classes::create(edit, "standard", &[])?;
            units::create(edit, 0, "Science")
        })
        .await
        .unwrap();
}

#[test]
fn m30_people_are_imported_with_errors_by_line_and_a_second_run_changes_nothing() {
    both(|world| async move {
        prepare(&world).await;
        let dry = import(&world, FILE, true).await.unwrap();
        assert_eq!((dry.created, dry.failed), (3, 3));
        assert_eq!(world.resolve("ada").await, "refused unknown", "a dry run writes nothing");
        let report = import(&world, FILE, false).await.unwrap();
        assert_eq!((report.created, report.changed, report.unchanged, report.failed), (3, 0, 0, 3));
        assert_eq!(report.errors, dry.errors);
        let errors: Vec<_> = report.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
        assert_eq!(errors, [(4, "address"), (5, "class"), (6, "unit")]);
        assert_eq!(world.resolve("fred").await, "fred");
        let ctx = world.system();
        let answer = world
            .directory
            .login(
                &ctx,
                directory::login::Credentials {
                    name: "ada@acme.example".to_owned(),
                    password: base::Secret::new("secret"),
                    code: None,
                    door: base::Door::Imap,
                    network_address: None,
                },
            )
            .await;
        assert!(answer.is_ok(), "with the hash of the older system: {answer:?}");
        let again = import(&world, FILE, false).await.unwrap();
        assert_eq!((again.created, again.changed, again.unchanged, again.failed), (0, 0, 3, 3));
        assert_eq!(again.run_id, report.run_id);
        let stored = world
            .directory
            .read(|tx| tx.query_one("SELECT count(*) FROM import_error", [], |row| row.int(0)))
            .await
            .unwrap();
        assert_eq!(stored, 3);
    });
}

#[test]
fn m30_a_changed_file_changes_people_and_addresses_by_external_id() {
    both(|world| async move {
        prepare(&world).await;
        import(&world, FILE, false).await.unwrap();
        let changed = "external_id,address,family_name,unit,quota_bytes\n\
            E1,countess@acme.example,King,none,none\n\
            E2,bob@acme.example,,,\n\
            E9,ada@acme.example,Other,,\n";
        let report = import(&world, changed, false).await.unwrap();
        assert_eq!((report.created, report.changed, report.unchanged, report.failed), (0, 1, 1, 1));
        assert_eq!((report.errors[0].line, report.errors[0].field.as_str()), (4, "external_id"));
        assert_eq!(world.resolve("ada").await, "countess", "the old address stays as an alias");
        let (ctx, acme) = (world.system(), world.acme);
        let (entry, records) = world
            .directory
            .read(move |tx| {
                let ada = directory::entries::account_by_address(tx, acme.0, "ada@acme.example")?.unwrap();
                directory::people::get(tx, &ctx, acme, ada)
            })
            .await
            .unwrap();
        assert_eq!((entry.unit_id, records[0].int("quota_bytes")), (None, None));
        assert_eq!(records[1].text("family_name"), "King");
        let again = import(&world, "external_id,address\nE1,countess@acme.example\n", false).await.unwrap();
        assert_eq!(again.unchanged, 1);
    });
}

#[test]
fn m30_a_run_that_stopped_is_taken_up_where_it_was() {
    both(|world| async move {
        let mut text = String::from("address\n");
        for number in 0..1_200 {
            let _ = writeln!(text, "p{number}@acme.example");
        }
        let half = u64::try_from(text.len()).unwrap() * 3 / 4;
        let broken = Breaking(Cursor::new(text.clone().into_bytes()), half, false);
        let ctx = world.system();
        let stopped =
            import::run(&world.directory, &ctx, world.acme, "people.csv", broken, false, |_| ()).await;
        assert_eq!(said(stopped), "invalid file");
        let report = import(&world, &text, false).await.unwrap();
        assert!(report.resumed);
        assert_eq!((report.created, report.unchanged, report.lines), (1_200, 0, 1_201));
        let people = world
            .directory
            .read(|tx| tx.query_one("SELECT count(*) FROM entry WHERE kind = 'person'", [], |row| row.int(0)))
            .await
            .unwrap();
        assert_eq!(people, 1_200);
    });
}

#[test]
fn m30_limits_of_people_quota_and_errors_hold_for_imports_too() {
    both(|world| async move {
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::change(edit, own.id, &[("max_people", "2"), ("max_quota_bytes", "1G")])
            })
            .await
            .unwrap();
        let text =
            "address,quota_bytes\na@acme.example,2G\nb@acme.example,1G\nc@acme.example,\nd@acme.example,\n";
        let report = import(&world, text, false).await.unwrap();
        assert_eq!(report.created, 2);
        let errors: Vec<_> = report.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
        assert_eq!(errors, [(2, "quota_bytes"), (5, "domain")]);
        let mut ctx = world.system();
        ctx.limits = std::sync::Arc::new(base::Limits { import_errors: 3, ..base::Limits::default() });
        let wrong = format!("address\n{}", "nonsense\n".repeat(10));
        let file = Cursor::new(wrong.into_bytes());
        let stopped = import::run(&world.directory, &ctx, acme, "wrong.csv", file, false, |_| ()).await;
        assert_eq!(said(stopped), "limit import");
        let ada = world.person_ctx(base::AccountId(2)).await;
        let file = Cursor::new(b"address\nx@acme.example\n".to_vec());
        let refused = import::run(&world.directory, &ada, acme, "x.csv", file, true, |_| ()).await;
        assert_eq!(said(refused), "forbidden organisation");
    });
}

//! `beffroi serve` from start to end.

use crate::world::{World, get, get_with};

#[test]
fn r01_a_server_starts_on_an_empty_folder_and_answers() {
    let world = World::new();
    let server = world.serve("");
    assert_eq!(server.ready["pid"], server.pid());
    assert_eq!(server.get("/health/live"), (200, "{\"status\":\"live\"}".to_owned()));
    let (status, body) = server.get("/health/ready");
    assert_eq!(status, 200, "{body}");
    let (status, figures) = server.get("/metrics");
    assert_eq!(status, 200);
    assert!(figures.contains("beffroi_resident_memory_bytes "), "{figures}");
    assert!(
        figures.contains("beffroi_http_requests_total{door=\"observability\",status=\"200\"} 2"),
        "{figures}"
    );
    assert_eq!(server.get("/nothing").0, 404);
}

#[test]
fn figures_can_have_an_address_of_their_own() {
    let world = World::new();
    let server = world.serve("[metrics]\nlisten = '127.0.0.1:0'");
    assert_eq!(server.get("/metrics").0, 404);
    assert_eq!(get(&server.address("metrics"), "/metrics").0, 200);
}

#[test]
fn both_signals_end_it_cleanly() {
    let world = World::new();
    for signal in ["-TERM", "-INT"] {
        let server = world.serve("");
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let world = World::new();
    let server = world.serve("");
    let data = world.folder.join("data");
    let ended = world.run(&["serve", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains(&format!("is served by process {} already", server.pid())), "{}", ended.err);
    drop(server);
    world.serve("");
}

#[test]
fn a_port_that_is_taken_is_named_with_its_key() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = world.command(&["serve", "--data-dir", "data"]);
    let ended = crate::world::Ended::from(command.env("BEFFROI_HTTP_LISTEN", &address).output().unwrap());
    assert_eq!(ended.code, 10, "{}", ended.err);
    assert!(ended.err.contains(&format!("http.listen: {address} cannot be listened on")), "{}", ended.err);
}

#[test]
fn m27_a_database_without_its_key_is_not_served() {
    let world = World::new();
    let data = world.folder.join("data");
    let options = ["--data-dir", data.to_str().unwrap()];
    let first = world.run(&[&["migrate", "--json"][..], &options].concat()).json();
    assert!(first.iter().any(|step| step["part"] == "kernel" && step["number"] == 1), "{first:?}");
    let second = world.run(&[&["migrate", "--json", "--dry-run"][..], &options].concat()).json();
    assert_eq!(second, [serde_json::json!({ "up_to_date": true })]);
    std::fs::remove_file(data.join("chain.key")).unwrap();
    let ended = world.run(&[&["serve"][..], &options].concat());
    assert_eq!(ended.code, 11, "{}", ended.err);
    assert!(ended.err.contains("put the file back"), "{}", ended.err);
}

#[test]
fn a_dry_run_of_migrations_makes_nothing() {
    let world = World::new();
    let ended = world.run(&["migrate", "--dry-run", "--data-dir", "data"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("kernel"), "{}", ended.out);
    assert!(!world.folder.join("data").exists());
}

#[test]
fn a_requests_number_stands_on_its_lines_from_the_door_to_the_store() {
    let world = World::new();
    let server = world.serve("[log]\nformat = 'json'\nfilter = 'info,store=trace'");
    let id = "00000000000000ff";
    get_with(&server.address("http"), "/health/ready", &format!("x-request-id: {id}\r\n"));
    let of_request = |target: &str| {
        let log = server.log();
        let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mine = lines.filter(|line| line["spans"][0]["request"] == id && line["target"] == target);
        mine.collect::<Vec<_>>()
    };
    let [access] = &of_request("httpd::access")[..] else { panic!("{}", server.log()) };
    assert_eq!((&access["route"], &access["status"]), (&"/health/ready".into(), &200.into()));
    assert!(of_request("store::sql::open").iter().any(|line| line["what"] == "read"), "{}", server.log());
}

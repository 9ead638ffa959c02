//! The doors of mail from outside: mail comes in by one and is there in another; mail programs find them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::{Server, World, get};

/// A client of a line protocol.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads on to a line that is waited for.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the server hung up");
            if is_it(&line) {
                return;
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Says a line and gives the first line of the answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n"));
        self.line()
    }

    /// The last line of an answer of SMTP or LMTP.
    fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}

/// A server with ada, and her password.
fn serve(world: &World) -> (Server, String) {
    let run = |arguments: &[&str]| world.run(&[arguments, &["--json", "--data-dir", "data"]].concat()).json();
    run(&["org", "add", "acme"]);
    run(&["domain", "add", "acme.example"]);
    let made = run(&["user", "add", "ada@acme.example"]);
    let password = made[0]["password"].as_str().unwrap().to_owned();
    let server = world.serve(
        "[mail]\nhostname = 'mail.acme.example'\nlogin_domain = 'acme.example'\nplain_logins_from_loopback = true\n\
         [lmtp]\nlisten = '127.0.0.1:0'\n[pop3]\nlisten = '127.0.0.1:0 [::1]:0'\n[tls]\nself_made = true\n\
         [submission]\nlisten = '127.0.0.1:0'\n[imap]\nlisten = '127.0.0.1:0'\n",
    );
    (server, password)
}

/// Hands a message over by LMTP; the last answer.
pub fn deliver(server: &Server, to: &str, body: &str) -> String {
    let mut lmtp = Client::new(&server.address("lmtp"));
    assert!(lmtp.reply().starts_with("220 "));
    lmtp.say("LHLO test\r\n");
    assert!(lmtp.reply().starts_with("250 "));
    lmtp.say("MAIL FROM:<x@far.example>\r\n");
    assert!(lmtp.reply().starts_with("250 "));
    lmtp.say(&format!("RCPT TO:<{to}>\r\n"));
    let reply = lmtp.reply();
    if !reply.starts_with("250 ") {
        return reply;
    }
    lmtp.say("DATA\r\n");
    assert!(lmtp.reply().starts_with("354 "));
    lmtp.say(&format!("{body}\r\n.\r\n"));
    lmtp.reply()
}

#[test]
fn p02_mail_handed_over_is_there_for_its_reader_and_a_change_by_sql_is_seen_at_once() {
    let world = World::new();
    let (server, password) = serve(&world);
    let said = deliver(&server, "ada@acme.example", "Subject: One\r\n\r\nText");
    assert!(said.starts_with("250 "), "{said}");
    let mut pop = Client::new(&server.address("pop3"));
    assert!(pop.line().starts_with("+OK"));
    assert!(pop.ask("USER ada").starts_with("+OK"));
    let said = pop.ask(&format!("PASS {password}"));
    assert!(said.starts_with("+OK 1 "), "{said}");
    assert!(pop.ask("QUIT").starts_with("+OK"));
    crate::check::alter(&world, "UPDATE entry SET state = 'closed' WHERE address = 'ada@acme.example'");
    let said = deliver(&server, "ada@acme.example", "Subject: Two\r\n\r\nText");
    assert!(said.starts_with("550 "), "{said}");
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn p12_mail_programs_find_the_doors_of_a_domain() {
    let world = World::new();
    let (server, _) = serve(&world);
    let http = server.address("http");
    let (status, text) = get(&http, "/mail/config-v1.1.xml?emailaddress=ada@acme.example");
    assert_eq!(status, 200, "{text}");
    for part in
        ["<hostname>mail.acme.example</hostname>", "<socketType>STARTTLS</socketType>", "%EMAILADDRESS%"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(get(&http, "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=x@far.example").0, 404);
    let shouted = get(&http, "/mail/config-v1.1.xml?emailaddress=ADA%40ACME.Example");
    assert_eq!(shouted, (200, text), "a domain is the same in capitals");
    for nothing in ["", "x", "@acme.example", "ada@", "ada@acme.example%0d%0aX:1"] {
        let (status, _) = get(&http, &format!("/mail/config-v1.1.xml?emailaddress={nothing}"));
        assert!((400..500).contains(&status), "{nothing}: {status}");
    }
    let nobody = get(&http, "/mail/config-v1.1.xml?emailaddress=nobody@acme.example");
    assert_eq!(nobody.0, 200, "nothing tells who exists");
    let (status, text) = get(&http, "/mail.mobileconfig?email=ada@acme.example");
    assert_eq!(status, 200);
    assert!(text.contains("<string>EmailTypeIMAP</string>"), "{text}");
    let mut stream = TcpStream::connect(&http).unwrap();
    let asked = "<Autodiscover><Request><EMailAddress>O&apos;Hara@acme.example</EMailAddress></Request></Autodiscover>";
    write!(
        stream,
        "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{asked}",
        asked.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("<Type>SMTP</Type>"), "{answer}");
    assert!(answer.contains("<LoginName>O&apos;Hara@acme.example</LoginName>"), "{answer}");
    let file = world
        .write("dns.toml", "[mail]\nhostname = 'mail.acme.example'\n[imap]\ntls_listen = '0.0.0.0:993'\n");
    let records = world.run(&[
        "domain",
        "dns",
        "acme.example",
        "--json",
        "--data-dir",
        "data",
        "--config",
        file.to_str().unwrap(),
    ]);
    let is_imaps = |record: &serde_json::Value| {
        record["name"] == "_imaps._tcp.acme.example." && record["text"] == "0 1 993 mail.acme.example."
    };
    assert!(records.json().iter().any(is_imaps));
}

#[test]
fn a09_a10_a_real_postfix_asks_the_live_database_and_hands_over_by_lmtp() {
    use testkit::postfix::{Options, Postfix};
    let world = World::new();
    let (server, password) = serve(&world);
    // Postfix is another user: it has to reach the database and to read it.
    let data = world.folder.join("data");
    let shown = data.display();
    let open = format!(
        "chmod 755 {shown} && chmod 644 {shown}/beffroi.sqlite && chmod 666 {shown}/beffroi.sqlite-*"
    );
    assert!(std::process::Command::new("sh").args(["-c", &open]).status().unwrap().success());
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/postfix/sqlite");
    let map = |name: &str| {
        let shipped = std::fs::read_to_string(docs.join(format!("{name}.cf"))).unwrap();
        let query: Vec<&str> = shipped.lines().filter(|line| !line.starts_with("dbpath")).collect();
        let query = query.join("\n");
        let file = world.write(&format!("{name}.cf"), &format!("dbpath = {shown}/beffroi.sqlite\n{query}\n"));
        format!("sqlite:{}", file.display())
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = format!(
        "virtual_mailbox_domains = {}\nvirtual_mailbox_maps = {}\nvirtual_transport = lmtp:inet:{}\n\
         unverified_recipient_reject_code = 550\nlmtp_tls_security_level = none\n",
        map("domains"),
        map("mailboxes"),
        server.address("lmtp"),
    );
    let postfix =
        Postfix::start(free, &Options { domain: "relay.test".to_owned(), more, ..Options::default() });
    let smtp = |to: &str| {
        let mut client = Client::new(&free.to_string());
        client.reply();
        for line in ["EHLO test\r\n", "MAIL FROM:<x@far.example>\r\n"] {
            client.say(line);
            client.reply();
        }
        client.say(&format!("RCPT TO:<{to}>\r\n"));
        let said = client.reply();
        if !said.starts_with("250 ") {
            return said;
        }
        client.say("DATA\r\n");
        client.reply();
        client.say("Subject: By Postfix\r\n\r\nText\r\n.\r\n");
        client.reply()
    };
    let mut idle = Client::new(&server.address("imap"));
    for (command, answer) in [
        (format!("a LOGIN ada \"{password}\""), "a OK"),
        ("a SELECT INBOX".to_owned(), "a OK"),
        ("a IDLE".to_owned(), "+"),
    ] {
        idle.say(&format!("{command}\r\n"));
        idle.until(|line| line.starts_with(answer));
    }
    let said = smtp("ada@acme.example");
    assert!(said.starts_with("250 "), "{said} {}", postfix.log());
    assert!(smtp("nobody@acme.example").starts_with('5'), "{}", postfix.log());
    idle.until(|line| line == "* 1 EXISTS");
    let mut pop = Client::new(&server.address("pop3"));
    pop.line();
    pop.ask("USER ada");
    assert!(pop.ask(&format!("PASS {password}")).starts_with("+OK 1 "), "{}", postfix.log());
    crate::check::alter(&world, "UPDATE entry SET state = 'closed' WHERE address = 'ada@acme.example'");
    let said = smtp("ada@acme.example");
    assert!(said.starts_with('5'), "{said}");
}

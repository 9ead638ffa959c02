//! Several clients that do what they like in one mailbox at once, each with a model of what it was told: numbers name the
//! messages that they named before, nothing is expunged where the RFC forbids it, and in the end all see the same.

use base::Random;
use testkit::mail::{World, both, message};

use crate::house::{Client, House};

const CLIENTS: u64 = 5;
const STEPS: u64 = 120;

/// A client, and what it was told of the mailbox.
struct Modelled {
    name: u64,
    client: Client,
    /// The UID of each message by its number, where it was told.
    uids: Vec<Option<u32>>,
    commands: u64,
}

/// The number between a word and what follows it.
fn after(line: &str, word: &str) -> Option<u32> {
    let at = line.find(word)? + word.len();
    let digits: String = line[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

impl Modelled {
    async fn new(house: &House, name: u64) -> Self {
        Self { name, client: house.logged_in("u1").await, uids: Vec::new(), commands: 0 }
    }

    fn told(&mut self, line: &str, command: &str) {
        let at = || format!("client {} after {command}: {line}", self.name);
        let Some((number, rest)) = line.strip_prefix("* ").and_then(|rest| rest.split_once(' ')) else {
            return;
        };
        let Ok(number) = number.parse::<usize>() else { return };
        if rest == "EXISTS" {
            assert!(number >= self.uids.len(), "{}: there were {}", at(), self.uids.len());
            self.uids.resize(number, None);
        } else if rest == "EXPUNGE" {
            let by_number = ["FETCH", "STORE", "SEARCH"].iter().any(|word| command.starts_with(word));
            assert!(!by_number, "{}", at());
            assert!(number >= 1 && number <= self.uids.len(), "{}: there are {}", at(), self.uids.len());
            self.uids.remove(number - 1);
        } else if rest.starts_with("FETCH") {
            assert!(number >= 1 && number <= self.uids.len(), "{}: there are {}", at(), self.uids.len());
            let Some(uid) = after(rest, "UID ") else { return };
            let known = self.uids[number - 1];
            assert!(known.is_none_or(|known| known == uid), "{}: it was {known:?}", at());
            self.uids[number - 1] = Some(uid);
            let told: Vec<u32> = self.uids.iter().flatten().copied().collect();
            assert!(told.is_sorted_by(|one, other| one < other), "{}: {told:?}", at());
        }
    }

    /// Sends a command and takes in all that is told; the tagged answer.
    async fn ask(&mut self, command: &str) -> String {
        self.commands += 1;
        let tag = format!("c{}x{}", self.name, self.commands);
        self.client.send(&format!("{tag} {command}\r\n")).await;
        loop {
            let line = self.client.line().await;
            assert!(!self.client.ended, "client {}: the connection ended after {command}", self.name);
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                assert!(!answer.starts_with("BAD"), "client {}: {command}: {answer}", self.name);
                return answer.to_owned();
            }
            self.told(&line, command);
        }
    }

    async fn select(&mut self) {
        self.uids.clear();
        let answer = self.ask("SELECT INBOX").await;
        assert!(answer.starts_with("OK [READ-WRITE]"), "{answer}");
    }

    async fn step(&mut self, random: &Random) {
        let pick = |most: u64| random.u64() % most.max(1);
        let count = self.uids.len() as u64;
        let number = 1 + pick(count);
        let last = number + pick(count - number.min(count) + 1).min(count - number.min(count));
        let flag = ["\\Seen", "\\Deleted", "\\Flagged", "work", "$Label1"][usize::try_from(pick(5)).unwrap()];
        let sign = ["+", "-", ""][usize::try_from(pick(3)).unwrap()];
        let silent = ["", ".SILENT"][usize::try_from(pick(2)).unwrap()];
        let command = match pick(if count == 0 { 6 } else { 14 }) {
            0 | 1 => {
                let text = message(&format!("{} of {}", self.commands, self.name), "Text.");
                format!("APPEND INBOX ({flag}) {{{}+}}\r\n{text}", text.len())
            }
            2 => "NOOP".to_owned(),
            3 => "EXPUNGE".to_owned(),
            4 => "UID FETCH 1:* (FLAGS)".to_owned(),
            5 => return self.idle().await,
            6 | 7 => format!("STORE {number}:{last} {sign}FLAGS{silent} ({flag})"),
            8 => format!("FETCH {number}:{last} (FLAGS UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"),
            9 => format!("FETCH {number} (BODY[TEXT])"),
            10 => format!("COPY {number} INBOX"),
            11 => format!(
                "SEARCH {number}:* {}",
                if flag.starts_with('\\') { "UNDELETED" } else { "KEYWORD work" }
            ),
            12 => format!("MOVE {number} Trash"),
            _ => {
                self.ask("CLOSE").await;
                return self.select().await;
            }
        };
        self.ask(&command).await;
    }

    async fn idle(&mut self) {
        self.commands += 1;
        let tag = format!("c{}x{}", self.name, self.commands);
        self.client.send(&format!("{tag} IDLE\r\n")).await;
        loop {
            let line = self.client.line().await;
            assert!(!self.client.ended, "the connection ended in IDLE");
            if line.starts_with("+ ") {
                self.client.send("DONE\r\n").await;
            } else if line.starts_with(&format!("{tag} OK")) {
                return;
            }
            self.told(&line, "IDLE");
        }
    }

    /// What it sees: UIDs and flags, sorted within a message.
    async fn seen(&mut self) -> Vec<String> {
        self.ask("NOOP").await;
        self.commands += 1;
        let tag = format!("c{}x{}", self.name, self.commands);
        self.client.send(&format!("{tag} UID FETCH 1:* (FLAGS)\r\n")).await;
        let mut lines = Vec::new();
        loop {
            let line = self.client.line().await;
            assert!(!self.client.ended, "the connection ended");
            if line.starts_with(&tag) {
                return lines;
            }
            self.told(&line, "UID FETCH");
            // Each message is recent for one client alone.
            lines.push(line.replace("\\Recent ", "").replace("\\Recent", ""));
        }
    }
}

async fn client(house: &House, world: &World, name: u64) -> Modelled {
    let random = Random::seeded(name * 31 + 5);
    let mut modelled = Modelled::new(house, name).await;
    modelled.select().await;
    for step in 0..STEPS {
        modelled.step(&random).await;
        if step % 20 == name {
            world.deliver_one(&world.people[0], message(&format!("{step} for {name}"), "Text.")).await;
        }
    }
    modelled
}

#[test]
fn p07_five_clients_at_once_agree_with_their_models_and_each_other() {
    both(1, |world| async move {
        let house = House::open(&world).await;
        let (house_, world_) = (&house, &world);
        let (mut one, mut two, mut three, mut four, mut five) = tokio::join!(
            client(house_, world_, 1),
            client(house_, world_, 2),
            client(house_, world_, 3),
            client(house_, world_, 4),
            client(house_, world_, CLIENTS),
        );
        let seen = one.seen().await;
        for other in [&mut two, &mut three, &mut four, &mut five] {
            assert_eq!(other.seen().await, seen, "client {}", other.name);
        }
        assert!(one.uids.iter().all(Option::is_some));
        house.close().await;
        world.sound().await;
    });
}

//! What scripts and settings make of a message, without a database.

use std::fmt::Write as _;
use std::sync::Arc;

use base::{AccountId, Clock, CollectionId, Ctx, Limits, Random};
use bytes::Bytes;

use super::compile::{self, Cache};
use super::engine::Engine;
use super::rules::{Before, Box_, Rules};
use super::{Actions, Forwarding, Letter, Place, Spam, Vacation};

const MESSAGE: &str = "Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n\
    From: Ada <ada@elsewhere.example>\r\nTo: zoe@bench.test\r\nSubject: Lunch\r\n\
    Message-ID: <1@elsewhere.example>\r\n\r\nAt noon?\r\n";

fn ctx() -> Ctx {
    Ctx::system(Clock::manual(1_800_000_000_000), Random::seeded(7), Arc::new(Limits::default()))
}

fn letter(body: &str) -> Letter {
    Letter {
        body: Bytes::from(body.to_owned()),
        sender: "ada@elsewhere.example".to_owned(),
        recipient: "zoe+lists@bench.test".to_owned(),
        spam: Spam::Unknown,
    }
}

fn rules(script: &str) -> Rules {
    let mailbox = |id, path: &str, role: &str| Box_ {
        id: CollectionId(id),
        path: path.to_owned(),
        role: role.to_owned(),
    };
    Rules {
        account: AccountId(1),
        name: "Zoé".to_owned(),
        address: "zoe@bench.test".to_owned(),
        addresses: vec!["zoe@bench.test".to_owned(), "zoe.alias@bench.test".to_owned()],
        may_forward_outside: true,
        script: (!script.is_empty()).then(|| ("main".to_owned(), script.replace('\n', "\r\n"))),
        mailboxes: vec![
            mailbox(1, "INBOX", "inbox"),
            mailbox(2, "Work", ""),
            mailbox(3, "Work/Lists", ""),
            mailbox(4, "Old", "archive"),
        ],
        ..Rules::default()
    }
}

fn run(rules: &Rules, letter: &Letter) -> Actions {
    Engine::new(&ctx(), &Cache::default(), rules, letter).run()
}

fn places(actions: &Actions) -> Vec<Place> {
    actions.files.iter().map(|target| target.place.clone()).collect()
}

/// Runs a script on the usual message; it must not fail.
fn does(script: &str) -> Actions {
    let actions = run(&rules(script), &letter(MESSAGE));
    assert_eq!(actions.faults, Vec::<String>::new(), "{script}");
    actions
}

#[test]
fn p09_without_a_script_mail_goes_to_the_inbox_and_junk_to_its_mailbox() {
    assert_eq!(places(&does("")), [Place::Inbox]);
    let junk = Letter { spam: Spam::Spam, ..letter(MESSAGE) };
    assert_eq!(places(&run(&rules("keep;"), &junk)), [Place::Junk]);
    let own = rules("require \"fileinto\"; fileinto \"INBOX\";");
    assert_eq!(places(&run(&own, &junk)), [Place::Inbox]);
}

#[test]
fn p09_each_extension_works() {
    let into = |condition: &str, require: &str| {
        format!("require [\"fileinto\", {require}];\nif {condition} {{ fileinto \"Work\"; }}")
    };
    for (require, condition) in [
        ("\"envelope\"", "envelope :domain \"from\" \"elsewhere.example\""),
        ("\"envelope\", \"subaddress\"", "envelope :detail \"to\" \"lists\""),
        ("\"body\"", "body :text :contains \"noon\""),
        ("\"regex\"", "header :regex \"subject\" \"^L.nch$\""),
        (
            "\"relational\", \"comparator-i;ascii-numeric\"",
            "header :count \"ge\" :comparator \"i;ascii-numeric\" \"received\" \"1\"",
        ),
        ("\"date\", \"relational\"", "currentdate :value \"ge\" \"year\" \"2020\""),
        ("\"index\", \"date\"", "date :index 1 :originalzone \"received\" \"year\" \"2026\""),
        ("\"mailbox\"", "mailboxexists [\"Work\", \"INBOX\"]"),
        ("\"mailboxid\"", "mailboxidexists \"F3\""),
        ("\"special-use\"", "specialuse_exists \"\\\\Archive\""),
        ("\"environment\"", "environment \"domain\" \"bench.test\""),
        ("\"ihave\"", "ihave \"fileinto\""),
        (
            "\"spamtest\", \"relational\", \"comparator-i;ascii-numeric\"",
            "spamtest :value \"eq\" :comparator \"i;ascii-numeric\" \"0\"",
        ),
        ("\"encoded-character\"", "header \"subject\" \"${hex:4c}unch\""),
        ("\"variables\"", "string \"a\" \"a\""),
        ("\"duplicate\"", "not duplicate"),
    ] {
        assert_eq!(
            places(&does(&into(condition, require))),
            [Place::Mailbox(CollectionId(2))],
            "{condition}"
        );
    }
}

#[test]
fn p09_fileinto_finds_mailboxes_by_path_role_and_id() {
    let file = |arguments: &str| {
        let script = format!(
            "require [\"fileinto\", \"mailbox\", \"mailboxid\", \"special-use\", \"copy\", \"imap4flags\"];\n\
             fileinto {arguments};"
        );
        places(&does(&script)).remove(0)
    };
    assert_eq!(file("\"Work/Lists\""), Place::Mailbox(CollectionId(3)));
    assert_eq!(file(":mailboxid \"F3\" \"Work\""), Place::Mailbox(CollectionId(3)));
    assert_eq!(file(":specialuse \"\\\\Archive\" \"Elsewhere\""), Place::Mailbox(CollectionId(4)));
    assert_eq!(file("\"None\""), Place::Inbox);
    assert_eq!(
        file(":create \"Work/New\""),
        Place::New { path: vec!["Work".to_owned(), "New".to_owned()], role: String::new() }
    );
}

#[test]
fn p09_flags_and_copies_come_together() {
    let actions = does(
        "require [\"fileinto\", \"copy\", \"imap4flags\"];\naddflag \"\\\\Flagged\";\n\
         fileinto :copy :flags [\"\\\\Seen\", \"work\"] \"Work\";",
    );
    let seen: Vec<_> =
        actions.files.iter().map(|target| (target.place.clone(), target.flags.join(" "))).collect();
    assert_eq!(
        seen,
        [(Place::Mailbox(CollectionId(2)), "\\Seen work".to_owned()), (Place::Inbox, "\\Flagged".to_owned())]
    );
}

#[test]
fn p09_edited_headers_are_in_what_is_kept_and_sent_on() {
    let actions = does(
        "require [\"editheader\", \"copy\"];\naddheader \"X-Filed\" \"yes\";\nredirect :copy \"eve@else.example\";",
    );
    let body = actions.files[0].body.clone().unwrap();
    assert!(String::from_utf8_lossy(&body).contains("X-Filed: yes\r\n"));
    let sent = String::from_utf8_lossy(&actions.redirects[0].body).into_owned();
    assert!(sent.starts_with("X-Loop: zoe@bench.test\r\n") && sent.contains("X-Filed: yes"), "{sent}");
}

#[test]
fn p09_reject_and_discard_leave_nothing() {
    let actions = does("require \"ereject\";\nereject \"Not here\";");
    assert_eq!(actions.reject.as_ref().unwrap().reason, "Not here");
    assert!(actions.is_gone());
    assert!(does("discard;").is_gone());
}

#[test]
fn p09_a_failing_script_keeps_the_message() {
    let includes = run(&rules("require \"include\";\ninclude \"missing\";"), &letter(MESSAGE));
    assert_eq!((places(&includes), includes.faults.len()), (vec![Place::Inbox], 1));
    let endless = run(&rules("require [\"ihave\"];\nerror \"no\";"), &letter(MESSAGE));
    assert_eq!((places(&endless), endless.faults.len()), (vec![Place::Inbox], 1));
    let wrong = run(&rules("this is no script"), &letter(MESSAGE));
    assert_eq!((places(&wrong), wrong.faults.len()), (vec![Place::Inbox], 1));
}

#[test]
fn p09_errors_name_line_and_column() {
    let limits = Limits::default();
    let error = compile::check(&limits, "keep;\r\nfileinto \"x\";\r\n").unwrap_err();
    assert!(error.rule().starts_with("line 2, column "), "{error}");
    let error = compile::check(&limits, "require \"fileinto\";\nrequire [\"nothing\"];\n").unwrap_err();
    assert_eq!(error.rule(), "line 2, column 10: requires \"nothing\", which this server does not have");
    let error = compile::check(&limits, "require \"enotify\";\n").unwrap_err();
    assert!(error.rule().contains("enotify"), "{error}");
    compile::check(&limits, "").unwrap();
    compile::check(&limits, "keep").unwrap_err();
}

#[test]
fn b09_the_domain_s_filters_run_before_the_person_s() {
    let before = |text: &str, terminal| Before { name: "domain".to_owned(), text: text.to_owned(), terminal };
    let own = "require [\"fileinto\", \"imap4flags\"]; fileinto \"Work\";";
    let with = |filter: Before| run(&Rules { before: vec![filter], ..rules(own) }, &letter(MESSAGE));
    // It decided: the person's does not run.
    assert_eq!(
        places(&with(before("require \"fileinto\"; fileinto \"Old\";", false))),
        [Place::Mailbox(CollectionId(4))]
    );
    // It kept the message: the person's runs.
    assert_eq!(places(&with(before("keep;", false))), [Place::Mailbox(CollectionId(2))]);
    let copy = "require [\"fileinto\", \"copy\"]; fileinto :copy \"Old\";";
    assert_eq!(
        places(&with(before(copy, false))),
        [Place::Mailbox(CollectionId(4)), Place::Mailbox(CollectionId(2))]
    );
    // It is terminal and did something.
    assert_eq!(places(&with(before(copy, true))), [Place::Mailbox(CollectionId(4)), Place::Inbox]);
    // Exceptions.
    let except = "if allof(header :contains \"subject\" \"lunch\", not address \"from\" \"ada@elsewhere.example\") { discard; }";
    assert_eq!(places(&with(before(except, true))), [Place::Mailbox(CollectionId(2))]);
}

fn away() -> Rules {
    let vacation = Vacation { active: true, text: "Je suis absente.".to_owned(), ..Vacation::default() };
    Rules { vacation: Some(vacation), ..rules("") }
}

#[test]
fn b10_an_answer_while_away_has_the_fields_of_rfc_3834() {
    let actions = run(&away(), &letter(MESSAGE));
    let reply = actions.reply.unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(reply.to, "ada@elsewhere.example");
    for part in [
        "Auto-Submitted: auto-replied\r\n",
        "In-Reply-To: <1@elsewhere.example>\r\n",
        "References: <1@elsewhere.example>\r\n",
        "Subject: Auto: Lunch\r\n",
        "<zoe@bench.test>\r\n",
        "Je suis absente.",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(reply.seen.expires_at, 1_800_000_000_000 + 3 * 86_400_000);
    assert_eq!(places(&run(&away(), &letter(MESSAGE))), [Place::Inbox]);
}

#[test]
fn b10_lists_robots_and_oneself_are_not_answered() {
    for field in [
        "List-Id: <a.example>",
        "Precedence: bulk",
        "Precedence: list",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: OOF",
        "X-Loop: someone@example.org",
    ] {
        let body = format!("{field}\r\n{MESSAGE}");
        assert_eq!(run(&away(), &letter(&body)).reply, None, "{field}");
    }
    for sender in
        ["", "zoe.alias@bench.test", "owner-l@x.example", "l-request@x.example", "MAILER-DAEMON@x.example"]
    {
        let letter = Letter { sender: sender.to_owned(), ..letter(MESSAGE) };
        assert_eq!(run(&away(), &letter).reply, None, "{sender}");
    }
    let other = MESSAGE.replace("To: zoe@", "To: list@");
    assert_eq!(run(&away(), &letter(&other)).reply, None, "not written to the person");
    let no = format!("Auto-Submitted: no\r\n{MESSAGE}");
    assert!(run(&away(), &letter(&no)).reply.is_some());
    let junk = Letter { spam: Spam::Spam, ..letter(MESSAGE) };
    assert_eq!(run(&away(), &junk).reply, None);
}

#[test]
fn p09_the_vacation_action_answers_with_what_the_script_says() {
    let script = "require [\"vacation\", \"variables\"];\n\
        if header :matches \"subject\" \"*\" { set \"s\" \"${1}\"; }\n\
        vacation :days 2 :subject \"Re: ${s}\" :from \"stranger@elsewhere.example\" \"Away until Monday\";";
    let evil = MESSAGE.replace("Subject: Lunch", "Subject: =?utf-8?q?a=0D=0ABcc:_x@y.example?=");
    let reply = run(&rules(script), &letter(&evil)).reply.unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(text.contains("Away until Monday") && text.contains("<zoe@bench.test>"), "{text}");
    assert!(!text.contains("\r\nBcc:") && !text.contains("stranger"), "{text}");
    assert_eq!(reply.seen.expires_at, 1_800_000_000_000 + 2 * 86_400_000);
    let list = format!("Precedence: junk\r\n{MESSAGE}");
    assert_eq!(run(&rules(script), &letter(&list)).reply, None);
}

#[test]
fn b10_vacation_is_in_force_between_its_dates() {
    let vacation = Vacation { active: true, from_ms: Some(10), until_ms: Some(20), ..Vacation::default() };
    assert_eq!([9, 10, 19, 20].map(|now| vacation.is_in_force(now)), [false, true, true, false]);
}

fn forwarding(keep: bool) -> Rules {
    let forwarding = Forwarding { active: true, addresses: vec!["eve@else.example".to_owned()], keep };
    Rules { forwarding: Some(forwarding), ..rules("") }
}

#[test]
fn b10_forwarding_keeps_a_copy_or_not() {
    let kept = run(&forwarding(true), &letter(MESSAGE));
    assert_eq!((places(&kept), kept.redirects.len()), (vec![Place::Inbox], 1));
    let gone = run(&forwarding(false), &letter(MESSAGE));
    assert_eq!((gone.is_gone(), gone.redirects[0].to.as_str()), (true, "eve@else.example"));
}

#[test]
fn b10_a_message_that_comes_back_is_kept_and_not_sent_on() {
    let once = run(&forwarding(false), &letter(MESSAGE));
    let back = String::from_utf8(once.redirects[0].body.to_vec()).unwrap();
    let again = run(&forwarding(false), &letter(&back));
    assert_eq!((places(&again), again.redirects.len()), (vec![Place::Inbox], 0));
    let script = run(&rules("redirect \"eve@else.example\";"), &letter(&back));
    assert_eq!((places(&script), script.redirects.len()), (vec![Place::Inbox], 0));
    let far = "Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n".repeat(25) + MESSAGE;
    assert_eq!(run(&forwarding(false), &letter(&far)).redirects.len(), 0);
}

#[test]
fn p09_a_duplicate_is_known_by_what_came_before() {
    let script = "require \"duplicate\";\nif duplicate { discard; }";
    let first = does(script);
    assert_eq!((first.seen.len(), places(&first)), (1, vec![Place::Inbox]));
    let mut second = rules(script);
    second.seen.insert(first.seen[0].key);
    assert!(run(&second, &letter(MESSAGE)).is_gone());
}

#[test]
fn p09_what_one_script_can_use_up_is_bounded() {
    let mut script = "require [\"fileinto\", \"mailbox\", \"copy\"];\n".to_owned();
    for number in 0..200 {
        let _ = write!(
            script,
            "fileinto :copy :create \"m{number}\";\nredirect :copy \"a{number}@b.example\";\n"
        );
    }
    let actions = does(&script);
    assert_eq!((actions.files.len(), actions.redirects.len()), (32, 10));
    let garbage = "\u{0}\u{1}((((".repeat(100);
    let _ = compile::check(&Limits::default(), &garbage);
    let deep = "if ".to_owned() + &"anyof(".repeat(5_000) + "true" + &")".repeat(5_000) + " { keep; }";
    assert!(compile::check(&Limits::default(), &deep).is_err());
}

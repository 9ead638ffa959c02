//! Commands of IMAP: known answers, refusals, and what must be true of any input.

use codec::imap::{
    Bounds, Command, Compare, DateField, Event, FaultKind, FetchItem, Key, MessageUrl, Notify, Numbers,
    Partial, Ranges, Section, SectionText, SequenceSet, SortBy, date, parse, utf7, write,
};
use proptest::prelude::*;

fn command(text: &str) -> Command {
    match parse(text.as_bytes(), &Bounds::default()) {
        Ok(tagged) => tagged.command,
        Err(refused) => panic!("{text}: {refused:?}"),
    }
}

fn refusal(text: &str) -> FaultKind {
    match parse(text.as_bytes(), &Bounds::default()) {
        Ok(tagged) => panic!("{text}: {:?}", tagged.command),
        Err(refused) => refused.fault.kind,
    }
}

#[test]
fn p07_strings_come_in_three_forms() {
    for text in ["a LOGIN u \"p\\\"w\\\\\"", "a login {1}\r\nu {4+}\r\np\"w\\", "a LoGiN \"u\" {4}\r\np\"w\\"]
    {
        let Command::Login(login) = command(text) else { panic!("{text}") };
        assert_eq!((login.user.as_str(), login.password.as_str()), ("u", "p\"w\\"));
    }
    for text in [
        "a LOGIN u",
        "a LOGIN u p x",
        "a LOGIN u \"p",
        "a LOGIN u {9}\r\np",
        "a LOGIN u \"\\x\"",
        "a LOGIN  u p",
    ] {
        assert_eq!(refusal(text), FaultKind::Syntax, "{text}");
    }
    assert!(!format!("{:?}", command("a LOGIN u hidden")).contains("hidden"));
    assert_eq!(refusal("a XYZZY"), FaultKind::Unknown);
    assert!(parse(b"+ NOOP", &Bounds::default()).unwrap_err().tag.is_none());
}

#[test]
fn p07_sets_are_resolved() {
    let Command::Fetch(fetch) = command("a FETCH 3,1:2,5:*,*:4 FLAGS") else { panic!() };
    let Numbers::Set(set) = fetch.numbers else { panic!() };
    assert_eq!(set.to_string(), "3,1:2,5:*,*:4");
    assert_eq!(set.resolve(7).to_string(), "1:7");
    assert_eq!(SequenceSet(vec![(9, 0)]).resolve(7).to_string(), "7:9");
    assert_eq!(SequenceSet(vec![(1, 0)]).resolve(0).to_string(), "1");
    assert_eq!(SequenceSet(vec![(0, 0)]).resolve(0), Ranges::EMPTY);
    for text in [
        "a FETCH 0 FLAGS",
        "a FETCH 1: FLAGS",
        "a FETCH ,1 FLAGS",
        "a FETCH 4294967296 FLAGS",
        "a FETCH 01 FLAGS",
    ] {
        assert_eq!(refusal(text), FaultKind::Syntax, "{text}");
    }
}

#[test]
fn p07_fetch_items_are_read() {
    let text = "a UID FETCH $ (BODY.PEEK[1.2.HEADER.FIELDS.NOT (To \"Cc\")]<10.20> BINARY[3] BODY PREVIEW (LAZY) RFC822.SIZE \
                BODY[1.MIME]) (CHANGEDSINCE 5 VANISHED)";
    let Command::Fetch(fetch) = command(text) else { panic!() };
    assert!(fetch.uid && fetch.numbers == Numbers::Saved && fetch.modifiers.vanished);
    let names = vec!["To".to_owned(), "Cc".to_owned()];
    let section = Section { part: vec![1, 2], text: SectionText::Fields { not: true, names } };
    assert_eq!(
        fetch.items,
        [
            FetchItem::Section { section, peek: true, partial: Some(Partial { offset: 10, length: 20 }) },
            FetchItem::Binary { part: vec![3], peek: false, partial: None },
            FetchItem::Body,
            FetchItem::Preview { lazy: true },
            FetchItem::Size,
            FetchItem::Section {
                section: Section { part: vec![1], text: SectionText::Mime },
                peek: false,
                partial: None
            },
        ]
    );
    for text in [
        "a FETCH 1 BODY[MIME]",
        "a FETCH 1 BODY[1.]",
        "a FETCH 1 BODY[TEXT]<0.0>",
        "a FETCH 1 ()",
        "a FETCH 1 (FLAGS UID) x",
        "a FETCH 1 (ALL)",
        "a FETCH 1 FLAGS (VANISHED)",
        "a FETCH 1 BODY[HEADER.FIELDS ()]",
    ] {
        assert_eq!(refusal(text), FaultKind::Syntax, "{text}");
    }
}

#[test]
fn p07_searches_are_read() {
    let Command::Search(search) = command(
        "a SEARCH RETURN (MIN COUNT) CHARSET utf-8 1:3 NOT (FROM x OR SEEN KEYWORD k) SENTON 1-Feb-1994",
    ) else {
        panic!()
    };
    let returns = search.returns.unwrap();
    assert!(returns.min && returns.count && !returns.all);
    let or =
        Key::Or(Box::new(Key::Flag("\\Seen".to_owned(), true)), Box::new(Key::Flag("k".to_owned(), true)));
    let from = Key::Header("FROM".to_owned(), "x".to_owned());
    let day = date::Day::from_civil(1994, 2, 1).unwrap();
    assert_eq!(
        search.key,
        Key::And(vec![
            Key::Sequence(Numbers::Set(SequenceSet(vec![(1, 3)]))),
            Key::Not(Box::new(Key::And(vec![from, or]))),
            Key::Date(DateField::Sent, Compare::On, day),
        ])
    );
    assert_eq!(refusal("a SEARCH CHARSET latin-9 ALL"), FaultKind::Charset);
    let deep = format!("a SEARCH {}ALL{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(refusal(&deep), FaultKind::Limit);
    assert_eq!(refusal(&format!("a SEARCH{}", " ALL".repeat(1_000))), FaultKind::Limit);
    assert_eq!(refusal(&format!("a SEARCH{} ALL", " NOT".repeat(1_000))), FaultKind::Limit);
    for text in [
        "a SEARCH",
        "a SEARCH ()",
        "a SEARCH ON 31-Feb-2020",
        "a SEARCH OR ALL",
        "a SEARCH LARGER x",
        "a SEARCH OLDER 0",
    ] {
        assert_eq!(refusal(text), FaultKind::Syntax, "{text}");
    }
}

#[test]
fn p07_sorts_lists_and_notifications_are_read() {
    let Command::Sort(sort) = command("a SORT (REVERSE DATE DISPLAYFROM) UTF-8 ALL") else { panic!() };
    assert_eq!(
        sort.criteria.iter().map(|c| (c.by, c.reverse)).collect::<Vec<_>>(),
        [(SortBy::Date, true), (SortBy::DisplayFrom, false)]
    );
    let Command::List(list) = command(
        "a LIST (SUBSCRIBED RECURSIVEMATCH) \"x/\" (% \"&AMk-*\") RETURN (CHILDREN STATUS (MESSAGES SIZE))",
    ) else {
        panic!()
    };
    assert_eq!(list.patterns, ["%", "É*"]);
    assert!(list.recursive && list.returns.status.len() == 2);
    let Command::Notify(Notify::Set { groups, .. }) =
        command("a NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge)) (SUBTREE (a b) NONE)")
    else {
        panic!()
    };
    assert_eq!(groups[0].events, [Event::MessageNew(vec![FetchItem::Uid]), Event::MessageExpunge]);
    assert!(groups[1].events.is_empty());
}

#[test]
fn p07_urls_name_parts_of_messages() {
    let bounds = Bounds::default();
    let url =
        MessageUrl::parse("/B%C3%BCro/x;UIDVALIDITY=3/;uid=20/;SECTION=1.2.MIME/;PARTIAL=5.10", &bounds)
            .unwrap();
    assert_eq!(url.mailbox.as_deref(), Some("Büro/x"));
    assert_eq!((url.uidvalidity, url.uid), (Some(3), 20));
    assert_eq!(url.section, Some(Section { part: vec![1, 2], text: SectionText::Mime }));
    assert_eq!(url.partial, Some(Partial { offset: 5, length: 10 }));
    let own = MessageUrl::parse("imap://u@host/INBOX/;UID=1", &bounds).unwrap();
    assert_eq!((own.server.as_deref(), own.mailbox.as_deref()), (Some("u@host"), Some("INBOX")));
    assert_eq!(MessageUrl::parse(";UID=7", &bounds).unwrap().mailbox, None);
    for text in ["", "/INBOX", "/INBOX/;UID=0", "/INBOX/;UID=1/;X=2", "/%zz/;UID=1", "http://x/;UID=1x"] {
        assert!(MessageUrl::parse(text, &bounds).is_none(), "{text}");
    }
}

#[test]
fn p07_names_have_one_form_in_utf7() {
    for (name, wire) in [
        ("INBOX", "INBOX"),
        ("a&b", "a&-b"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("台北", "&U,BTFw-"),
        ("😀", "&2D3eAA-"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ] {
        assert_eq!(utf7::encode(name), wire);
        assert_eq!(utf7::decode(wire.as_bytes()).as_deref(), Some(name));
    }
    for wire in ["&", "&a", "&AGE-", "&U,BTFw", "é", "&U,BTFw-&ZeVnLIqe-", "&2D0-"] {
        assert_eq!(utf7::decode(wire.as_bytes()), None, "{wire}");
    }
    assert_eq!(refusal("a SELECT &&"), FaultKind::Name);
}

#[test]
fn p07_dates_are_days_and_moments() {
    assert_eq!(date::write_date_time(0, 0), " 1-Jan-1970 00:00:00 +0000");
    let text = "a APPEND x \"17-Jul-1996 02:44:25 -0700\" {1}\r\nx";
    let Command::Append(append) = command(text) else { panic!() };
    assert_eq!(append.messages[0].received_at, Some(837_596_665_000));
    assert_eq!(date::write_date_time(837_596_665_000, 0), "17-Jul-1996 09:44:25 +0000");
    assert_eq!(date::Day::from_civil(2000, 2, 29).map(date::Day::civil), Some((2000, 2, 29)));
    assert_eq!(date::Day::from_civil(1900, 2, 29), None);
}

/// What [`Ranges`] does, done with a plain set.
fn model(numbers: &[u32]) -> Vec<u32> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

proptest! {
    #[test]
    fn p07_any_name_survives_utf7(name in "\\PC{0,40}") {
        let wire = utf7::encode(&name);
        prop_assert!(wire.is_ascii());
        prop_assert_eq!(utf7::decode(wire.as_bytes()), Some(name));
    }

    #[test]
    fn p07_any_wire_name_has_one_meaning(wire in "[ -~]{0,20}") {
        if let Some(name) = utf7::decode(wire.as_bytes()) {
            prop_assert_eq!(utf7::encode(&name), wire);
        }
    }

    #[test]
    fn p07_ranges_are_sets(left in proptest::collection::vec(1_u32..60, 0..40),
                           right in proptest::collection::vec(1_u32..60, 0..40)) {
        let (mut a, mut b) = (Ranges::default(), Ranges::default());
        for number in &left { a.insert(*number); }
        for number in &right { b.insert(*number); }
        let (left, right) = (model(&left), model(&right));
        prop_assert_eq!(a.iter().collect::<Vec<_>>(), left.clone());
        prop_assert_eq!(a.len() as usize, left.len());
        let both: Vec<u32> = left.iter().copied().filter(|number| right.contains(number)).collect();
        let rest: Vec<u32> = left.iter().copied().filter(|number| !right.contains(number)).collect();
        prop_assert_eq!(a.intersect(&b).iter().collect::<Vec<_>>(), both.clone());
        prop_assert_eq!(a.without(&b).iter().collect::<Vec<_>>(), rest);
        let ranks: Vec<u32> = (1..).zip(&left).filter(|(_, number)| right.contains(number)).map(|(rank, _)| rank).collect();
        prop_assert_eq!(a.ranks_of(&b).iter().collect::<Vec<_>>(), ranks);
        let at: Vec<u32> = (1..).zip(&left).filter(|(rank, _)| right.contains(rank)).map(|(_, number)| *number).collect();
        prop_assert_eq!(a.at_ranks(&b).iter().collect::<Vec<_>>(), at);
        for number in 1..60 {
            prop_assert_eq!(a.contains(number), left.contains(&number));
            prop_assert_eq!(a.rank(number).and_then(|rank| a.at(rank)), left.contains(&number).then_some(number));
        }
        let mut c = a.clone();
        for number in &both {
            prop_assert!(c.remove(*number));
        }
        prop_assert_eq!(c, a.without(&b));
    }

    #[test]
    fn p07_strings_are_read_as_they_were_written(value in proptest::collection::vec(1_u8..=255, 0..60)) {
        let mut text = b"a GETQUOTA ".to_vec();
        write::astring(&mut text, &value, false);
        let read = parse(&text, &Bounds::default()).map(|tagged| tagged.command);
        match String::from_utf8(value) {
            Ok(value) => prop_assert_eq!(read, Ok(Command::GetQuota(value))),
            Err(_) => prop_assert!(read.is_err()),
        }
    }

    #[test]
    fn p07_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Bounds::default());
    }
}

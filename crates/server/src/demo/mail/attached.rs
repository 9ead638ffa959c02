//! Letters with something attached: files, pictures, other letters, invitations.

use base::Result;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;

use super::files::{pdf, picture};
use super::letter::{Body, CAMILLE, CONTACT, EDWARD, FRANCOIS, INES, Letter, OLIVIA, Place, Who, ZOE};

/// All of them, for a sample that is made at a time in seconds since 1970.
pub fn letters(now: i64) -> Result<Vec<Letter>> {
    let mut all = files();
    all.extend(pictures());
    all.extend(invitations(now));
    all.extend(forwarded(now)?);
    Ok(all)
}

fn text(text: &str) -> MimePart<'static> {
    MimePart::new("text/plain", text.to_owned())
}

fn mixed(parts: Vec<MimePart<'static>>) -> Body {
    Body::Parts(MimePart::new("multipart/mixed", parts))
}

fn file(kind: &'static str, name: &'static str, bytes: Vec<u8>) -> MimePart<'static> {
    MimePart::new(kind, bytes).attachment(name)
}

fn files() -> Vec<Letter> {
    let quote = pdf(&[
        "Fonderie Delattre",
        "",
        "Devis n° 2026-117",
        "",
        "Taille de deux dents, grande roue",
        "Prix hors taxes : 4 380,00 euros",
        "Validité : 60 jours",
    ]);
    let plan = pdf(&[
        "Chambre de l'horloge",
        "",
        "Plan au 1/20, feuille 1 sur 1",
        "Cote A : 2 140 mm",
        "Cote B : 1 655 mm",
    ]);
    let figures = "mois;visiteurs;recettes\njanvier;2140;11984\nfévrier;2377;13310\nmars;3102;17680\navril;4980;28400\n";
    let log = (0..240).fold(String::new(), |all, line| {
        format!("{all}{:02}:{:02} strike ok, {} ms\n", line / 10, line % 10 * 6, 310 + line % 17)
    });
    vec![
        Letter::new("quote", ("Fonderie Delattre", "devis@fonderie-delattre.example"), &[INES, CAMILLE], 80.2, "Devis : taille de deux dents", "")
            .body(mixed(vec![text("Madame,\n\nVeuillez trouver ci-joint notre devis pour la taille de deux dents.\n\nR. Delattre\n"), file("application/pdf", "Devis 2026-117.pdf", quote)]))
            .at(Place::Filed("Atelier/Horloge/Devis")).with(&["\\Flagged", "\\Answered"]),
        Letter::new("plan", ZOE, &[CAMILLE, FRANCOIS], 76.0, "Plan de la chambre de l'horloge", "")
            .body(mixed(vec![text("Voici le plan, avec les cotes que j'ai reprises hier.\n\nZoé\n"), file("application/pdf", "Chambre de l'horloge – plan.pdf", plan)]))
            .at(Place::Filed("Atelier/Horloge/Plans")),
        Letter::new("figures", INES, &[CAMILLE, EDWARD], 19.4, "Chiffres du premier trimestre", "")
            .body(mixed(vec![text("Bonjour,\n\nles chiffres du trimestre sont dans le tableau joint.\n\nInès\n"), MimePart::new("text/csv", figures.to_owned()).attachment("premier-trimestre.csv")]))
            .at(Place::Filed("Direction/Budget")),
        Letter::new("log", ZOE, &[FRANCOIS], 2.9, "Journal des marteaux", "")
            .body(mixed(vec![text("Regarde la colonne de droite : le ré dièse est régulier maintenant.\n"), MimePart::new("text/plain", log).attachment("marteaux.log")])),
        Letter::new("contract", ("Studio Vox", "production@studio-vox.example"), &[EDWARD, CAMILLE], 0.3, "Contract for the recording, to be signed", "")
            .body(mixed(vec![
                MimePart::new("multipart/alternative", vec![
                    text("Dear Edward,\n\nplease sign both copies and send one back.\n\nStudio Vox\n"),
                    MimePart::new("text/html", "<p>Dear Edward,</p><p>please sign <b>both</b> copies and send one back.</p><p>Studio Vox</p>\n".to_owned()),
                ]),
                file("application/pdf", "Contract, copy 1.pdf", pdf(&["Studio Vox", "", "Contract for the recording of an audio guide", "Copy 1"])),
                file("application/pdf", "Contract, copy 2.pdf", pdf(&["Studio Vox", "", "Contract for the recording of an audio guide", "Copy 2"])),
            ])).with(&["\\Flagged"]),
    ]
}

fn pictures() -> Vec<Letter> {
    let html = "<p>Trois photos de la tour, prises hier soir.</p><p><img src=\"cid:soir@tour.example\" alt=\"La tour au soir\" width=\"320\"></p><p>Zoé</p>\n";
    let shown = MimePart::new("image/png", picture(0)).inline().cid("soir@tour.example");
    let photos = MimePart::new(
        "multipart/mixed",
        vec![
            MimePart::new(
                "multipart/alternative",
                vec![
                    text("Trois photos de la tour, prises hier soir.\n\nZoé\n"),
                    MimePart::new(
                        "multipart/related",
                        vec![MimePart::new("text/html", html.to_owned()), shown],
                    ),
                ],
            ),
            file("image/png", "tour-19h.png", picture(2)),
            file("image/png", "tour-20h.png", picture(5)),
        ],
    );
    vec![
        Letter::new("photos", ZOE, &[CAMILLE, EDWARD, FRANCOIS, OLIVIA, INES], 1.1, "La tour hier soir", "")
            .body(Body::Parts(photos)),
        Letter::new(
            "hat-photo",
            ("Tom Okafor", "tom@okafor.example"),
            &[CONTACT, OLIVIA],
            0.15,
            "Re: A red hat 🎩",
            "",
        )
        .body(mixed(vec![
            text("This is where it sat, on the left of the door.\n"),
            file("image/png", "IMG_2041.png", picture(3)),
        ])),
    ]
}

/// A point in time as iCalendar writes it.
fn stamp(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

struct Meeting {
    id: &'static str,
    from: Who,
    to: &'static [Who],
    sent_days_ago: f64,
    /// Days from the making of the sample to the meeting, and its hour.
    days: i64,
    hour: i64,
    title: &'static str,
    place: &'static str,
    text: &'static str,
    rule: &'static str,
    method: &'static str,
}

const MEETINGS: &[Meeting] = &[
    Meeting {
        id: "inauguration",
        from: CAMILLE,
        to: &[ZOE, FRANCOIS, EDWARD, INES, OLIVIA],
        sent_days_ago: 0.7,
        days: 5,
        hour: 11,
        title: "Inauguration de l'horloge",
        place: "Au pied de la tour",
        text: "Le maire parle à 11 h 45, l'horloge repart à midi.",
        rule: "",
        method: "REQUEST",
    },
    Meeting {
        id: "recording",
        from: EDWARD,
        to: &[OLIVIA, CAMILLE],
        sent_days_ago: 2.2,
        days: 3,
        hour: 7,
        title: "Recording with Mrs Whitcombe",
        place: "Salle des cloches",
        text: "Before the first ring, please be quiet on the stairs.",
        rule: "",
        method: "REQUEST",
    },
    Meeting {
        id: "weekly",
        from: CAMILLE,
        to: &[EDWARD, ZOE, FRANCOIS, INES],
        sent_days_ago: 60.0,
        days: 2,
        hour: 9,
        title: "Réunion du lundi",
        place: "Bureau de la direction",
        text: "Une demi-heure, debout.",
        rule: "RRULE:FREQ=WEEKLY;COUNT=20\r\n",
        method: "REQUEST",
    },
    Meeting {
        id: "climb",
        from: ("Gent Klokken", "info@gent-klokken.example"),
        to: &[FRANCOIS, ZOE],
        sent_days_ago: 10.0,
        days: 20,
        hour: 14,
        title: "Torenbeklimming en koffie",
        place: "Belfort",
        text: "Tot dan!",
        rule: "",
        method: "REQUEST",
    },
    Meeting {
        id: "fire-drill",
        from: FRANCOIS,
        to: &[CAMILLE, EDWARD, OLIVIA, ZOE, INES],
        sent_days_ago: 0.5,
        days: 1,
        hour: 8,
        title: "Exercice d'évacuation",
        place: "Escalier nord",
        text: "Reporté : l'escalier est encombré.",
        rule: "",
        method: "CANCEL",
    },
];

fn invitations(now: i64) -> Vec<Letter> {
    MEETINGS.iter().map(|meeting| invitation(meeting, now)).collect()
}

fn invitation(meeting: &Meeting, now: i64) -> Letter {
    let start = now - now.rem_euclid(86_400) + meeting.days * 86_400 + meeting.hour * 3_600;
    let status = if meeting.method == "CANCEL" { "CANCELLED" } else { "CONFIRMED" };
    let people = meeting.to.iter().fold(String::new(), |all, (name, address)| {
        format!("{all}ATTENDEE;CN=\"{name}\";PARTSTAT=NEEDS-ACTION;RSVP=TRUE:\r\n mailto:{address}\r\n")
    });
    let calendar = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Beffroi//Demo//EN\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n\
         UID:{id}@tour.example\r\nDTSTAMP:{stamp}\r\nDTSTART:{from}\r\nDTEND:{until}\r\n{rule}SUMMARY:{title}\r\n\
         LOCATION:{place}\r\nDESCRIPTION:{text}\r\nSTATUS:{status}\r\nSEQUENCE:0\r\nORGANIZER;CN=\"{name}\":\r\n mailto:{address}\r\n\
         {people}END:VEVENT\r\nEND:VCALENDAR\r\n",
        method = meeting.method,
        id = meeting.id,
        stamp = stamp(now),
        from = stamp(start),
        until = stamp(start + 3_600),
        rule = meeting.rule,
        title = meeting.title,
        place = meeting.place,
        text = meeting.text.replace(',', "\\,"),
        name = meeting.from.0,
        address = meeting.from.1,
    );
    let kind =
        ContentType::new("text/calendar").attribute("method", meeting.method).attribute("charset", "utf-8");
    let body = MimePart::new(
        "multipart/mixed",
        vec![
            MimePart::new(
                "multipart/alternative",
                vec![
                    text(&format!("{}\n{}\n\n{}\n", meeting.title, meeting.place, meeting.text)),
                    MimePart::new(kind, calendar.clone()),
                ],
            ),
            MimePart::new("application/ics", calendar.into_bytes()).attachment("invite.ics"),
        ],
    );
    let subject = if meeting.method == "CANCEL" {
        format!("Annulé : {}", meeting.title)
    } else {
        meeting.title.to_owned()
    };
    Letter::new(meeting.id, meeting.from, meeting.to, meeting.sent_days_ago, &subject, "")
        .body(Body::Parts(body))
}

/// A letter as an attachment of another. Bodies are in ASCII by then, as RFC 2046 wants it.
fn enclosed(letter: Letter, now: i64, name: &'static str) -> Result<MimePart<'static>> {
    let sent_at = now - letter.minutes_ago * 60;
    let message = letter.message(sent_at)?;
    let part = MimePart::new("message/rfc822", message.to_vec()).attachment(name).transfer_encoding("7bit");
    Ok(part)
}

fn forwarded(now: i64) -> Result<Vec<Letter>> {
    let told = Letter::new(
        "enclosed-1",
        ("Service des archives", "archives@ville.example"),
        &[CAMILLE],
        24.0,
        "Registre de P. Lemaire",
        "Madame,\n\nle registre de l'horloger Pierre Lemaire est consultable salle 2, cote 4 J 118.\n\nLe service des archives\n",
    );
    let inner = mixed(vec![
        text("Pour mémoire, voici ce que nous avaient écrit les archives.\n\nCamille\n"),
        enclosed(told, now, "Registre de P. Lemaire.eml")?,
    ]);
    let outer = Letter::new("enclosed-2", CAMILLE, &[ZOE, FRANCOIS], 22.0, "Tr : Registre de P. Lemaire", "")
        .body(inner);
    let both = mixed(vec![
        text(
            "Edward, both letters for your text about Lemaire: mine, and inside it the one of the archives.\n\nZoé\n",
        ),
        enclosed(outer.clone(), now, "Registre.eml")?,
    ]);
    let twice =
        Letter::new("enclosed-3", ZOE, &[EDWARD, CAMILLE], 20.5, "Fwd: Tr : Registre de P. Lemaire", "")
            .body(both);
    let complaints = mixed(vec![
        text(
            "Two complaints of this week, for our meeting. The second one is about the bells, at noon, being loud.\n\nOlivia\n",
        ),
        enclosed(
            Letter::new(
                "complaint-1",
                ("H. Price", "h.price@visitors.example"),
                &[CONTACT],
                6.0,
                "Too many steps",
                "There are 214 steps. The leaflet says \"a few\".\n",
            ),
            now,
            "Too many steps.eml",
        )?,
        enclosed(
            Letter::new(
                "complaint-2",
                ("K. Vos", "k.vos@visitors.example"),
                &[CONTACT],
                5.8,
                "Noise",
                "At twelve o'clock there was a terrible noise.\n",
            ),
            now,
            "Noise.eml",
        )?,
    ]);
    let weekly = Letter::new("complaints", OLIVIA, &[EDWARD, CAMILLE], 5.0, "Complaints of the week", "")
        .body(complaints)
        .with(&["\\Answered"]);
    Ok(vec![outer, twice, weekly])
}

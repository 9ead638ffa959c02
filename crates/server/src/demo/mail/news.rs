//! Newsletters in HTML, as they come every month.

use super::letter::{Body, CAMILLE, CONTACT, EDWARD, FRANCOIS, INES, Letter, OLIVIA, Place, Who, ZOE};

struct Paper {
    id: &'static str,
    from: Who,
    to: &'static [Who],
    title: &'static str,
    colour: &'static str,
    stories: &'static [(&'static str, &'static str)],
    goodbye: &'static str,
    days_apart: u32,
    editions: u32,
}

const PAPERS: &[Paper] = &[
    Paper {
        id: "cadran",
        from: ("Le Cadran", "lettre@le-cadran.example"),
        to: &[CAMILLE, ZOE, FRANCOIS],
        title: "Le Cadran, lettre des gardiens d'horloges",
        colour: "#7a4a12",
        stories: &[
            (
                "Un échappement de 1720 retrouvé",
                "Sous trois couches de peinture, dans le clocher d'un village de la plaine, un échappement à roue de rencontre attendait son heure depuis trois siècles.",
            ),
            (
                "Graisser ou ne pas graisser ?",
                "La grande question de l'hiver. Nos lecteurs ont répondu : 212 pour, 198 contre, et un qui demande ce qu'est une graisse.",
            ),
            (
                "Portrait",
                "Elle remonte chaque matin quatre horloges à pied, été comme hiver. « Le plus dur, dit-elle, c'est de ne pas regarder l'heure. »",
            ),
            (
                "L'heure d'hiver",
                "Ne reculez jamais les aiguilles : arrêtez le balancier une heure, prenez un café, et repartez.",
            ),
            (
                "Agenda",
                "Rencontres nationales, les 8 et 9, dans la halle aux draps. Inscription avant la fin du mois.",
            ),
        ],
        goodbye: "Vous recevez cette lettre parce que votre tour est abonnée. Se désabonner",
        days_apart: 30,
        editions: 8,
    },
    Paper {
        id: "visitor",
        from: ("Visitor Matters", "news@visitor-matters.example"),
        to: &[EDWARD, OLIVIA, CONTACT],
        title: "Visitor Matters: monuments that people love",
        colour: "#0b5c6b",
        stories: &[
            (
                "Queues that people enjoy",
                "A cathedral in the north let its visitors ring a hand bell while they waited. Complaints fell by half; the neighbours moved away.",
            ),
            (
                "Fewer signs, fewer questions",
                "We counted: each sign that was removed saved the guides eleven questions a day.",
            ),
            (
                "The quiet hour",
                "One hour a week without audio guides, announcements and groups. It is booked out until spring.",
            ),
            ("Steps", "Everybody asks how many there are. Tell them at the bottom, not at the top."),
            (
                "Rain",
                "What to do with four hundred people and one staircase: seven good answers from seven towers.",
            ),
        ],
        goodbye: "You get this because you subscribed at a conference. Unsubscribe",
        days_apart: 21,
        editions: 9,
    },
    Paper {
        id: "compta",
        from: ("Comptes clairs", "infos@comptes-clairs.example"),
        to: &[INES],
        title: "Comptes clairs : l'essentiel du mois",
        colour: "#2c5d2f",
        stories: &[
            ("Facture électronique", "Ce qui change au 1er du mois prochain, en cinq points et un schéma."),
            (
                "Subventions",
                "Comment les inscrire, quand les étaler, et pourquoi il ne faut pas attendre la clôture.",
            ),
            (
                "Le chiffre",
                "62 % des associations paient leurs fournisseurs avant l'échéance. Les cloches, elles, sonnent toujours à l'heure.",
            ),
            ("Modèle à télécharger", "Un tableau de trésorerie sur douze mois, sans macros."),
        ],
        goodbye: "Se désabonner en un clic",
        days_apart: 28,
        editions: 7,
    },
];

/// Every edition of every paper.
pub fn letters() -> Vec<Letter> {
    PAPERS.iter().flat_map(|paper| (0..paper.editions).map(move |number| edition(paper, number))).collect()
}

fn edition(paper: &Paper, number: u32) -> Letter {
    let days_ago = f64::from(number * paper.days_apart) + 0.8;
    let issue = 48 - number;
    let stories: Vec<_> =
        (0..3).filter_map(|step| paper.stories.get((number as usize + step) % paper.stories.len())).collect();
    let headline = stories.first().map_or("", |story| story.0);
    let subject = format!("{headline} · n° {issue}");
    let mut text = format!("{}\n\n", paper.title);
    let mut rows = String::new();
    for (title, story) in &stories {
        text.extend([title, "\n\n", story, "\n\n"]);
        rows.extend([
            "<tr><td style=\"padding:16px 24px\"><h2 style=\"margin:0 0 6px;font-size:19px;color:",
            paper.colour,
            "\">",
            title,
            "</h2><p style=\"margin:0;line-height:1.5\">",
            story,
            "</p></td></tr>\n",
        ]);
    }
    let host = paper.from.1.split_once('@').map_or("", |(_, host)| host);
    text.extend([paper.goodbye, ": https://", host, "/bye\n"]);
    let html = format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>@media (max-width:600px){{.sheet{{width:100%}}}}</style></head>\n\
         <body style=\"margin:0;background:#eee7dc;font-family:Georgia,serif;color:#222\">\n\
         <table class=\"sheet\" role=\"presentation\" width=\"600\" align=\"center\" cellspacing=\"0\" \
         style=\"background:#fff;border-collapse:collapse\">\n\
         <tr><td style=\"background:{colour};color:#fff;padding:24px\"><div style=\"font-size:13px\">n° {issue}</div>\
         <h1 style=\"margin:0;font-size:26px\">{title}</h1></td></tr>\n{rows}\
         <tr><td style=\"padding:16px 24px\"><a href=\"https://{host}/{issue}\" style=\"display:inline-block;\
         background:{colour};color:#fff;padding:10px 18px;text-decoration:none;border-radius:4px\">→</a></td></tr>\n\
         <tr><td style=\"padding:12px 24px;font-size:12px;color:#777\"><a href=\"https://{host}/bye\">{goodbye}</a>\
         <img src=\"https://{host}/open/{issue}.gif\" width=\"1\" height=\"1\" alt=\"\"></td></tr>\n\
         </table></body></html>\n",
        title = paper.title,
        colour = paper.colour,
        goodbye = paper.goodbye,
    );
    let place = if number < 3 { Place::Inbox } else { Place::Archive };
    Letter::new(&format!("{}-{issue}", paper.id), paper.from, paper.to, days_ago, &subject, "")
        .body(Body::Html(text, html))
        .header("List-Id", &format!("<{}.{host}>", paper.id))
        .header("List-Unsubscribe", &format!("<https://{host}/bye>"))
        .header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        .at(place)
}

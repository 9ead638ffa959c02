//! Conversations among the people of the tower.

use super::letter::{CAMILLE, CONTACT, EDWARD, FRANCOIS, INES, Letter, OLIVIA, Place, Who, ZOE};

/// What is said in a long conversation: who, and what.
const RESTORATION: &[(Who, &str)] = &[
    (
        CAMILLE,
        "Bonjour à tous,\n\nLa région nous accorde la subvention pour restaurer le mécanisme de l'horloge. Il nous faut un calendrier avant la fin du mois : qui commence, par quoi, et combien de temps la tour reste-t-elle muette ?\n\nCamille",
    ),
    (
        ZOE,
        "Quelle bonne nouvelle !\n\nIl faut d'abord démonter le train de sonnerie. Comptez trois semaines rien que pour nettoyer et mesurer les roues ; deux dents de la grande roue sont à refaire.\n\nZoé",
    ),
    (
        EDWARD,
        "Wonderful news. From the visitors' side: please not during the Easter weeks, we have 41 school groups booked. Could the clock face stay lit while the works are away?\n\nEdward",
    ),
    (ZOE, "L'éclairage est indépendant, il peut rester. Les aiguilles seront arrêtées à midi."),
    (
        FRANCOIS,
        "Et le carillon ? Si la sonnerie est démontée je peux jouer à la main, mais pas chaque quart d'heure !",
    ),
    (ZOE, "À la main le dimanche, et rien en semaine ? Le tambour ne peut pas tourner sans le train."),
    (
        FRANCOIS,
        "Dimanche à 11 h alors. J'ajoute un concert le premier samedi du mois pour ceux à qui les cloches manquent.",
    ),
    (CAMILLE, "Parfait. Inès, que dit le budget pour la taille des dents ?"),
    (
        INES,
        "Le devis de la fonderie est de 4 380 € hors taxes. La subvention couvre 70 %, le reste est prévu au compte 615.\n\nInès",
    ),
    (CAMILLE, "Merci Inès. On signe."),
    (EDWARD, "May I announce the works on the website? People will ask why it is always noon."),
    (CAMILLE, "Oui, avec une belle photo des roues si Zoé en a une."),
    (ZOE, "J'en fais cet après-midi, à la lumière du nord."),
    (EDWARD, "Title for the page: \"The hour stands still\". Too much?"),
    (FRANCOIS, "J'aime beaucoup. En français : « L'heure s'arrête »."),
    (ZOE, "Les photos sont dans le dossier commun. La troisième est la plus lisible."),
    (
        EDWARD,
        "Published, in both languages. First comment after four minutes: \"At last the clock agrees with my watch at lunch time\".",
    ),
    (INES, "La fonderie demande un acompte de 30 %. Je l'ai réglé ce matin."),
    (
        ZOE,
        "Démontage terminé. Surprise : une inscription sous le barillet, « P. Lemaire 1883 ». Quelqu'un connaît ce nom ?",
    ),
    (CAMILLE, "Un Lemaire était horloger rue des Fripiers. Les archives ont son registre, je m'en occupe."),
    (FRANCOIS, "Mon grand-père en parlait ! Il remontait l'horloge avec lui, le samedi."),
    (CAMILLE, "Trouvé : Pierre Lemaire, entretien de la tour de 1879 à 1911. 85 francs par an."),
    (EDWARD, "This must go into the tour. Olivia, could you write three sentences for the guides?"),
    (
        ZOE,
        "Les roues sont revenues de la fonderie. L'ajustage est très beau, je remonte la semaine prochaine.",
    ),
    (FRANCOIS, "Prévenez-moi pour le réglage des marteaux, le ré dièse tapait trop fort avant les travaux."),
    (ZOE, "Mardi, 9 h ? Montez par l'escalier nord, l'autre est encombré."),
    (FRANCOIS, "Mardi 9 h, j'apporte le café."),
    (
        ZOE,
        "Premier tour complet cette nuit, deux secondes de retard sur vingt-quatre heures. Je règle le balancier.",
    ),
    (
        CAMILLE,
        "Deux secondes… Ma montre fait moins bien. Bravo à toutes et à tous : l'heure repart samedi à midi, avec le maire.",
    ),
    (EDWARD, "And with 300 visitors, by the look of the bookings. Congratulations everybody!\n\nEdward"),
];

/// How short conversations go: id, subject, days ago, folder at the readers, turns.
type Short = (&'static str, &'static str, f64, Place, &'static [(Who, &'static [Who], &'static str)]);

const SHORT: &[Short] = &[
    (
        "keys",
        "Who has the key of the north stairs?",
        0.4,
        Place::Inbox,
        &[
            (
                OLIVIA,
                &[EDWARD, ZOE],
                "The key of the north stairs is not on its hook, and my group arrives at two. Did one of you take it?",
            ),
            (ZOE, &[OLIVIA, EDWARD], "It is in my coat, sorry! I bring it down now."),
            (OLIVIA, &[ZOE], "You are an angel. The group is early, of course."),
        ],
    ),
    (
        "lunch",
        "Déjeuner jeudi",
        1.2,
        Place::Inbox,
        &[
            (
                INES,
                &[CAMILLE, ZOE, FRANCOIS],
                "Qui vient déjeuner jeudi au marché ? Je réserve une table à midi et quart.",
            ),
            (FRANCOIS, &[INES, CAMILLE, ZOE], "Moi, si je descends à temps : le concert finit à midi."),
            (CAMILLE, &[INES, ZOE, FRANCOIS], "Avec plaisir ! Quatre couverts alors."),
        ],
    ),
    (
        "budget",
        "Budget 2027, première version",
        6.3,
        Place::Filed("Direction/Budget"),
        &[
            (
                INES,
                &[CAMILLE],
                "La première version du budget est prête. Les recettes de visites sont estimées à +6 %, l'entretien à +2 %.",
            ),
            (
                CAMILLE,
                &[INES],
                "Merci. +6 % me paraît optimiste : reprenons la moyenne des trois dernières années.",
            ),
            (INES, &[CAMILLE], "Soit +4,1 %. Version corrigée demain."),
        ],
    ),
    (
        "audio",
        "Audio guide: the new voices",
        12.5,
        Place::Filed("Visits/Audio guide"),
        &[
            (
                EDWARD,
                &[OLIVIA, CAMILLE],
                "The studio sent the first recordings. The German voice is lovely, the English one sounds like a weather forecast. What do you think?",
            ),
            (
                OLIVIA,
                &[EDWARD, CAMILLE],
                "Agreed about the forecast. Could we have somebody from the town? Mrs Whitcombe reads beautifully.",
            ),
            (
                EDWARD,
                &[OLIVIA, CAMILLE],
                "Asked her; she would love to. Recording next Wednesday in the bell room, early, before the first ring.",
            ),
        ],
    ),
    (
        "storm",
        "Coup de vent annoncé",
        33.1,
        Place::Filed("Atelier/Sécurité"),
        &[
            (
                FRANCOIS,
                &[CAMILLE, ZOE, EDWARD],
                "Météo : rafales à 110 km/h demain soir. Je ferme les abat-son et la terrasse à 16 h.",
            ),
            (
                EDWARD,
                &[FRANCOIS, CAMILLE, ZOE],
                "Last tour cancelled, everybody was called. Eleven people moved to Sunday.",
            ),
            (ZOE, &[FRANCOIS, CAMILLE], "Une ardoise tombée côté cour, rien d'autre. J'ai mis un ruban."),
        ],
    ),
    (
        "wedding",
        "A proposal on the terrace",
        58.7,
        Place::Filed("Visits/2026"),
        &[
            (
                OLIVIA,
                &[EDWARD],
                "A young man would like to propose on the terrace on Saturday at sunset, and asks whether the bells could play something short. I said I would ask!",
            ),
            (EDWARD, &[OLIVIA, FRANCOIS], "François, would you?"),
            (
                FRANCOIS,
                &[EDWARD, OLIVIA],
                "Bien sûr. Qu'il lève le bras quand elle a dit oui — ou qu'il ne le lève pas, et je ne joue rien.",
            ),
            (OLIVIA, &[EDWARD, FRANCOIS], "He raised both arms. Half the square applauded."),
        ],
    ),
];

/// All of them, one letter a turn, each an answer to those before it.
pub fn letters() -> Vec<Letter> {
    let mut all = restoration();
    for (id, subject, days_ago, place, turns) in SHORT {
        let mut before = Vec::new();
        for (number, (from, to, text)) in turns.iter().enumerate() {
            let first = if number == 0 { (*subject).to_owned() } else { format!("Re: {subject}") };
            let later = f64::from(u32::try_from(number).unwrap_or(0)) * 0.07;
            let letter = Letter::new(
                &format!("{id}-{number}"),
                *from,
                to,
                days_ago - later,
                &first,
                &signed(*from, text),
            )
            .answering(&before)
            .at(*place);
            let letter = if number + 1 < turns.len() { letter.with(&["\\Answered"]) } else { letter };
            before.push(letter.id.clone());
            all.push(letter);
        }
    }
    all.push(
        Letter::new(
            "draft",
            CAMILLE,
            &[CONTACT],
            0.9,
            "Vœux de la tour",
            "Chers amis de la tour,\n\nL'année fut belle et sonore. ",
        )
        .at(Place::Draft),
    );
    all.push(
        Letter::new(
            "draft-2",
            EDWARD,
            &[],
            3.0,
            "Summer season: what we learnt",
            "1. Shade on the terrace.\n2. More benches.\n3. ",
        )
        .at(Place::Draft),
    );
    all
}

fn restoration() -> Vec<Letter> {
    const SUBJECT: &str = "Restauration du mécanisme";
    const ALL: [Who; 5] = [CAMILLE, ZOE, FRANCOIS, EDWARD, INES];
    let mut before: Vec<String> = Vec::new();
    let mut letters = Vec::new();
    for (number, (from, text)) in RESTORATION.iter().enumerate() {
        let to: Vec<Who> = ALL.iter().copied().filter(|who| who != from).collect();
        let subject = if number == 0 { SUBJECT.to_owned() } else { format!("Re: {SUBJECT}") };
        // From three months ago until yesterday, closer together towards the end.
        let left = f64::from(u32::try_from(RESTORATION.len() - number).unwrap_or(0));
        let mut quoted = signed(*from, text);
        if let Some((asked, said)) = number.checked_sub(1).and_then(|last| RESTORATION.get(last)) {
            let said = said.lines().fold(String::new(), |all, line| format!("{all}> {line}\n"));
            quoted = format!("{quoted}\n{} :\n{said}", asked.0);
        }
        let mut letter =
            Letter::new(&format!("restoration-{number}"), *from, &to, left * left * 0.1, &subject, &quoted)
                .answering(&before);
        if number == 0 {
            letter = letter.with(&["\\Flagged", "\\Answered"]);
        }
        if number == 22 {
            letter = letter.cc(&[OLIVIA]);
        }
        before.push(letter.id.clone());
        letters.push(letter);
    }
    letters
}

fn signed(from: Who, text: &str) -> String {
    let first = from.0.split(' ').next().unwrap_or_default();
    if text.ends_with(first) { format!("{text}\n") } else { format!("{text}\n\n{first}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_thirty_letters_that_hang_together() {
        let letters = restoration();
        assert_eq!(letters.len(), 30);
        for pair in letters.windows(2) {
            assert_eq!(pair[1].answers.last(), Some(&pair[0].id));
            assert!(pair[1].minutes_ago < pair[0].minutes_ago);
        }
    }
}

//! What comes in every day and is put aside: short letters of machines and counters, thousands of them.

use super::letter::{CAMILLE, CONTACT, DAY, EDWARD, FRANCOIS, INES, Letter, OLIVIA, Place, Who, ZOE};

const CLOCK: Who = ("Horloge de la tour", "horloge@tour.example");
const DESK: Who = ("Billetterie", "billetterie@tour.example");
const WEATHER: Who = ("Station météo", "meteo@tour.example");
const BOOKING: Who = ("Bookings", "bookings@visits.example");

/// Days that the archive goes back.
const DAYS: u32 = 728;

const GROUPS: &[&str] = &[
    "École des Tilleuls",
    "Rotary Club",
    "Lycée Vauban",
    "St Mary's Primary School",
    "Amicale des retraités",
    "Bell Ringers of Kent",
    "Collège Jean-Moulin",
    "Chorale du Marché",
    "Scouts de la Lys",
    "Ghent Photo Club",
];
const SKIES: &[&str] =
    &["éclaircies", "pluie fine", "ciel couvert", "brume le matin", "averses", "soleil", "neige fondue"];

/// Numbers that look like chance and are the same each time.
fn chance(seed: u32, below: u32) -> u32 {
    let mut x = seed.wrapping_mul(2_654_435_761).wrapping_add(0x9e37_79b9);
    x ^= x >> 15;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x % below.max(1)
}

/// About four letters a day over two years.
pub fn letters() -> Vec<Letter> {
    (0..DAYS).rev().flat_map(day).collect()
}

fn day(day: u32) -> Vec<Letter> {
    let at = |hours: f64| f64::from(day) + 1.0 + hours / 24.0;
    let month = day / 30;
    let visitors = 60 + chance(day, 340);
    let drift = f64::from(chance(day + 1_000 * 77, 80)) / 10.0 - 4.0;
    let group = GROUPS.get(chance(day + 1_000 * 5, 10) as usize).copied().unwrap_or_default();
    let sky = SKIES.get(chance(day + 1_000 * 9, 7) as usize).copied().unwrap_or_default();
    let wind = 5 + chance(day + 1_000 * 3, 90);
    let mut letters = vec![
        Letter::new(
            &format!("drift-{day}"),
            CLOCK,
            &[ZOE, CAMILLE],
            at(6.0),
            &format!("Relevé de l'horloge : {drift:+.1} s"),
            &format!(
                "Écart sur vingt-quatre heures : {drift:+.1} seconde(s).\nTempérature de la chambre : {} °C.\nRemontage : fait.\n",
                8 + chance(day + 1_000 * 21, 15)
            ),
        ),
        Letter::new(
            &format!("till-{day}"),
            DESK,
            &[INES, CAMILLE, EDWARD],
            at(3.5),
            &format!("Recette du jour : {visitors} visiteurs"),
            &format!(
                "Plein tarif : {}\nTarif réduit : {}\nGratuits : {}\nTotal : {},{:02} €\n",
                visitors / 2,
                visitors / 3,
                visitors - visitors / 2 - visitors / 3,
                visitors * 6,
                chance(day + 1_000 * 40, 100)
            ),
        ),
        Letter::new(
            &format!("wind-{day}"),
            WEATHER,
            &[FRANCOIS, CAMILLE],
            at(14.0),
            &format!("Terrasse : {sky}, rafales {wind} km/h"),
            &format!(
                "Aujourd'hui {sky}. Rafales jusqu'à {wind} km/h.\n{}\n",
                if wind > 70 { "TERRASSE FERMÉE." } else { "Terrasse ouverte." }
            ),
        ),
        Letter::new(
            &format!("group-{day}"),
            BOOKING,
            &[CONTACT, EDWARD, OLIVIA, CAMILLE],
            at(9.0),
            &format!("Group booking {}: {group}", 10_000 - day),
            &format!(
                "Group: {group}\nPeople: {}\nTime: {}:30\nLanguage: {}\n",
                8 + chance(day + 1_000 * 13, 30),
                9 + chance(day + 1_000 * 8, 8),
                if chance(day, 2) == 0 { "French" } else { "English" }
            ),
        ),
    ];
    if day % 30 == 4 {
        letters.push(Letter::new(
            &format!("power-{month}"),
            ("Énergie du Nord", "factures@energie-du-nord.example"),
            &[INES, CAMILLE],
            at(11.0),
            &format!("Votre facture d'électricité n° F{:05}", 31_000 - month),
            &format!(
                "Montant : {},{:02} €. Prélèvement dans quinze jours.\n",
                180 + chance(month, 90),
                chance(month + 1_000 * 6, 100)
            ),
        ));
    }
    letters
        .into_iter()
        .map(|letter| letter.at(Place::Archive).with(&["\\Seen"]))
        .map(|mut letter| {
            letter.keywords.dedup();
            if chance(day + 1_000 * 99, 40) == 0 {
                letter.keywords.push("\\Flagged");
            }
            letter
        })
        .collect()
}

/// The oldest letter of the sample lies so many minutes back.
pub const OLDEST: i64 = (DAYS as i64 + 2) * DAY;

//! Who and what stands in the sample organisation.

/// A person of the sample.
pub struct Person {
    /// Its address.
    pub login: &'static str,
    /// Fields beside.
    pub fields: &'static [(&'static str, &'static str)],
    /// Other addresses.
    pub aliases: &'static [&'static str],
}

/// The short name of the organisation.
pub const ORGANISATION: &str = "demo";
/// Its domain.
pub const DOMAIN: &str = "tour.example";
/// A domain that is an alias of it.
pub const ALIAS_DOMAIN: &str = "tower.example";
/// The domain of the people that `--people` asks for.
pub const BENCH_DOMAIN: &str = "bench.test";
/// The mailbox there that the first two share.
pub const BENCH_SHARED: &str = "team@bench.test";
/// Their password.
pub const BENCH_PASSWORD: &str = "secret";

/// The tree of units, each after the one above it.
pub const UNITS: &[&str] = &["Direction", "Atelier", "Atelier/Horlogerie", "Visitors"];

/// Classes of service with what they give.
pub const CLASSES: &[(&str, &[(&str, &str)])] = &[
    ("Standard", &[("quota_bytes", "10G")]),
    ("Essentiel", &[("quota_bytes", "1G"), ("files", "no"), ("crm", "no"), ("mobile", "no")]),
];

/// The people; the first is the administrator.
pub const PEOPLE: &[Person] = &[
    Person {
        login: "camille.lefevre@tour.example",
        fields: &[
            ("name", "Camille Lefèvre"),
            ("given_name", "Camille"),
            ("family_name", "Lefèvre"),
            ("title", "Directrice"),
            ("language", "fr"),
            ("unit", "Direction"),
        ],
        aliases: &["postmaster@tour.example", "camille@tour.example"],
    },
    Person {
        login: "edward.hughes@tour.example",
        fields: &[
            ("name", "Edward Hughes"),
            ("given_name", "Edward"),
            ("family_name", "Hughes"),
            ("title", "Head of visitor services"),
            ("language", "en"),
            ("unit", "Visitors"),
        ],
        aliases: &["ed@tour.example"],
    },
    Person {
        login: "zoe.dubois@tour.example",
        fields: &[
            ("name", "Zoé Dubois"),
            ("given_name", "Zoé"),
            ("family_name", "Dubois"),
            ("title", "Horlogère"),
            ("language", "fr"),
            ("unit", "Atelier/Horlogerie"),
        ],
        aliases: &[],
    },
    Person {
        login: "francois.nguyen@tour.example",
        fields: &[
            ("name", "François Nguyen"),
            ("given_name", "François"),
            ("family_name", "Nguyen"),
            ("title", "Carillonneur"),
            ("language", "fr"),
            ("unit", "Atelier"),
        ],
        aliases: &["carillon@tour.example"],
    },
    Person {
        login: "olivia.bennett@tour.example",
        fields: &[
            ("name", "Olivia Bennett"),
            ("given_name", "Olivia"),
            ("family_name", "Bennett"),
            ("title", "Guide"),
            ("language", "en"),
            ("unit", "Visitors"),
            ("class", "Essentiel"),
        ],
        aliases: &[],
    },
    Person {
        login: "ines.moreau@tour.example",
        fields: &[
            ("name", "Inès Moreau"),
            ("given_name", "Inès"),
            ("family_name", "Moreau"),
            ("title", "Comptable"),
            ("language", "fr"),
            ("unit", "Direction"),
        ],
        aliases: &["factures@tour.example", "invoices@tour.example"],
    },
];

/// Groups and lists: whether it is a list, its address, its name, its members.
pub const TEAMS: &[(bool, &str, &str, &[&str])] = &[
    (false, "atelier@tour.example", "Atelier", &["zoe.dubois@tour.example", "francois.nguyen@tour.example"]),
    (
        true,
        "tous@tour.example",
        "Tout le monde / Everybody",
        &[
            "atelier@tour.example",
            "camille.lefevre@tour.example",
            "edward.hughes@tour.example",
            "olivia.bennett@tour.example",
            "ines.moreau@tour.example",
        ],
    ),
];

/// Aliases with several targets.
pub const ALIASES: &[(&str, &[&str])] =
    &[("visites@tour.example", &["edward.hughes@tour.example", "olivia.bennett@tour.example"])];

/// Shared mailboxes.
pub const SHARED: &[(&str, &str)] = &[("contact@tour.example", "Contact")];

/// Resources.
pub const RESOURCES: &[(&str, &[(&str, &str)])] = &[
    (
        "salle.des.cloches@tour.example",
        &[("name", "Salle des cloches"), ("purpose", "room"), ("capacity", "12"), ("location", "4e étage")],
    ),
    ("van@tour.example", &[("name", "Van"), ("purpose", "vehicle"), ("capacity", "5")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_speaks_two_languages_and_uses_reserved_domains_only() {
        for language in ["fr", "en"] {
            assert!(
                PEOPLE.iter().any(|person| person.fields.contains(&("language", language))),
                "{language}"
            );
        }
        let addresses = PEOPLE.iter().flat_map(|person| person.aliases.iter().chain([&person.login]));
        for address in addresses {
            assert!(address.ends_with(".example"), "{address}");
        }
    }
}

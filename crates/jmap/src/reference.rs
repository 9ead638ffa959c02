//! The reference and the TypeScript types of everything, written from the tables of types.

use std::fmt::Write as _;

use crate::engine::{Property, Shape, Table};

/// What stands for an object of a name: sub-objects are told once.
type Named = (&'static str, &'static [Property]);

fn named_in(shape: Shape, out: &mut Vec<Named>) {
    match shape {
        Shape::Nullable(inner) | Shape::List(inner) | Shape::Map(inner) | Shape::IdMap(inner) => {
            named_in(*inner, out);
        }
        Shape::Named(name, properties) if !out.iter().any(|(known, _)| *known == name) => {
            out.push((name, properties));
            for property in properties {
                named_in(property.shape, out);
            }
        }
        _ => {}
    }
}

fn all_named(tables: &[&'static Table]) -> Vec<Named> {
    let mut out = Vec::new();
    for table in tables {
        for property in table.properties {
            named_in(property.shape, &mut out);
        }
        for method in table.methods {
            for argument in method.arguments {
                named_in(argument.shape, &mut out);
            }
        }
    }
    out
}

/// A cell of a table: what would end it is written out.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn notes(property: &Property) -> String {
    let all = [
        (property.is_server_set(), "set by the server"),
        (property.is_immutable(), "never changes"),
        (property.is_required(), "required"),
        (property.is_hidden(), "only when asked for"),
    ];
    all.iter().filter(|(is, _)| *is).map(|(_, words)| *words).collect::<Vec<_>>().join(", ")
}

fn properties(out: &mut String, properties: &[Property]) {
    out.push_str("| property | type | meaning | |\n|---|---|---|---|\n");
    for property in properties {
        let (shape, doc, notes) = (cell(&property.shape.words()), cell(property.doc), notes(property));
        let _ = writeln!(out, "| `{}` | {shape} | {doc} | {notes} |", property.name);
    }
}

fn methods(out: &mut String, table: &Table) {
    let names: Vec<String> =
        table.methods.iter().map(|method| format!("`{}/{}`", table.name, method.name)).collect();
    let _ = writeln!(out, "\nMethods: {}.\n", names.join(", "));
    for method in table.methods.iter().filter(|method| !method.arguments.is_empty() || !method.doc.is_empty())
    {
        let _ = writeln!(
            out,
            "`{}/{}`{}{}\n",
            table.name,
            method.name,
            if method.doc.is_empty() { " takes besides:" } else { ": " },
            method.doc
        );
        if !method.arguments.is_empty() {
            out.push_str("| argument | type | meaning |\n|---|---|---|\n");
            for argument in method.arguments {
                let shape = cell(&argument.shape.words());
                let _ = writeln!(out, "| `{}` | {shape} | {} |", argument.name, cell(argument.doc));
            }
            out.push('\n');
        }
    }
    if !table.filters.is_empty() {
        out.push_str("| filter | type | finds |\n|---|---|---|\n");
        for filter in table.filters {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} |",
                filter.name,
                cell(&filter.shape.words()),
                cell(filter.doc)
            );
        }
        out.push('\n');
    }
    if !table.sorts.is_empty() {
        out.push_str("| sort | order |\n|---|---|\n");
        for sort in table.sorts {
            let _ = writeln!(out, "| `{}` | {} |", sort.name, cell(sort.doc));
        }
        out.push('\n');
    }
}

const HEAD: &str = "\
# JMAP

What clients of Beffroi can ask. This page is generated from the tables of types (`beffroi generate jmap`); how requests
work is RFC 8620. The session is at `/.well-known/jmap`, requests go to `/jmap/api`, uploads to `/jmap/upload/{accountId}/`,
downloads come from `/jmap/download/{accountId}/{blobId}/{name}?accept={type}`, changes from
`/jmap/eventsource/?types={types}&closeafter={closeafter}&ping={ping}`. Who asks is told as in [login.md](login.md).

Names of creations (`#name`) may stand wherever the type is Id. A patch may reach into objects, never into lists.

## Accounts that show what was

Beside the accounts of the session, a person may name accounts that show its own mail otherwise than it is:

| account | what it shows |
|---|---|
| `rescueAccountId` in the own account's capability `https://beffroi.org/jmap/history` | one inbox with all mail that arrived in the last days (15 by default), whatever a person, a filter or a program did with it |
| `accountId` of an Image | mailboxes and emails as they were then, under the ids that they had |

Mailbox, Thread, Email, SearchSnippet and Blob are asked for there as anywhere, downloads too. Every method that would change
something answers `accountReadOnly`; types of other capabilities answer `accountNotSupportedByMethod`. `Email/copy` from there into the own account
brings a message back. Their `changes` only tell that nothing changed, else `cannotCalculateChanges`; nothing of them is pushed.
Mail that arrived within the last half minute may not be in the first one yet.

Who logs in with Basic at the address of one of these (`user@secours.example.org`, `user@sauvegarde.example.org`;
[../history.md](../history.md)) has a session with nothing but these: the one account, or one for each image, the newest first.
";

/// `docs/api/jmap.md`.
pub fn manual() -> String {
    let tables = crate::jmap::tables();
    let mut out = HEAD.to_owned();
    for table in &tables {
        let _ = writeln!(out, "\n## {}\n\n{} Capability: `{}`.\n", table.name, table.doc, table.capability);
        properties(&mut out, table.properties);
        methods(&mut out, table);
    }
    let named = all_named(&tables);
    if !named.is_empty() {
        out.push_str("\n## Objects within others\n");
    }
    for (name, list) in named {
        let _ = writeln!(out, "\n### {name}\n");
        properties(&mut out, list);
    }
    out
}

fn type_script(shape: Shape) -> String {
    match shape {
        Shape::Any => "unknown".to_owned(),
        Shape::Bool => "boolean".to_owned(),
        Shape::Int | Shape::Unsigned | Shape::Number => "number".to_owned(),
        Shape::String => "string".to_owned(),
        Shape::Id => "Id".to_owned(),
        Shape::Date => "DateTime".to_owned(),
        Shape::UtcDate => "UTCDate".to_owned(),
        Shape::Object => "Record<string, unknown>".to_owned(),
        Shape::Nullable(inner) => format!("{} | null", type_script(*inner)),
        Shape::List(inner) => match inner {
            Shape::Nullable(_) | Shape::OneOf(_) => format!("({})[]", type_script(*inner)),
            _ => format!("{}[]", type_script(*inner)),
        },
        Shape::Map(inner) => format!("Record<string, {}>", type_script(*inner)),
        Shape::IdMap(inner) => format!("Record<Id, {}>", type_script(*inner)),
        Shape::OneOf(words) => words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" | "),
        Shape::Named(name, _) => name.to_owned(),
    }
}

fn key(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) { name.to_owned() } else { format!("'{name}'") }
}

fn interface(out: &mut String, name: &str, doc: &str, list: &[Property]) {
    if !doc.is_empty() {
        let _ = writeln!(out, "/** {doc} */");
    }
    let _ = writeln!(out, "export interface {name} {{");
    for property in list {
        let fixed = if property.is_server_set() || property.is_immutable() { "readonly " } else { "" };
        let maybe = if property.is_hidden() { "?" } else { "" };
        let _ = writeln!(out, "  /** {} */", property.doc);
        let _ = writeln!(out, "  {fixed}{}{maybe}: {};", key(property.name), type_script(property.shape));
    }
    out.push_str("}\n\n");
}

/// `web/src/jmap/types.generated.ts`.
pub fn type_script_types() -> String {
    let mut tables = crate::jmap::tables();
    tables.retain(|table| !table.properties.is_empty());
    let mut out = "// Generated from the tables of the JMAP door: run `cargo xtask generate` after a change there.\n\n\
                   export type Id = string;\nexport type UTCDate = string;\nexport type DateTime = string;\n\n"
        .to_owned();
    for (name, list) in all_named(&tables) {
        interface(&mut out, name, "", list);
    }
    for table in &tables {
        interface(&mut out, table.name, table.doc, table.properties);
        if !table.filters.is_empty() {
            let _ = writeln!(
                out,
                "/** Conditions of a filter of {}. */\nexport interface {}Filter {{",
                table.name, table.name
            );
            for filter in table.filters {
                let _ = writeln!(
                    out,
                    "  /** {} */\n  {}?: {};",
                    filter.doc,
                    key(filter.name),
                    type_script(filter.shape)
                );
            }
            out.push_str("}\n\n");
        }
        if !table.sorts.is_empty() {
            let names: Vec<String> = table.sorts.iter().map(|sort| format!("'{}'", sort.name)).collect();
            let _ = writeln!(out, "export type {}Sort = {};\n", table.name, names.join(" | "));
        }
    }
    out.push_str("/** Every type by its name. */\nexport interface Types {\n");
    for table in &tables {
        let _ = writeln!(out, "  {}: {};", table.name, table.name);
    }
    out.push_str("}\n\nexport const METHODS = [\n");
    for table in &tables {
        for method in table.methods {
            let _ = writeln!(out, "  '{}/{}',", table.name, method.name);
        }
    }
    out.push_str("] as const;\n");
    out
}

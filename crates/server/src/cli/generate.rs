//! `beffroi generate`: files of the documentation that follow from tables in the code.

use base::Error;

use super::Session;
use crate::config::render;
use crate::failure::Failure;

/// A file that is generated.
struct Generated {
    what: &'static str,
    file: &'static str,
    text: fn() -> String,
}

const GENERATED: &[Generated] = &[
    Generated { what: "config", file: "docs/config.md", text: render::manual },
    Generated { what: "limits", file: "docs/limits.md", text: render::limits_manual },
    Generated { what: "jmap", file: "docs/api/jmap.md", text: jmap::reference::manual },
    Generated {
        what: "jmap-types",
        file: "web/src/jmap/types.generated.ts",
        text: jmap::reference::type_script_types,
    },
];

/// What to print.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The name of a generated file; without it, all names and their files
    what: Option<String>,
}

/// Prints it.
pub fn run(session: &Session, arguments: &Arguments) -> Result<(), Failure> {
    let Some(what) = &arguments.what else {
        return GENERATED.iter().try_for_each(|row| session.out.line(&format!("{}\t{}", row.what, row.file)));
    };
    let row = GENERATED.iter().find(|row| row.what == what).ok_or_else(|| {
        Error::invalid("what", format!("{what:?} is not generated; `beffroi generate` lists what is"))
    })?;
    session.out.line((row.text)().trim_end())
}

//! What has to be read to answer a list of FETCH items.

use codec::imap::{FetchItem, Section, SectionText};
use mail::Columns;
use mail::summary::fields;

/// What is needed beside the view.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of what is needed, each of which is or is not")]
pub(crate) struct Plan {
    /// Anything of the row.
    pub(crate) rows: bool,
    /// Which of its larger columns.
    pub(crate) columns: Columns,
    /// The moments at which messages came into the mailbox.
    pub(crate) saved: bool,
    /// Bytes of bodies are needed of every message.
    pub(crate) bodies: bool,
    /// Something is to be made ready before messages are told of: parts, or bytes of a few bodies.
    pub(crate) ahead: bool,
    /// What may need bytes of the body.
    pub(crate) sections: Vec<Bytes>,
}

/// An item that is made from bytes of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// A section, perhaps in part.
    Section(Section, Option<codec::imap::Partial>),
    /// A part, decoded.
    Part(Vec<u32>),
    /// The envelope, where the row has none.
    Envelope,
    /// The structure, where the row has none.
    Structure,
}

impl Bytes {
    /// What an item needs.
    pub(crate) fn of(item: &FetchItem) -> Option<Self> {
        let whole = |text| Some(Self::Section(Section { part: Vec::new(), text }, None));
        match item {
            FetchItem::Section { section, partial, .. } => Some(Self::Section(section.clone(), *partial)),
            FetchItem::Rfc822 => whole(SectionText::Whole),
            FetchItem::Rfc822Header => whole(SectionText::Header),
            FetchItem::Rfc822Text => whole(SectionText::Text),
            FetchItem::Binary { part, .. } | FetchItem::BinarySize { part } => Some(Self::Part(part.clone())),
            FetchItem::Envelope => Some(Self::Envelope),
            FetchItem::BodyStructure | FetchItem::Body => Some(Self::Structure),
            _ => None,
        }
    }
}

impl Plan {
    pub(crate) fn of(items: &[FetchItem]) -> Self {
        let mut plan = Self::default();
        for item in items {
            match item {
                FetchItem::Section { section, .. } if section.is_whole() => {
                    // Its size is known: nothing but its bytes is read.
                    plan.bodies = true;
                    plan.sections.extend(Bytes::of(item));
                    continue;
                }
                FetchItem::Rfc822 => {
                    plan.bodies = true;
                    plan.sections.extend(Bytes::of(item));
                    continue;
                }
                FetchItem::Envelope => plan.columns.envelope = true,
                FetchItem::BodyStructure | FetchItem::Body => plan.columns.structure = true,
                FetchItem::Section { section, .. } => plan.section(section),
                FetchItem::Binary { .. } | FetchItem::BinarySize { .. } => {
                    plan.columns.structure = true;
                    plan.bodies = true;
                }
                FetchItem::Rfc822Header | FetchItem::Rfc822Text => plan.bodies = true,
                FetchItem::ThreadId => plan.columns.thread = true,
                FetchItem::Preview { .. } => plan.columns.texts = true,
                FetchItem::SaveDate => {
                    plan.saved = true;
                    continue;
                }
                _ => continue,
            }
            plan.rows = true;
            plan.sections.extend(Bytes::of(item));
        }
        // Envelopes and structures are nearly always in the row: what is missing is read when it shows.
        plan.ahead = plan.bodies || plan.columns.structure || plan.columns.fields;
        plan
    }

    fn section(&mut self, section: &Section) {
        if !section.part.is_empty() {
            self.columns.structure = true;
        }
        match &section.text {
            SectionText::Fields { not: false, names }
                if section.part.is_empty() && fields::all_kept(names) =>
            {
                self.columns.fields = true;
            }
            _ => self.bodies = true,
        }
    }
}

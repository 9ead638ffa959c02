//! What an Email is, as data (RFC 8621 section 4).

use crate::engine::{Argument, Condition, Method, Property, Shape, Sort, Table, capabilities};

const ADDRESS: Shape = Shape::Named(
    "EmailAddress",
    &[
        Property::new("name", Shape::Nullable(&Shape::String), "The name to show."),
        Property::new("email", Shape::String, "The address."),
    ],
);
const ADDRESSES: Shape = Shape::Nullable(&Shape::List(&ADDRESS));
const IDS: Shape = Shape::Nullable(&Shape::List(&Shape::String));
/// A part; it may have parts within, and properties `header:...`.
const PART: Shape = Shape::Object;

pub(crate) const EMAIL: Table = Table {
    name: "Email",
    capability: capabilities::MAIL,
    doc: "A message, in however many mailboxes it lies.",
    shared: true,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id; the EMAILID of IMAP.").server_set().immutable(),
        Property::new("blobId", Shape::Id, "The whole message.").server_set().immutable(),
        Property::new("threadId", Shape::Id, "Its conversation.").server_set().immutable(),
        Property::new("mailboxIds", Shape::IdMap(&Shape::Bool), "Where it lies; every value is true."),
        Property::new("keywords", Shape::Map(&Shape::Bool), "Its keywords; every value is true."),
        Property::new("size", Shape::Unsigned, "Bytes of the whole message.").server_set().immutable(),
        Property::new("receivedAt", Shape::UtcDate, "When it arrived.").immutable(),
        Property::new("messageId", IDS, "The field Message-ID.").immutable(),
        Property::new("inReplyTo", IDS, "The field In-Reply-To.").immutable(),
        Property::new("references", IDS, "The field References.").immutable(),
        Property::new("sender", ADDRESSES, "The field Sender.").immutable(),
        Property::new("from", ADDRESSES, "The field From.").immutable(),
        Property::new("to", ADDRESSES, "The field To.").immutable(),
        Property::new("cc", ADDRESSES, "The field Cc.").immutable(),
        Property::new("bcc", ADDRESSES, "The field Bcc.").immutable(),
        Property::new("replyTo", ADDRESSES, "The field Reply-To.").immutable(),
        Property::new("subject", Shape::Nullable(&Shape::String), "The field Subject.").immutable(),
        Property::new("sentAt", Shape::Nullable(&Shape::Date), "The field Date.").immutable(),
        Property::new("hasAttachment", Shape::Bool, "Whether it has attachments to show.").server_set().immutable(),
        Property::new("preview", Shape::String, "How its text begins.").server_set().immutable(),
        Property::new("bodyValues", Shape::Map(&Shape::Object), "Texts of parts, by partId.").immutable(),
        Property::new("textBody", Shape::List(&PART), "What is shown where plain text is preferred.").immutable(),
        Property::new("htmlBody", Shape::List(&PART), "What is shown where HTML is preferred.").immutable(),
        Property::new("attachments", Shape::List(&PART), "What is offered besides.").immutable(),
        Property::new("bodyStructure", PART, "The tree of its parts.").immutable().hidden(),
        Property::new("headers", Shape::List(&Shape::Object), "All fields of its header as they stand.")
            .immutable()
            .hidden(),
        Property::new(
            "safeHtml",
            Shape::Map(&Shape::Object),
            "Ours: by partId, the HTML of the parts in htmlBody as a sandboxed frame may show it (`html`), and whether remote images were taken out (`hasRemoteImages`).",
        )
        .server_set()
        .immutable()
        .hidden(),
    ],
    filters: FILTERS,
    sorts: SORTS,
    methods: METHODS,
};

const FILTERS: &[Condition] = &[
    Condition { name: "inMailbox", shape: Shape::Id, doc: "Lies in this mailbox." },
    Condition {
        name: "inMailboxOtherThan",
        shape: Shape::List(&Shape::Id),
        doc: "Lies in a mailbox that is none of these.",
    },
    Condition { name: "before", shape: Shape::UtcDate, doc: "Arrived before." },
    Condition { name: "after", shape: Shape::UtcDate, doc: "Arrived then or later." },
    Condition { name: "minSize", shape: Shape::Unsigned, doc: "Has so many bytes or more." },
    Condition { name: "maxSize", shape: Shape::Unsigned, doc: "Has fewer bytes." },
    Condition {
        name: "allInThreadHaveKeyword",
        shape: Shape::String,
        doc: "All of its conversation have the keyword.",
    },
    Condition {
        name: "someInThreadHaveKeyword",
        shape: Shape::String,
        doc: "Some of its conversation have it.",
    },
    Condition {
        name: "noneInThreadHaveKeyword",
        shape: Shape::String,
        doc: "None of its conversation have it.",
    },
    Condition { name: "hasKeyword", shape: Shape::String, doc: "Has the keyword." },
    Condition { name: "notKeyword", shape: Shape::String, doc: "Does not have the keyword." },
    Condition { name: "hasAttachment", shape: Shape::Bool, doc: "Has attachments to show." },
    Condition { name: "text", shape: Shape::String, doc: "Holds these words, in the header or the body." },
    Condition { name: "from", shape: Shape::String, doc: "From holds these words." },
    Condition { name: "to", shape: Shape::String, doc: "To holds these words." },
    Condition { name: "cc", shape: Shape::String, doc: "Cc holds these words." },
    Condition { name: "bcc", shape: Shape::String, doc: "Bcc holds these words." },
    Condition { name: "subject", shape: Shape::String, doc: "Subject holds these words." },
    Condition { name: "body", shape: Shape::String, doc: "The body holds these words." },
    Condition {
        name: "header",
        shape: Shape::List(&Shape::String),
        doc: "Has this field, which holds the text that may follow.",
    },
];

const KEYWORD: &[Argument] = &[Argument { name: "keyword", shape: Shape::String, doc: "The keyword." }];

const SORTS: &[Sort] = &[
    Sort { name: "receivedAt", doc: "When it arrived.", arguments: &[] },
    Sort { name: "sentAt", doc: "Its Date field.", arguments: &[] },
    Sort { name: "size", doc: "Its bytes.", arguments: &[] },
    Sort { name: "from", doc: "The name, else the address, of its first author.", arguments: &[] },
    Sort { name: "to", doc: "The name, else the address, of its first recipient.", arguments: &[] },
    Sort { name: "subject", doc: "Its base subject.", arguments: &[] },
    Sort { name: "hasKeyword", doc: "Whether it has a keyword.", arguments: KEYWORD },
    Sort {
        name: "allInThreadHaveKeyword",
        doc: "Whether all of its conversation have a keyword.",
        arguments: KEYWORD,
    },
    Sort {
        name: "someInThreadHaveKeyword",
        doc: "Whether some of its conversation have a keyword.",
        arguments: KEYWORD,
    },
];

const BODIES: &[Argument] = &[
    Argument {
        name: "bodyProperties",
        shape: Shape::Nullable(&Shape::List(&Shape::String)),
        doc: "What is told of parts.",
    },
    Argument { name: "fetchTextBodyValues", shape: Shape::Bool, doc: "Gives the texts of textBody." },
    Argument { name: "fetchHTMLBodyValues", shape: Shape::Bool, doc: "Gives the texts of htmlBody." },
    Argument { name: "fetchAllBodyValues", shape: Shape::Bool, doc: "Gives all texts." },
    Argument {
        name: "maxBodyValueBytes",
        shape: Shape::Unsigned,
        doc: "Bytes of a text at most; 0: all of it.",
    },
];
const COLLAPSE: &[Argument] =
    &[Argument { name: "collapseThreads", shape: Shape::Bool, doc: "Only the first of each conversation." }];

const METHODS: &[Method] = &[
    Method::standard("get").taking(BODIES),
    Method::standard("changes"),
    Method::standard("query").taking(COLLAPSE),
    Method::standard("queryChanges").taking(COLLAPSE),
    Method::standard("set").writing(),
    Method::standard("copy").writing(),
    Method::custom(
        "import",
        "Puts uploaded messages into mailboxes.",
        &[
            Argument {
                name: "ifInState",
                shape: Shape::Nullable(&Shape::String),
                doc: "The state that mail must have.",
            },
            Argument {
                name: "emails",
                shape: Shape::Map(&Shape::Object),
                doc: "What is imported, by creation id.",
            },
        ],
    )
    .writing(),
    Method::custom(
        "parse",
        "Reads blobs as messages.",
        &[
            Argument { name: "blobIds", shape: Shape::List(&Shape::Id), doc: "The blobs." },
            Argument {
                name: "properties",
                shape: Shape::Nullable(&Shape::List(&Shape::String)),
                doc: "What is told of them.",
            },
            Argument {
                name: "bodyProperties",
                shape: Shape::Nullable(&Shape::List(&Shape::String)),
                doc: "What is told of parts.",
            },
            Argument { name: "fetchTextBodyValues", shape: Shape::Bool, doc: "Gives the texts of textBody." },
            Argument { name: "fetchHTMLBodyValues", shape: Shape::Bool, doc: "Gives the texts of htmlBody." },
            Argument { name: "fetchAllBodyValues", shape: Shape::Bool, doc: "Gives all texts." },
            Argument {
                name: "maxBodyValueBytes",
                shape: Shape::Unsigned,
                doc: "Bytes of a text at most; 0: all of it.",
            },
        ],
    ),
];

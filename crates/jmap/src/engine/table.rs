//! What a type is, as data: from these tables come checks, the session, the reference and the types of the web client.

/// The JSON of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number between -2^53+1 and 2^53-1.
    Int,
    /// A whole number between 0 and 2^53-1.
    Unsigned,
    /// Any number.
    Number,
    /// Text.
    String,
    /// An id (RFC 8620 section 1.2); a `#` before it makes it the name of a creation.
    Id,
    /// A date with an offset (RFC 3339).
    Date,
    /// A date in UTC, which ends with `Z`.
    UtcDate,
    /// Any object.
    Object,
    /// The same, or null.
    Nullable(&'static Self),
    /// A list.
    List(&'static Self),
    /// An object from texts to values.
    Map(&'static Self),
    /// An object from ids to values; a `#` before one makes it the name of a creation.
    IdMap(&'static Self),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object with properties of its own.
    Named(&'static str, &'static [Property]),
}

const IMMUTABLE: u8 = 1;
const SERVER_SET: u8 = 2;
const HIDDEN: u8 = 4;
const REQUIRED: u8 = 8;

/// A property of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its JSON.
    pub shape: Shape,
    /// What it means, in one sentence.
    pub doc: &'static str,
    flags: u8,
}

impl Property {
    /// A property that clients may set, in the default set of `get`.
    pub const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, doc, flags: 0 }
    }

    const fn with(self, flag: u8) -> Self {
        Self { flags: self.flags | flag, ..self }
    }

    /// Set when the object is made, never changed.
    #[must_use]
    pub const fn immutable(self) -> Self {
        self.with(IMMUTABLE)
    }

    /// Set by the server only.
    #[must_use]
    pub const fn server_set(self) -> Self {
        self.with(SERVER_SET)
    }

    /// Given by `get` only when it is asked for.
    #[must_use]
    pub const fn hidden(self) -> Self {
        self.with(HIDDEN)
    }

    /// Must be in every creation.
    #[must_use]
    pub const fn required(self) -> Self {
        self.with(REQUIRED)
    }

    /// Whether it never changes.
    pub const fn is_immutable(self) -> bool {
        self.flags & IMMUTABLE != 0
    }

    /// Whether only the server sets it.
    pub const fn is_server_set(self) -> bool {
        self.flags & SERVER_SET != 0
    }

    /// Whether `get` gives it only when it is asked for.
    pub const fn is_hidden(self) -> bool {
        self.flags & HIDDEN != 0
    }

    /// Whether a creation must have it.
    pub const fn is_required(self) -> bool {
        self.flags & REQUIRED != 0
    }
}

/// A condition of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Its name.
    pub name: &'static str,
    /// The JSON of its value.
    pub shape: Shape,
    /// What it finds.
    pub doc: &'static str,
}

/// A key of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// Its name.
    pub name: &'static str,
    /// What it sorts by.
    pub doc: &'static str,
    /// What a comparator takes besides `property`, `isAscending` and `collation`.
    pub arguments: &'static [Argument],
}

/// An argument of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its JSON.
    pub shape: Shape,
    /// What it does.
    pub doc: &'static str,
}

/// A method of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name behind the slash: `get`, `changes`, `set`, `copy`, `query`, `queryChanges`, or one of its own.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What it takes besides what RFC 8620 says; of a method of its own all but `accountId`.
    pub arguments: &'static [Argument],
    /// Whether it changes something: refused for accounts that may only be read.
    pub writes: bool,
    /// The capability that it belongs to; empty: that of its type.
    pub capability: &'static str,
    /// Whether it is a method of the type's own, whatever its name.
    pub is_custom: bool,
}

impl Method {
    /// A method as RFC 8620 has it.
    pub const fn standard(name: &'static str) -> Self {
        Self { name, doc: "", arguments: &[], writes: false, capability: "", is_custom: false }
    }

    /// The same with arguments of its own.
    #[must_use]
    pub const fn taking(self, arguments: &'static [Argument]) -> Self {
        Self { arguments, ..self }
    }

    /// A method that RFC 8620 does not have.
    pub const fn custom(name: &'static str, doc: &'static str, arguments: &'static [Argument]) -> Self {
        Self { name, doc, arguments, writes: false, capability: "", is_custom: true }
    }

    /// The same, which changes something.
    #[must_use]
    pub const fn writing(self) -> Self {
        Self { writes: true, ..self }
    }

    /// The same of another capability than its type's.
    #[must_use]
    pub const fn of(self, capability: &'static str) -> Self {
        Self { capability, ..self }
    }
}

/// A type.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The capability that it belongs to.
    pub capability: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Whether it answers for accounts of others who share something.
    pub shared: bool,
    /// Whether its state is told to clients that follow changes.
    pub pushed: bool,
    /// Whether it is of the person and of no account: its methods know neither `accountId` nor states (RFC 8620 section 7.2).
    pub personal: bool,
    /// What an object has.
    pub properties: &'static [Property],
    /// What a filter may ask.
    pub filters: &'static [Condition],
    /// What a query may be sorted by.
    pub sorts: &'static [Sort],
    /// What can be done.
    pub methods: &'static [Method],
}

impl Table {
    /// Nothing, to begin a table with.
    pub const EMPTY: Self = Self {
        name: "",
        capability: "",
        doc: "",
        shared: false,
        pushed: false,
        personal: false,
        properties: &[],
        filters: &[],
        sorts: &[],
        methods: &[],
    };

    /// A property by its name.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// A method by its name.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name == name)
    }
}

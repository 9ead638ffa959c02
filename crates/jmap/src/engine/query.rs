//! `query` and `queryChanges` (RFC 8620 sections 5.5 and 5.6).

use std::ops::Range;

use serde_json::{Value, json};

use super::changes::most;
use super::table::Method;
use super::{Access, Arguments, Call, Map, MethodError, Table, Type};

/// What must be true of an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these.
    And(Vec<Self>),
    /// One of these.
    Or(Vec<Self>),
    /// None of these.
    Not(Vec<Self>),
    /// All of these conditions.
    Is(Vec<Test>),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Its name in the table.
    pub name: &'static str,
    /// Its value, which has the shape of the table.
    pub value: Value,
}

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collation {
    /// `i;octet`.
    Octet,
    /// `i;ascii-casemap` (RFC 4790).
    AsciiCasemap,
    /// `i;unicode-casemap` (RFC 5051), which the type uses when nothing is said.
    #[default]
    UnicodeCasemap,
}

impl Collation {
    /// All of them by name, for the session.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("i;ascii-casemap", Self::AsciiCasemap),
        ("i;octet", Self::Octet),
        ("i;unicode-casemap", Self::UnicodeCasemap),
    ];
}

/// A key to sort by.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparator {
    /// Its name in the table.
    pub property: &'static str,
    /// The smallest first.
    pub ascending: bool,
    /// How texts are compared.
    pub collation: Collation,
    /// What the key takes besides, which has the shapes of the table.
    pub arguments: Map,
}

/// What a query asks.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// What must be true.
    pub filter: Option<Filter>,
    /// In which order.
    pub sort: Vec<Comparator>,
    /// The first result, from 0 on; below 0: from the end.
    pub position: i64,
    /// The result that the position is counted from.
    pub anchor: Option<String>,
    /// How far from it.
    pub anchor_offset: i64,
    /// How many results.
    pub limit: u64,
    /// Whether the client is to be told how many it wants.
    pub calculate_total: bool,
    /// What the type takes besides.
    pub arguments: Arguments,
}

/// A page of results.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The state of the query.
    pub state: String,
    /// Whether `queryChanges` can be asked from it.
    pub can_calculate: bool,
    /// The place of the first id among all results.
    pub position: usize,
    /// The ids.
    pub ids: Vec<String>,
    /// How many results there are, when it was asked for.
    pub total: Option<u64>,
    /// What the type says besides.
    pub extra: Map,
}

/// What a `queryChanges` is about.
#[derive(Debug, Clone)]
pub struct QueryChangesRequest {
    /// Filter, sort, and whether the total is wanted.
    pub query: Query,
    /// The state that the client knows.
    pub since: String,
    /// How many changes it wants at most; never 0.
    pub max: Option<u64>,
    /// The last id that it knows.
    pub up_to: Option<String>,
}

/// What changed in the results of a query.
#[derive(Debug, Clone, Default)]
pub struct QueryChanges {
    /// The state that the client knows afterwards.
    pub new_state: String,
    /// How many results there are, when it was asked for.
    pub total: Option<u64>,
    /// Ids that are not among the results any more, or have another place.
    pub removed: Vec<String>,
    /// Ids with their places, the lowest first.
    pub added: Vec<(String, u64)>,
}

impl Query {
    /// Which results the client wants of so many; `index_of` knows the place of an id.
    ///
    /// # Errors
    /// `AnchorNotFound`.
    pub fn window(
        &self,
        total: usize,
        index_of: impl FnOnce(&str) -> Option<usize>,
    ) -> Result<Range<usize>, MethodError> {
        let signed = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let start = match &self.anchor {
            Some(anchor) => {
                let at = index_of(anchor).ok_or(MethodError::AnchorNotFound)?;
                signed(at).saturating_add(self.anchor_offset)
            }
            None if self.position < 0 => signed(total).saturating_add(self.position),
            None => self.position,
        };
        let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX).min(total);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Ok(start..start.saturating_add(limit).min(total))
    }

    /// A page of a list that is there as a whole.
    ///
    /// # Errors
    /// `AnchorNotFound`.
    pub fn page(&self, ids: &[String], state: String, can_calculate: bool) -> Result<Page, MethodError> {
        let window = self.window(ids.len(), |anchor| ids.iter().position(|id| id == anchor))?;
        let beyond = self.anchor.is_none() && usize::try_from(self.position).is_ok_and(|at| at > ids.len());
        let position = if beyond { usize::try_from(self.position).unwrap_or(0) } else { window.start };
        Ok(Page {
            state,
            can_calculate,
            position,
            ids: ids.get(window).unwrap_or_default().to_vec(),
            total: self.calculate_total.then_some(ids.len() as u64),
            extra: Map::new(),
        })
    }
}

/// Reads filters within bounds.
struct Filters<'t> {
    table: &'t Table,
    left: u64,
    depth: u64,
}

impl Filters<'_> {
    fn read(&mut self, value: Value, depth: u64) -> Result<Filter, MethodError> {
        self.left = self.left.checked_sub(1).ok_or(MethodError::UnsupportedFilter)?;
        if depth > self.depth {
            return Err(MethodError::UnsupportedFilter);
        }
        let wrong = |why: &str| MethodError::invalid_arguments("filter", why);
        let Value::Object(mut members) = value else { return Err(wrong("is not an object")) };
        let Some(operator) = members.remove("operator") else { return self.tests(members) };
        let Some(Value::Array(conditions)) = members.remove("conditions") else {
            return Err(wrong("has an operator without a list of conditions"));
        };
        if !members.is_empty() {
            return Err(wrong("has members beside `operator` and `conditions`"));
        }
        let inner = conditions.into_iter().map(|one| self.read(one, depth + 1)).collect::<Result<_, _>>()?;
        match operator.as_str() {
            Some("AND") => Ok(Filter::And(inner)),
            Some("OR") => Ok(Filter::Or(inner)),
            Some("NOT") => Ok(Filter::Not(inner)),
            _ => Err(wrong("has an operator that is not AND, OR or NOT")),
        }
    }

    fn tests(&mut self, members: Map) -> Result<Filter, MethodError> {
        let mut tests = Vec::with_capacity(members.len());
        for (name, value) in members {
            let known = self.table.filters.iter().find(|condition| condition.name == name);
            let condition = known.ok_or(MethodError::UnsupportedFilter)?;
            if !condition.shape.fits(&value) {
                let why = format_args!("{name} is not of the type {}", condition.shape.words());
                return Err(MethodError::invalid_arguments("filter", why));
            }
            tests.push(Test { name: condition.name, value });
        }
        Ok(Filter::Is(tests))
    }
}

fn comparator(table: &Table, value: Value) -> Result<Comparator, MethodError> {
    let wrong = |why: &str| MethodError::invalid_arguments("sort", why);
    let Value::Object(mut members) = value else { return Err(wrong("has something else than objects")) };
    let Some(Value::String(property)) = members.remove("property") else {
        return Err(wrong("has a comparator without a property"));
    };
    let key = table.sorts.iter().find(|sort| sort.name == property).ok_or(MethodError::UnsupportedSort)?;
    let ascending = match members.remove("isAscending") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(ascending)) => ascending,
        Some(_) => return Err(wrong("has an `isAscending` that is not true or false")),
    };
    let collation = match members.remove("collation") {
        None | Some(Value::Null) => Collation::default(),
        Some(Value::String(name)) => {
            let known = Collation::ALL.iter().find(|(known, _)| *known == name);
            known.ok_or(MethodError::UnsupportedSort)?.1
        }
        Some(_) => return Err(wrong("has a collation that is not a text")),
    };
    Arguments::new(members.clone()).check(key.arguments)?;
    Ok(Comparator { property: key.name, ascending, collation, arguments: members })
}

/// A filter of a type, within bounds.
///
/// # Errors
/// `InvalidArguments`, `UnsupportedFilter`.
pub(crate) fn read_filter(table: &Table, filter: Value, call: &Call) -> Result<Filter, MethodError> {
    let limits = call.limits();
    Filters { table, left: limits.jmap_filter_conditions, depth: limits.jmap_filter_depth }.read(filter, 1)
}

fn read(
    kind: &dyn Type,
    call: &Call,
    method: &Method,
    mut arguments: Arguments,
) -> Result<(Query, Option<u64>), MethodError> {
    let (table, limits) = (kind.table(), call.limits());
    let filter = match arguments.take("filter") {
        Some(filter) => Some(read_filter(table, filter, call)?),
        None => None,
    };
    let sort = match arguments.take("sort") {
        Some(Value::Array(keys)) if keys.len() as u64 <= limits.jmap_sort_keys => {
            keys.into_iter().map(|key| comparator(table, key)).collect::<Result<_, _>>()?
        }
        Some(Value::Array(_)) => return Err(MethodError::UnsupportedSort),
        Some(_) => return Err(MethodError::invalid_arguments("sort", "is not a list")),
        None => Vec::new(),
    };
    let anchor = arguments.string_opt("anchor")?.map(|anchor| super::get::id_of(call, anchor));
    let wanted = arguments.unsigned_opt("limit")?;
    let most = limits.jmap_query_ids;
    let query = Query {
        filter,
        sort,
        position: arguments.int("position", 0)?,
        anchor,
        anchor_offset: arguments.int("anchorOffset", 0)?,
        limit: wanted.unwrap_or(most).min(most),
        calculate_total: arguments.bool("calculateTotal", false)?,
        arguments,
    };
    query.arguments.check(method.arguments)?;
    let clamped = wanted.is_none_or(|wanted| wanted > most).then_some(most);
    Ok((query, clamped))
}

pub(crate) async fn query(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    method: &Method,
    arguments: Arguments,
) -> Result<Map, MethodError> {
    let (query, clamped) = read(kind, call, method, arguments)?;
    let page = kind.query(call, account, query).await?;
    let mut out = page.extra;
    out.insert("accountId".to_owned(), json!(account.id()));
    out.insert("queryState".to_owned(), json!(page.state));
    out.insert("canCalculateChanges".to_owned(), json!(page.can_calculate));
    out.insert("position".to_owned(), json!(page.position));
    if let Some(total) = page.total {
        out.insert("total".to_owned(), json!(total));
    }
    // The limit is told where it is the server's, and cut something off.
    if let Some(limit) = clamped
        && page.ids.len() as u64 >= limit
    {
        out.insert("limit".to_owned(), json!(limit));
    }
    out.insert("ids".to_owned(), json!(page.ids));
    Ok(out)
}

pub(crate) async fn query_changes(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    method: &Method,
    mut arguments: Arguments,
) -> Result<Map, MethodError> {
    let since = arguments.string("sinceQueryState")?;
    let max = most(&mut arguments)?;
    let up_to = arguments.string_opt("upToId")?;
    for other in ["position", "anchor", "anchorOffset", "limit"] {
        if arguments.take(other).is_some() {
            return Err(MethodError::invalid_arguments(other, "is no argument of this method"));
        }
    }
    let (query, _) = read(kind, call, method, arguments)?;
    let request = QueryChangesRequest { query, since: since.clone(), max, up_to };
    let changes = kind.query_changes(call, account, request).await?;
    if max.is_some_and(|max| (changes.removed.len().max(changes.added.len())) as u64 > max) {
        return Err(MethodError::TooManyChanges);
    }
    let mut out = Map::new();
    out.insert("accountId".to_owned(), json!(account.id()));
    out.insert("oldQueryState".to_owned(), json!(since));
    out.insert("newQueryState".to_owned(), json!(changes.new_state));
    if let Some(total) = changes.total {
        out.insert("total".to_owned(), json!(total));
    }
    out.insert("removed".to_owned(), json!(changes.removed));
    let added = changes.added.into_iter().map(|(id, index)| json!({"id": id, "index": index}));
    out.insert("added".to_owned(), added.collect());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(query: &Query) -> Result<Range<usize>, MethodError> {
        query.window(10, |anchor| anchor.parse().ok().filter(|at| *at < 10))
    }

    #[test]
    fn windows_are_cut_as_the_standard_says() {
        let of = |position, limit| window(&Query { position, limit, ..Query::default() }).unwrap();
        assert_eq!(of(0, 3), 0..3);
        assert_eq!(of(8, 3), 8..10);
        assert_eq!(of(-3, 2), 7..9);
        assert_eq!(of(-30, 2), 0..2);
        assert_eq!(of(30, 2), 10..10);
        assert_eq!(of(2, 0), 2..2);
        let by = |anchor: &str, anchor_offset| {
            window(&Query { anchor: Some(anchor.to_owned()), anchor_offset, limit: 4, ..Query::default() })
        };
        assert_eq!(by("5", -2).unwrap(), 3..7);
        assert_eq!(by("1", -5).unwrap(), 0..4);
        assert_eq!(by("9", 5).unwrap(), 10..10);
        assert_eq!(by("x", 0), Err(MethodError::AnchorNotFound));
    }
}

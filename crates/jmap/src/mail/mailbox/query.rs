//! `Mailbox/query` and `Mailbox/queryChanges` (RFC 8621 sections 2.3 and 2.4).

use std::cmp::Ordering;
use std::collections::HashSet;

use base::{CollectionId, Tree};
use mail::{Mailbox, Role};
use serde_json::Value;

use super::{all, changed_since, parent};
use crate::engine::{
    Access, Call, Comparator, Filter, MethodError, Page, Query, QueryChanges, QueryChangesRequest, Test,
};
use crate::mail::ids;

fn passes(mailbox: &Mailbox, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| passes(mailbox, one)),
        Filter::Or(all) => all.iter().any(|one| passes(mailbox, one)),
        Filter::Not(all) => !all.iter().any(|one| passes(mailbox, one)),
        Filter::Is(tests) => tests.iter().all(|test| holds(mailbox, test)),
    }
}

fn holds(mailbox: &Mailbox, test: &Test) -> bool {
    let text = test.value.as_str();
    match test.name {
        "parentId" => parent(mailbox).as_deref() == text,
        "name" => codec::fold::fold(&mailbox.name).contains(&codec::fold::fold(text.unwrap_or_default())),
        "role" => mailbox.role.map(Role::word) == text,
        "hasAnyRole" => Value::Bool(mailbox.role.is_some()) == test.value,
        "isSubscribed" => Value::Bool(mailbox.subscribed) == test.value,
        _ => false,
    }
}

fn compared(one: &Mailbox, other: &Mailbox, sort: &[Comparator]) -> Ordering {
    for by in sort {
        let ordering = match by.property {
            "sortOrder" => one.sort_order.cmp(&other.sort_order),
            "parentId" => one.parent.0.cmp(&other.parent.0),
            _ => codec::fold::fold(&one.name).cmp(&codec::fold::fold(&other.name)),
        };
        if ordering.is_ne() {
            return if by.ascending { ordering } else { ordering.reverse() };
        }
    }
    one.id.0.cmp(&other.id.0)
}

/// Each behind the one that it lies in, siblings in the order that they have.
fn as_tree<'m>(sorted: &[&'m Mailbox]) -> Vec<&'m Mailbox> {
    let there: HashSet<i64> = sorted.iter().map(|mailbox| mailbox.id.0).collect();
    let is_top = |mailbox: &Mailbox| mailbox.parent.0 == 0 || !there.contains(&mailbox.parent.0);
    let mut out = Vec::with_capacity(sorted.len());
    let mut waiting: Vec<&Mailbox> = sorted.iter().filter(|mailbox| is_top(mailbox)).rev().copied().collect();
    while let Some(mailbox) = waiting.pop() {
        out.push(mailbox);
        waiting.extend(sorted.iter().filter(|child| child.parent == mailbox.id).rev().copied());
    }
    out
}

/// The mailboxes that a query finds, in their order.
fn results<'m>(
    mailboxes: &'m [Mailbox],
    query: &Query,
    sort_as_tree: bool,
    filter_as_tree: bool,
) -> Vec<&'m Mailbox> {
    let mut sorted: Vec<&Mailbox> = mailboxes.iter().collect();
    sorted.sort_by(|one, other| compared(one, other, &query.sort));
    if sort_as_tree {
        sorted = as_tree(&sorted);
    }
    let Some(filter) = &query.filter else { return sorted };
    let passing: HashSet<i64> =
        mailboxes.iter().filter(|mailbox| passes(mailbox, filter)).map(|mailbox| mailbox.id.0).collect();
    let with_parents = |mailbox: &Mailbox| {
        let mut at = Some(mailbox);
        for _ in 0..=mailboxes.len() {
            let Some(mailbox) = at else { return true };
            if !passing.contains(&mailbox.id.0) {
                return false;
            }
            at = mailboxes.iter().find(|other| other.id == mailbox.parent);
        }
        false
    };
    sorted.retain(
        |mailbox| {
            if filter_as_tree { with_parents(mailbox) } else { passing.contains(&mailbox.id.0) }
        },
    );
    sorted
}

/// Subscriptions to mailboxes of others stand in no history.
fn can_calculate(access: &Access, query: &Query) -> bool {
    fn asks(filter: &Filter) -> bool {
        match filter {
            Filter::And(all) | Filter::Or(all) | Filter::Not(all) => all.iter().any(asks),
            Filter::Is(tests) => tests.iter().any(|test| test.name == "isSubscribed"),
        }
    }
    access.tree == Tree::Present && (access.own || !query.filter.as_ref().is_some_and(asks))
}

pub(super) async fn query(call: &Call, access: &Access, mut query: Query) -> Result<Page, MethodError> {
    let sort_as_tree = query.arguments.bool("sortAsTree", false)?;
    let filter_as_tree = query.arguments.bool("filterAsTree", false)?;
    let (state, mailboxes) = all(call, access).await?;
    let found: Vec<String> = results(&mailboxes, &query, sort_as_tree, filter_as_tree)
        .into_iter()
        .map(|mailbox| ids::mailbox(mailbox.id))
        .collect();
    query.page(&found, ids::state(state), can_calculate(access, &query))
}

/// `Mailbox/queryChanges` (RFC 8621 section 2.4). What changed otherwise than in its counts may have another place: it is
/// taken out, and put in where it is now. In a tree, what lies below it moves with it: then that is true of all.
pub(super) async fn query_changes(
    call: &Call,
    access: &Access,
    mut request: QueryChangesRequest,
) -> Result<QueryChanges, MethodError> {
    let sort_as_tree = request.query.arguments.bool("sortAsTree", false)?;
    let filter_as_tree = request.query.arguments.bool("filterAsTree", false)?;
    if !can_calculate(access, &request.query) {
        return Err(MethodError::CannotCalculateChanges);
    }
    let since = ids::read_state(&request.since)?;
    let (state, mailboxes) = all(call, access).await?;
    let mut changed = changed_since(call, access, since, state).await?;
    changed
        .retain(|change| change.info.kind == mail::NAME && (change.created || change.gone || change.state));
    let mut removed: Vec<i64> =
        changed.iter().filter(|change| !change.created).map(|change| change.info.id.0).collect();
    let mut touched: HashSet<i64> = changed.iter().map(|change| change.info.id.0).collect();
    if (sort_as_tree || filter_as_tree) && !touched.is_empty() {
        let others = mailboxes.iter().map(|mailbox| mailbox.id.0).filter(|id| !touched.contains(id));
        removed.extend(others);
        touched.extend(mailboxes.iter().map(|mailbox| mailbox.id.0));
    }
    removed.sort_unstable();
    let found = results(&mailboxes, &request.query, sort_as_tree, filter_as_tree);
    let added = found.iter().enumerate().filter(|(_, mailbox)| touched.contains(&mailbox.id.0));
    Ok(QueryChanges {
        new_state: ids::state(state),
        total: request.query.calculate_total.then_some(found.len() as u64),
        added: added.map(|(index, mailbox)| (ids::mailbox(mailbox.id), index as u64)).collect(),
        removed: removed.into_iter().map(|id| ids::mailbox(CollectionId(id))).collect(),
    })
}

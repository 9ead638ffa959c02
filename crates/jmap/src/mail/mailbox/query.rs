//! `Mailbox/query` (RFC 8621 section 2.3).

use std::cmp::Ordering;
use std::collections::HashSet;

use mail::{Mailbox, Role};
use serde_json::Value;

use super::{all, parent};
use crate::engine::{Access, Call, Comparator, Filter, Map, MethodError, Page, Query, Test};
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

pub(super) async fn query(call: &Call, access: &Access, mut query: Query) -> Result<Page, MethodError> {
    let sort_as_tree = query.arguments.bool("sortAsTree", false)?;
    let filter_as_tree = query.arguments.bool("filterAsTree", false)?;
    let (state, mailboxes) = all(call, access).await?;
    let mut sorted: Vec<&Mailbox> = mailboxes.iter().collect();
    sorted.sort_by(|one, other| compared(one, other, &query.sort));
    if sort_as_tree {
        sorted = as_tree(&sorted);
    }
    if let Some(filter) = &query.filter {
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
    }
    let found: Vec<String> = sorted.into_iter().map(|mailbox| ids::mailbox(mailbox.id)).collect();
    let mut page = query.page(&found, ids::state(state), false)?;
    page.extra = Map::new();
    Ok(page)
}

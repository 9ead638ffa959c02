//! `REFERENCES` (RFC 5256 section 3) in its six steps, and `REFS`, which leaves out the one about subjects and puts the
//! thread with the newest message last. Nothing here recurses: a chain of references may be as long as the mailbox.

use std::collections::HashMap;

use codec::imap::write::number;

use super::Letter;

const NONE: usize = usize::MAX;

/// Messages and dummies, each with what is below it.
pub(super) struct Forest<'l> {
    letters: &'l [Letter<'l>],
    /// Which message a node is; a dummy is none.
    message: Vec<Option<usize>>,
    parent: Vec<usize>,
    /// How many nodes have this one as their parent.
    children: Vec<u32>,
    below: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl<'l> Forest<'l> {
    pub(super) fn by_references(letters: &'l [Letter<'l>], subjects: bool) -> Self {
        let mut forest = Self {
            letters,
            message: Vec::with_capacity(letters.len()),
            parent: Vec::new(),
            children: Vec::new(),
            below: Vec::new(),
            roots: Vec::new(),
        };
        forest.link();
        forest.hang();
        forest.prune();
        if subjects {
            forest.sort_roots();
            forest.gather_subjects();
        }
        forest.sort_all();
        if !subjects {
            forest.sort_by_newest();
        }
        forest
    }

    fn node(&mut self, message: Option<usize>) -> usize {
        self.message.push(message);
        self.parent.push(NONE);
        self.children.push(0);
        self.message.len() - 1
    }

    fn parent_of(&self, node: usize) -> usize {
        self.parent.get(node).copied().unwrap_or(NONE)
    }

    fn set_parent(&mut self, node: usize, parent: usize) {
        let old = self.parent_of(node);
        if let Some(count) = self.children.get_mut(old) {
            *count -= 1;
        }
        if let Some(count) = self.children.get_mut(parent) {
            *count += 1;
        }
        if let Some(slot) = self.parent.get_mut(node) {
            *slot = parent;
        }
    }

    /// Whether `node` lies below `above` or is it.
    fn is_below(&self, node: usize, above: usize) -> bool {
        if self.children.get(above).copied().unwrap_or(0) == 0 {
            return node == above;
        }
        let mut at = node;
        while at != NONE {
            if at == above {
                return true;
            }
            at = self.parent_of(at);
        }
        false
    }

    /// Step 1: links by message ids.
    fn link(&mut self) {
        let mut by_id: HashMap<u64, usize> = HashMap::with_capacity(2 * self.letters.len());
        for (index, letter) in self.letters.iter().enumerate() {
            // Of several messages with one id the first has it.
            let known = by_id.get(&letter.message_id).copied().filter(|_| letter.message_id != 0);
            let own = match known {
                Some(node) if self.message.get(node) == Some(&None) => {
                    if let Some(slot) = self.message.get_mut(node) {
                        *slot = Some(index);
                    }
                    node
                }
                Some(_) => self.node(Some(index)),
                None => {
                    let node = self.node(Some(index));
                    if letter.message_id != 0 {
                        by_id.insert(letter.message_id, node);
                    }
                    node
                }
            };
            let mut last = NONE;
            for id in letter.refs {
                let node = if let Some(node) = by_id.get(id) {
                    *node
                } else {
                    let node = self.node(None);
                    by_id.insert(*id, node);
                    node
                };
                // Existing links stay, and there is no loop.
                if last != NONE && self.parent_of(node) == NONE && !self.is_below(last, node) {
                    self.set_parent(node, last);
                }
                last = node;
            }
            // What the message itself says of its parent counts more than what others said.
            if last == NONE {
                self.set_parent(own, NONE);
            } else if !self.is_below(last, own) {
                self.set_parent(own, last);
            }
        }
    }

    /// Step 2: what has no parent hangs on the root.
    fn hang(&mut self) {
        self.below = vec![Vec::new(); self.message.len()];
        for node in 0..self.message.len() {
            let parent = self.parent_of(node);
            match self.below.get_mut(parent) {
                Some(below) => below.push(node),
                None => self.roots.push(node),
            }
        }
    }

    /// All nodes, each before those below it.
    fn top_down(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.message.len());
        let mut waiting = self.roots.clone();
        while let Some(node) = waiting.pop() {
            order.push(node);
            waiting.extend(self.below_of(node));
        }
        order
    }

    fn below_of(&self, node: usize) -> &[usize] {
        self.below.get(node).map_or(&[], Vec::as_slice)
    }

    fn take_below(&mut self, node: usize) -> Vec<usize> {
        self.below.get_mut(node).map(std::mem::take).unwrap_or_default()
    }

    fn set_below(&mut self, node: usize, below: Vec<usize>) {
        if let Some(slot) = self.below.get_mut(node) {
            *slot = below;
        }
    }

    fn push_below(&mut self, node: usize, one: usize) {
        if let Some(slot) = self.below.get_mut(node) {
            slot.push(one);
        }
    }

    fn is_dummy(&self, node: usize) -> bool {
        self.message.get(node).is_none_or(Option::is_none)
    }

    /// Step 3: dummies go, and what is below them moves up; but a dummy keeps several at the top together.
    fn prune(&mut self) {
        for node in self.top_down().into_iter().rev() {
            if self.below_of(node).iter().any(|below| self.is_dummy(*below)) {
                let mut kept = Vec::new();
                for below in self.take_below(node) {
                    if self.is_dummy(below) {
                        kept.extend(self.take_below(below));
                    } else {
                        kept.push(below);
                    }
                }
                self.set_below(node, kept);
            }
        }
        for root in std::mem::take(&mut self.roots) {
            if self.is_dummy(root) && self.below_of(root).len() < 2 {
                let below = self.take_below(root);
                self.roots.extend(below);
            } else {
                self.roots.push(root);
            }
        }
    }

    /// The message of a node; of a dummy its first child's.
    fn first(&self, node: usize) -> Option<usize> {
        match self.message.get(node).copied().flatten() {
            Some(message) => Some(message),
            None => self.below_of(node).first().and_then(|below| self.message.get(*below).copied().flatten()),
        }
    }

    fn key(&self, node: usize) -> (i64, usize) {
        let Some(message) = self.first(node) else { return (i64::MAX, NONE) };
        (self.letters.get(message).map_or(i64::MAX, |letter| letter.date_ms), message)
    }

    fn sort_below(&mut self, node: usize) {
        let mut below = self.take_below(node);
        below.sort_by_key(|one| self.key(*one));
        self.set_below(node, below);
    }

    /// Step 4: the top by date; a dummy counts as the earliest below it.
    fn sort_roots(&mut self) {
        let mut roots = std::mem::take(&mut self.roots);
        for root in &roots {
            if self.is_dummy(*root) {
                self.sort_below(*root);
            }
        }
        roots.sort_by_key(|root| self.key(*root));
        self.roots = roots;
    }

    fn subject(&self, node: usize) -> &'l str {
        let letters: &'l [Letter<'l>] = self.letters;
        self.first(node).and_then(|message| letters.get(message)).map_or("", |letter| letter.subject)
    }

    fn is_reply(&self, node: usize) -> bool {
        self.first(node).and_then(|message| self.letters.get(message)).is_some_and(|letter| letter.is_reply)
    }

    /// Step 5: threads with one base subject come together.
    fn gather_subjects(&mut self) {
        let mut table: HashMap<&'l str, usize> = HashMap::new();
        for root in &self.roots {
            let subject = self.subject(*root);
            if subject.is_empty() {
                continue;
            }
            let known = *table.entry(subject).or_insert(*root);
            let better = self.is_dummy(*root) || (self.is_reply(known) && !self.is_reply(*root));
            if !self.is_dummy(known) && better {
                table.insert(subject, *root);
            }
        }
        // What was merged into another is at the top no more.
        let mut merged = vec![false; self.message.len()];
        let mark = |merged: &mut Vec<bool>, node: usize| {
            if let Some(slot) = merged.get_mut(node) {
                *slot = true;
            }
        };
        let roots = self.roots.clone();
        for root in roots {
            let subject = self.subject(root);
            let Some(known) =
                table.get(subject).copied().filter(|known| *known != root && !subject.is_empty())
            else {
                continue;
            };
            match (self.is_dummy(known), self.is_dummy(root)) {
                (true, true) => {
                    for below in self.take_below(root) {
                        self.push_below(known, below);
                    }
                    mark(&mut merged, root);
                }
                (true, false) => {
                    self.push_below(known, root);
                    mark(&mut merged, root);
                }
                (false, _) if self.is_reply(root) && !self.is_reply(known) => {
                    self.push_below(known, root);
                    mark(&mut merged, root);
                }
                (false, _) => {
                    let dummy = self.node(None);
                    self.below.push(vec![known, root]);
                    merged.push(false);
                    mark(&mut merged, known);
                    mark(&mut merged, root);
                    self.roots.push(dummy);
                    table.insert(subject, dummy);
                }
            }
        }
        self.roots.retain(|root| !merged.get(*root).copied().unwrap_or(false));
    }

    /// Step 6: all siblings by date.
    fn sort_all(&mut self) {
        for node in self.top_down().into_iter().rev() {
            if self.below_of(node).len() > 1 {
                self.sort_below(node);
            }
        }
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by_key(|root| self.key(*root));
        self.roots = roots;
    }

    /// `REFS`: the top by the newest message of each thread.
    fn sort_by_newest(&mut self) {
        let mut newest = vec![i64::MIN; self.message.len()];
        let place_of = |forest: &Self, node: usize| forest.message.get(node).copied().flatten();
        for node in self.top_down().into_iter().rev() {
            let own = place_of(self, node).and_then(|message| self.letters.get(message));
            let below = self.below_of(node).iter().filter_map(|below| newest.get(*below)).copied().max();
            let latest = own.map(|letter| letter.received_ms).max(below).unwrap_or(i64::MIN);
            if let Some(slot) = newest.get_mut(node) {
                *slot = latest;
            }
        }
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by_key(|root| (newest.get(*root).copied(), self.first(*root)));
        self.roots = roots;
    }

    /// Appends the threads.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut waiting: Vec<Option<usize>> = self.roots.iter().rev().copied().map(Some).collect();
        while let Some(next) = waiting.pop() {
            let Some(mut node) = next else {
                out.push(b')');
                continue;
            };
            out.push(b'(');
            loop {
                let message =
                    self.message.get(node).copied().flatten().and_then(|message| self.letters.get(message));
                if let Some(letter) = message {
                    number(out, u64::from(letter.number));
                }
                match self.below_of(node) {
                    [] => {
                        out.push(b')');
                        break;
                    }
                    [one] => {
                        if message.is_some() {
                            out.push(b' ');
                        }
                        node = *one;
                    }
                    many => {
                        if message.is_some() {
                            out.push(b' ');
                        }
                        waiting.push(None);
                        waiting.extend(many.iter().rev().copied().map(Some));
                        break;
                    }
                }
            }
        }
    }
}

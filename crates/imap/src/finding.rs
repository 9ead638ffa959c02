//! SEARCH, SORT and THREAD: what is asked for and how it is answered. RFC 9051 section 6.4.4, ESEARCH (RFC 4731), SEARCHRES
//! (RFC 5182), CONDSTORE (RFC 7162), ESORT (RFC 5267), PARTIAL (RFC 9394).

use base::Seq;
use codec::imap::{MultiSearch, NotifyFilter, Ranges, Returns, Search, Sort, Thread, write};
use mail::View;

use crate::failure::{Failure, Result};
use crate::messages::in_order;
use crate::out::Out;
use crate::out::patiently;
use crate::selected::{Look, Modes, Selected};
use crate::session::{Done, Session, State};
use crate::{names, notify, search, select, sort, thread};

/// Something that was found.
struct Found {
    /// UIDs in the order of the answer.
    uids: Vec<u32>,
    /// The numbers that stand for them.
    numbers: Vec<u32>,
    /// They are in ascending order.
    ascending: bool,
}

impl Session {
    /// `SEARCH` and `UID SEARCH`.
    pub(crate) async fn search(&mut self, tag: &str, request: Search, out: &mut Out<'_>) -> Result<Done> {
        if request.charset && self.modes.has(Modes::UTF8) {
            return Err(Failure::bad("After UTF8=ACCEPT a search names no charset"));
        }
        let mut returns = request.returns;
        // IMAP4rev2 knows no untagged SEARCH (RFC 9051 section 6.4.4).
        if returns.is_none() && self.modes.has(Modes::REV2) {
            returns = Some(Returns { all: true, ..Returns::default() });
        }
        if request.key.has_modseq() {
            self.use_modseqs(out);
        }
        let found = self.find(tag, &request, out).await;
        let (found, view) = match found {
            Ok(found) => found,
            Err(failure) => {
                // A search that fails with SAVE empties `$` (RFC 5182 section 2.1).
                if matches!(failure, Failure::No(_)) && returns.is_some_and(|returns| returns.save) {
                    self.selected()?.1.saved = Ranges::EMPTY;
                }
                return Err(failure);
            }
        };
        let modseq = request.key.has_modseq().then(|| highest(&told(&found, returns), &view)).flatten();
        let (_, selected) = self.selected()?;
        match returns {
            Some(returns) => {
                if returns.save {
                    selected.saved = saved(&found, returns);
                }
                let head = Head { tag, uid: request.uid, mailbox: None };
                push_esearch(out, &head, &found, returns, modseq);
                if returns.update {
                    let found = found.uids.into_iter().collect();
                    self.keep_current(tag, request.uid, request.key, found, out)?;
                }
            }
            None => push_plain(out, "SEARCH", &found.numbers, modseq),
        }
        Done::text("Searched")
    }

    async fn find(
        &mut self,
        tag: &str,
        request: &Search,
        out: &mut Out<'_>,
    ) -> Result<(Found, std::sync::Arc<View>)> {
        // Pipelined commands may name the result at once: what is known now is what is searched.
        self.sync(request.uid, out).await?;
        let (look, view) = self.look().await?;
        let look = look.with(&view, self)?;
        let uids = patiently(tag, out, search::run(look, &request.key)).await?;
        let numbers: Vec<u32> = if request.uid {
            uids.iter().collect()
        } else {
            look.selected.uids.ranks_of(&uids).iter().collect()
        };
        Ok((Found { uids: uids.iter().collect(), numbers, ascending: true }, view))
    }

    /// `ESEARCH`: each mailbox in which something was found is told by its name (RFC 7377 section 2.2).
    pub(crate) async fn multi_search(
        &mut self,
        tag: &str,
        request: MultiSearch,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let MultiSearch { sources, returns, key } = request;
        if sources.iter().all(NotifyFilter::is_selected) {
            // The selected mailbox alone; it says which one it is as the others do.
            self.selected()?;
        }
        if key.has_modseq() {
            self.use_modseqs(out);
        }
        self.sync(true, out).await?;
        let login = self.login()?;
        let here = match &self.state {
            State::Selected(_, selected) => Some((selected.account, selected.mailbox)),
            _ => None,
        };
        let wants_here = sources.is_empty() || sources.iter().any(NotifyFilter::is_selected);
        let mail = self.server.mail.clone();
        for named in names::all(&mail, &login).await? {
            let Some(mailbox) = &named.mailbox else { continue };
            let is_here = here == Some((mailbox.account, mailbox.id));
            let named_by = |source: &NotifyFilter| notify::takes(source, &named.name, mailbox, login.account);
            let is_wanted = (is_here && wants_here) || sources.iter().any(named_by);
            if !is_wanted {
                continue;
            }
            let Ok(view) = mail.view(&login.ctx, mailbox.account, mailbox.id).await else { continue };
            let opened = select::open(mailbox, &view, true);
            // What `$` and numbers mean, the session knows.
            let selected = match &self.state {
                State::Selected(_, selected) if is_here => selected,
                _ => &opened,
            };
            let look = Look { ctx: &login.ctx, mail: &mail, selected, view: &view, modes: self.modes };
            let uids = patiently(tag, out, search::run(look, &key)).await?;
            let uids: Vec<u32> = uids.iter().collect();
            let found = Found { numbers: uids.clone(), uids, ascending: true };
            if is_here && returns.save {
                self.selected()?.1.saved = saved(&found, returns);
            }
            if found.uids.is_empty() {
                continue;
            }
            let modseq = key.has_modseq().then(|| highest(&told(&found, Some(returns)), &view)).flatten();
            let mut name = Vec::new();
            write::mailbox(&mut name, &named.name, self.modes.is_utf8());
            let head = Head { tag, uid: true, mailbox: Some((name, mailbox.uidvalidity)) };
            push_esearch(out, &head, &found, returns, modseq);
            out.checkpoint().await?;
        }
        Done::text("Searched")
    }

    /// `SORT` and `UID SORT`.
    pub(crate) async fn sort(&mut self, tag: &str, request: Sort, out: &mut Out<'_>) -> Result<Done> {
        if request.key.has_modseq() {
            self.use_modseqs(out);
        }
        self.sync(request.uid, out).await?;
        let (parts, view) = self.look().await?;
        let look = parts.with(&view, self)?;
        let uids = patiently(tag, out, search::run(look, &request.key)).await?;
        let order = patiently(tag, out, sort::run(look, &request.criteria, &uids)).await?;
        let numbers = numbers_of(look.selected, &uids, &order, request.uid);
        let found = Found { uids: order, numbers, ascending: false };
        let modseq = request.key.has_modseq().then(|| highest(&found.uids, &view)).flatten();
        let (_, selected) = self.selected()?;
        match request.returns {
            Some(returns) => {
                if returns.save {
                    selected.saved = saved(&found, returns);
                }
                let head = Head { tag, uid: request.uid, mailbox: None };
                push_esearch(out, &head, &found, returns, modseq);
            }
            None => push_plain(out, "SORT", &found.numbers, modseq),
        }
        Done::text("Sorted")
    }

    /// `THREAD` and `UID THREAD`.
    pub(crate) async fn thread(&mut self, tag: &str, request: Thread, out: &mut Out<'_>) -> Result<Done> {
        self.sync(request.uid, out).await?;
        let (parts, view) = self.look().await?;
        let look = parts.with(&view, self)?;
        let uids = patiently(tag, out, search::run(look, &request.key)).await?;
        let pairs: Vec<(u32, u32)> =
            if request.uid { Vec::new() } else { look.selected.numbered(&uids).collect() };
        let number = |uid: u32| match pairs.binary_search_by_key(&uid, |(_, known)| *known) {
            Ok(place) => pairs.get(place).map_or(uid, |(number, _)| *number),
            Err(_) => uid,
        };
        let mut threads = Vec::new();
        thread::run(look, request.algorithm, &uids, &number, &mut threads).await?;
        out.text("* THREAD");
        if !threads.is_empty() {
            out.text(" ");
            out.bytes.extend_from_slice(&threads);
        }
        out.text("\r\n");
        Done::text("Threaded")
    }

    /// What evaluating needs, in two parts: the session is borrowed after the view is there.
    async fn look(&mut self) -> Result<(Parts, std::sync::Arc<View>)> {
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        let view = mail.view(&login.ctx, selected.account, selected.mailbox).await?;
        Ok((Parts { mail, login }, view))
    }
}

struct Parts {
    mail: mail::Mail,
    login: std::sync::Arc<wire::auth::Session>,
}

impl Parts {
    fn with<'a>(&'a self, view: &'a View, session: &'a Session) -> Result<Look<'a>> {
        let State::Selected(_, selected) = &session.state else {
            return Err(Failure::bad("Select a mailbox first"));
        };
        Ok(Look { ctx: &self.login.ctx, mail: &self.mail, selected, view, modes: session.modes })
    }
}

/// The numbers of UIDs in their order.
fn numbers_of(selected: &Selected, uids: &Ranges, order: &[u32], uid: bool) -> Vec<u32> {
    if uid {
        return order.to_vec();
    }
    let pairs: Vec<(u32, u32)> = selected.numbered(uids).collect();
    let number = |uid: &u32| {
        let place = pairs.binary_search_by_key(uid, |(_, known)| *known).ok()?;
        pairs.get(place).map(|(number, _)| *number)
    };
    order.iter().filter_map(number).collect()
}

/// Of what was found, what MIN, MAX and PARTIAL leave, unless all is asked for.
fn chosen(all: &[u32], returns: Returns) -> Vec<&u32> {
    if returns.all || returns.count || !(returns.min || returns.max || returns.partial.is_some()) {
        return all.iter().collect();
    }
    let mut chosen = Vec::new();
    if returns.min {
        chosen.extend(all.first());
    }
    if returns.max {
        chosen.extend(all.last());
    }
    if let Some(partial) = returns.partial {
        chosen.extend(all.get(partial.places(all.len())).unwrap_or_default());
    }
    chosen
}

/// What `$` stands for afterwards (RFC 5182 section 2.1, RFC 9394 section 3.2).
fn saved(found: &Found, returns: Returns) -> Ranges {
    let mut uids: Vec<u32> = chosen(&found.uids, returns).into_iter().copied().collect();
    uids.sort_unstable();
    uids.into_iter().collect()
}

/// The messages whose highest MODSEQ is told (RFC 7162 section 3.1.5).
fn told(found: &Found, returns: Option<Returns>) -> Vec<u32> {
    match returns {
        Some(returns) => chosen(&found.uids, returns).into_iter().copied().collect(),
        None => found.uids.clone(),
    }
}

fn highest(uids: &[u32], view: &View) -> Option<Seq> {
    uids.iter().filter_map(|uid| view.entry(*uid)).map(|entry| entry.modseq).max()
}

fn push_plain(out: &mut Out<'_>, word: &str, numbers: &[u32], modseq: Option<Seq>) {
    out.text("* ");
    out.text(word);
    for number in numbers {
        out.text(" ");
        write::number(&mut out.bytes, u64::from(*number));
    }
    if let Some(modseq) = modseq {
        out.text(&format!(" (MODSEQ {modseq})"));
    }
    out.text("\r\n");
}

/// What stands at the beginning of an ESEARCH.
struct Head<'h> {
    tag: &'h str,
    uid: bool,
    /// Name and UIDVALIDITY of the mailbox, where several are searched.
    mailbox: Option<(Vec<u8>, u32)>,
}

fn push_esearch(out: &mut Out<'_>, head: &Head<'_>, found: &Found, returns: Returns, modseq: Option<Seq>) {
    // With SAVE alone nothing is told (RFC 5182 section 2.1).
    let tells = returns.min || returns.max || returns.all || returns.count || returns.partial.is_some();
    if !tells {
        return;
    }
    out.text("* ESEARCH (TAG ");
    write::quoted(&mut out.bytes, head.tag.as_bytes());
    if let Some((name, uidvalidity)) = &head.mailbox {
        out.text(" MAILBOX ");
        out.bytes.extend_from_slice(name);
        out.text(&format!(" UIDVALIDITY {uidvalidity}"));
    }
    out.text(")");
    if head.uid {
        out.text(" UID");
    }
    let set = |numbers: &[u32]| {
        if found.ascending {
            numbers.iter().copied().collect::<Ranges>().to_string()
        } else {
            in_order(numbers)
        }
    };
    if let (true, Some(first)) = (returns.min, found.numbers.first()) {
        out.text(&format!(" MIN {first}"));
    }
    if let (true, Some(last)) = (returns.max, found.numbers.last()) {
        out.text(&format!(" MAX {last}"));
    }
    if returns.count {
        out.text(&format!(" COUNT {}", found.numbers.len()));
    }
    if returns.all && !found.numbers.is_empty() {
        out.text(" ALL ");
        out.text(&set(&found.numbers));
    }
    if let Some(partial) = returns.partial {
        let part = found.numbers.get(partial.places(found.numbers.len())).unwrap_or_default();
        let sign = if partial.last { "-" } else { "" };
        let set = if part.is_empty() { "NIL".to_owned() } else { set(part) };
        out.text(&format!(" PARTIAL ({sign}{}:{sign}{} {set})", partial.from, partial.to));
    }
    if let Some(modseq) = modseq {
        out.text(&format!(" MODSEQ {modseq}"));
    }
    out.text("\r\n");
}

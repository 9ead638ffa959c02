//! Which function does which command, and in which state it may come (RFC 9051 section 6).

use bytes::Bytes;
use codec::imap::Command;

use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::selected::Modes;
use crate::session::{Done, Session, State, Step};

/// What of the selected mailbox is told after a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nothing: the command tells it itself, or leaves the mailbox.
    Nothing,
    /// Everything but messages that are gone: FETCH, STORE and SEARCH by number (RFC 9051 section 7.5.1).
    NoExpunge,
    /// Everything.
    All,
}

fn after(command: &Command) -> After {
    match command {
        Command::Select(_)
        | Command::Close
        | Command::Unselect
        | Command::Unauthenticate
        | Command::Logout
        | Command::Idle
        | Command::StartTls
        | Command::Compress
        | Command::Capability
        | Command::Id(_)
        | Command::Enable(_)
        | Command::MultiSearch(_) => After::Nothing,
        Command::Fetch(fetch) if !fetch.uid => After::NoExpunge,
        Command::Store(store) if !store.uid => After::NoExpunge,
        Command::Search(search) if !search.uid => After::NoExpunge,
        Command::Sort(sort) if !sort.uid => After::NoExpunge,
        Command::Thread(thread) if !thread.uid => After::NoExpunge,
        _ => After::All,
    }
}

/// Whether the command names messages by number, which UIDONLY forbids (RFC 9586 section 3).
fn needs_numbers(command: &Command) -> bool {
    let by_key = |key: &codec::imap::Key| key.has_sequence();
    match command {
        Command::Fetch(fetch) => !fetch.uid,
        Command::Store(store) => !store.uid,
        Command::Copy(copy) | Command::Move(copy) => !copy.uid,
        Command::Replace(replace) => !replace.uid,
        Command::Search(search) => !search.uid || by_key(&search.key),
        Command::MultiSearch(search) => by_key(&search.key),
        Command::Sort(sort) => !sort.uid || by_key(&sort.key),
        Command::Thread(thread) => !thread.uid || by_key(&thread.key),
        _ => false,
    }
}

impl Session {
    /// Does a command and tells what changed meanwhile.
    pub(crate) async fn dispatch(
        &mut self,
        tag: &str,
        command: Command,
        bytes: &Bytes,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let after = after(&command);
        if self.modes.has(Modes::UIDONLY) && needs_numbers(&command) {
            return Err(Failure::bad_code(
                "UIDREQUIRED",
                "Message numbers are not used after ENABLE UIDONLY",
            ));
        }
        let result = self.in_any_state(tag, command, bytes, out).await;
        if let Err(Failure::Gone(_)) = &result {
            return result;
        }
        if after != After::Nothing {
            let told = self.sync(after == After::All, out).await;
            if let (Ok(_), Err(failure)) = (&result, told) {
                return Err(failure);
            }
        }
        result
    }

    async fn in_any_state(
        &mut self,
        tag: &str,
        command: Command,
        bytes: &Bytes,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        match command {
            Command::Capability => {
                let capabilities = self.capabilities(out.conn()?);
                out.untagged(format_args!("CAPABILITY {capabilities}"));
                Done::text("That is all")
            }
            Command::Noop => Done::text("Nothing was done"),
            Command::Logout => self.logout(out),
            Command::Id(fields) => Self::id(&fields, out),
            Command::StartTls => self.start_tls(tag, out).await,
            Command::Authenticate(authenticate) => self.authenticate(authenticate, out).await,
            Command::Login(login) => self.log_in(login, out).await,
            command => {
                self.login()?;
                if matches!(self.state, State::Over) {
                    return Err(Failure::bad("The session is over"));
                }
                self.logged_in(tag, command, bytes, out).await
            }
        }
    }

    /// Commands about the account and its mailboxes.
    async fn logged_in(
        &mut self,
        tag: &str,
        command: Command,
        bytes: &Bytes,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        match command {
            Command::Enable(names) => self.enable(&names, out),
            Command::Unauthenticate => {
                self.go(Step::Forget);
                let seconds = self.server.ctx.limits.imap_login_seconds;
                out.conn()?.set_read_patience(std::time::Duration::from_secs(seconds));
                Done::text("You are nobody again")
            }
            Command::Compress => self.compress(tag, out).await,
            Command::Namespace => Self::namespace(out),
            Command::Select(select) => Box::pin(self.select(select, out)).await,
            Command::Create(name, uses) => self.create(&name, &uses).await,
            Command::Delete(name) => self.delete(&name, out).await,
            Command::Rename(from, to) => self.rename(&from, &to, out).await,
            Command::Subscribe(name) => self.subscribe(&name).await,
            Command::Unsubscribe(name) => self.unsubscribe(&name).await,
            Command::List(list) => Box::pin(self.list(list, out)).await,
            Command::Lsub(list) => self.lsub(&list, out).await,
            Command::Status(name, items) => self.status(&name, &items, out).await,
            Command::Append(append) => Box::pin(self.append(append, bytes)).await,
            Command::Idle => self.idle(tag, out).await,
            Command::Notify(notify) => Box::pin(self.notify(notify, out)).await,
            Command::SetAcl(set) => self.set_acl(set).await,
            Command::DeleteAcl(name, who) => self.delete_acl(&name, &who).await,
            Command::GetAcl(name) => self.get_acl(&name, out).await,
            Command::ListRights(name, who) => self.list_rights(&name, &who, out).await,
            Command::MyRights(name) => self.my_rights(&name, out).await,
            Command::GetQuota(root) => self.get_quota(&root, out).await,
            Command::GetQuotaRoot(name) => self.get_quota_root(&name, out).await,
            Command::SetQuota(_) => Err(Failure::no("NOPERM", "Quotas are set by the administration")),
            Command::GetMetadata(get) => self.get_metadata(get, out).await,
            Command::SetMetadata(set) => self.set_metadata(set).await,
            Command::MultiSearch(search) => Box::pin(self.multi_search(tag, search, out)).await,
            command => self.with_mailbox(tag, command, bytes, out).await,
        }
    }

    /// Commands about messages of the selected mailbox.
    async fn with_mailbox(
        &mut self,
        tag: &str,
        command: Command,
        bytes: &Bytes,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        self.selected()?;
        match command {
            Command::Check => Done::text("Everything is safe always"),
            Command::Close => self.close().await,
            Command::Unselect => {
                self.go(Step::Unselect);
                Done::text("No mailbox is selected")
            }
            Command::Expunge => self.expunge(None, out).await,
            Command::UidExpunge(numbers) => self.expunge(Some(numbers), out).await,
            Command::CancelUpdate(tags) => self.cancel_update(&tags),
            Command::Search(search) => Box::pin(self.search(tag, search, out)).await,
            Command::Sort(sort) => Box::pin(self.sort(tag, sort, out)).await,
            Command::Thread(thread) => Box::pin(self.thread(tag, thread, out)).await,
            Command::Fetch(fetch) => Box::pin(self.fetch(fetch, out)).await,
            Command::Store(store) => Box::pin(self.store(store, out)).await,
            Command::Copy(copy) => self.copy(&copy).await,
            Command::Move(copy) => self.move_messages(&copy, out).await,
            Command::Replace(replace) => Box::pin(self.replace(replace, bytes, out)).await,
            _ => Err(Failure::bad("That command has no place here")),
        }
    }
}

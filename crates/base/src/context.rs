//! Who asks, through what, and with which clock, randomness and limits: an argument of every verb.

use std::sync::Arc;

use crate::{AccountId, Clock, Limits, OrganisationId, Random, Seq, SessionId};

/// The door a request came through, as it stands in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i64)]
pub enum Door {
    /// The program itself: jobs, retention, migrations.
    System = 0,
    /// The command line.
    Cli = 1,
    /// SQL by others on the documented tables.
    Sql = 2,
    /// HTTP administration.
    Admin = 3,
    /// JMAP.
    Jmap = 4,
    /// IMAP.
    Imap = 5,
    /// POP3.
    Pop3 = 6,
    /// SMTP from other servers.
    Smtp = 7,
    /// LMTP from a local relay.
    Lmtp = 8,
    /// Submission by a person.
    Submission = 9,
    /// ManageSieve.
    Sieve = 10,
    /// WebDAV, CalDAV, CardDAV.
    Dav = 11,
    /// Directory reconciliation.
    Sync = 12,
}

impl Door {
    /// All doors, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::System,
        Self::Cli,
        Self::Sql,
        Self::Admin,
        Self::Jmap,
        Self::Imap,
        Self::Pop3,
        Self::Smtp,
        Self::Lmtp,
        Self::Submission,
        Self::Sieve,
        Self::Dav,
        Self::Sync,
    ];

    /// The number that stands in the database.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The door with that number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// A stable name for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Cli => "cli",
            Self::Sql => "sql",
            Self::Admin => "admin",
            Self::Jmap => "jmap",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Submission => "submission",
            Self::Sieve => "sieve",
            Self::Dav => "dav",
            Self::Sync => "sync",
        }
    }
}

/// Which mailboxes an actor looks at: the account's own as they are, or what its history shows. Of the latter nothing
/// can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tree {
    /// The account as it is.
    #[default]
    Present,
    /// What arrived in the last days, whatever became of it.
    Rescue,
    /// The account at each of its marks.
    Images,
    /// The account at one of its marks.
    Image(Seq),
}

/// Who acts. `subjects` are the accounts whose grants the actor holds: itself and every group it is in.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The actor's own account; 0 for the program itself.
    pub account: AccountId,
    /// The actor's organisation; 0 for the program itself.
    pub organisation: OrganisationId,
    /// The actor's account and all groups it is a member of.
    pub subjects: Arc<[AccountId]>,
    /// The program itself, or an administrator at the machine: no grant is asked for.
    pub system: bool,
}

impl Actor {
    /// The program itself.
    pub fn system() -> Self {
        Self { account: AccountId(0), organisation: OrganisationId(0), subjects: Arc::from([]), system: true }
    }

    /// A person without groups; `directory` fills the groups in.
    pub fn person(organisation: OrganisationId, account: AccountId) -> Self {
        Self { account, organisation, subjects: Arc::from([account]), system: false }
    }
}

/// The context of a request. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// Who acts.
    pub actor: Actor,
    /// The session it acts in; its row holds the address it came from.
    pub session: SessionId,
    /// The door it came through.
    pub door: Door,
    /// What it looks at.
    pub tree: Tree,
    /// A number that ties the log lines of one request together.
    pub request: u64,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The limits in force.
    pub limits: Arc<Limits>,
}

impl Ctx {
    /// The context of the program itself.
    pub fn system(clock: Clock, random: Random, limits: Arc<Limits>) -> Self {
        let request = random.u64();
        Self {
            actor: Actor::system(),
            session: SessionId(0),
            door: Door::System,
            tree: Tree::Present,
            request,
            clock,
            random,
            limits,
        }
    }

    /// The same clock, randomness and limits with another actor, door and session, as a new request.
    pub fn with_actor(&self, actor: Actor, door: Door, session: SessionId) -> Self {
        Self { actor, door, session, request: self.random.u64(), ..self.clone() }
    }

    /// The same actor, whose right was checked by the caller: the kernel asks for no grant any more, and the
    /// history still names the actor.
    pub fn trusted(&self) -> Self {
        let mut ctx = self.clone();
        ctx.actor.system = true;
        ctx
    }

    /// Whether the history is looked at instead of what is.
    pub fn is_past(&self) -> bool {
        self.tree != Tree::Present
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_has_its_number_and_a_name_of_its_own() {
        for door in Door::ALL {
            assert_eq!(Door::from_number(door.number()), Some(door));
        }
        assert_eq!(Door::from_number(99), None);
        let names: std::collections::BTreeSet<_> = Door::ALL.iter().map(|door| door.name()).collect();
        assert_eq!(names.len(), Door::ALL.len());
    }
}

//! The verbs that a role can hold: one flat table, from which the documentation and the checks follow.

use std::fmt;

macro_rules! verbs {
    ($($verb:ident = $name:literal, $doc:literal;)*) => {
        /// Something that a role allows on the part of the organisation it is granted for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Verb {
            $(#[doc = $doc] $verb,)*
        }

        impl Verb {
            /// All verbs, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$verb,)*];

            /// The name in the database, in commands and in the manual.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$verb => $name,)* }
            }

            /// What it allows, for the manual.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$verb => $doc,)* }
            }

            /// The verb of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$verb),)* _ => None }
            }
        }
    };
}

verbs! {
    OrganisationEdit = "organisation.edit", "Change the settings of the organisation.";
    DomainCreate = "domain.create", "Add domains and aliases of domains.";
    DomainEdit = "domain.edit", "Change the settings of a domain, its catch-all and relay included.";
    DomainDelete = "domain.delete", "Remove a domain that has no addresses any more.";
    UnitEdit = "unit.edit", "Create, rename, move and remove units.";
    ClassEdit = "class.edit", "Create, change and remove classes of service.";
    AccountRead = "account.read", "See accounts with their technical fields and addresses.";
    AccountCreate = "account.create", "Create people, shared mailboxes and resources.";
    AccountEdit = "account.edit", "Change names, telephone numbers, unit and other descriptive fields.";
    AccountQuota = "account.quota", "Give an account a quota of its own.";
    AccountClass = "account.class", "Change the class of service of an account.";
    AccountState = "account.state", "Lock, unlock, close and reopen an account.";
    AccountDelete = "account.delete", "Pre-delete an account, and restore it.";
    AccountPurge = "account.purge", "Purge a pre-deleted account before its time.";
    AccountPassword = "account.password", "Set the password of an account; remove its second factor and app passwords.";
    AccountSession = "account.session", "See and end the sessions of an account.";
    AddressEdit = "address.edit", "Add and remove aliases and temporary addresses; change primary addresses; set forwards.";
    GroupCreate = "group.create", "Create groups, distribution lists and aliases with several targets.";
    GroupEdit = "group.edit", "Change the settings and senders of groups and lists.";
    GroupMembers = "group.members", "Add and remove members and targets.";
    RoleEdit = "role.edit", "Create, change and remove roles.";
    RoleGrant = "role.grant", "Grant roles to others, and take them back.";
    ImportRun = "import.run", "Import people from a file.";
    HistoryPurge = "history.purge", "Remove for good what was removed, before its time.";
    AuditRead = "audit.read", "Read the history of the organisation.";
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name_and_documented() {
        for verb in Verb::ALL {
            assert_eq!(Verb::from_name(verb.name()), Some(*verb));
            assert!(verb.doc().ends_with('.'), "{verb}: a sentence");
        }
        assert_eq!(Verb::from_name("no.such"), None);
    }
}

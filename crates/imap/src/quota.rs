//! QUOTA (RFC 9208): one root an account, named by its address; storage in units of 1,024 bytes.

use base::AccountId;
use codec::imap::{MailboxName, write};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::names;
use crate::out::Out;
use crate::session::{Done, Session};

impl Session {
    /// `GETQUOTA`.
    pub(crate) async fn get_quota(&mut self, root: &str, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let account = self.root_account(&login, root).await?;
        self.push_quota(&login, account, root, out).await?;
        Done::text("That is the quota")
    }

    /// `GETQUOTAROOT`.
    pub(crate) async fn get_quota_root(&mut self, name: &MailboxName, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let mailbox = names::find(&self.server.mail, &login, &name.0).await?;
        let root = self.root_of(&login, mailbox.account).await?;
        out.text("* QUOTAROOT ");
        write::mailbox(&mut out.bytes, &name.0, self.modes.is_utf8());
        out.text(" ");
        write::astring(&mut out.bytes, root.as_bytes(), self.modes.is_utf8());
        out.text("\r\n");
        self.push_quota(&login, mailbox.account, &root, out).await?;
        Done::text("That is the quota")
    }

    async fn push_quota(
        &self,
        login: &Login,
        account: AccountId,
        root: &str,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let quota = self.server.mail.quota(&login.ctx, account).await?;
        out.text("* QUOTA ");
        write::astring(&mut out.bytes, root.as_bytes(), self.modes.is_utf8());
        match quota.limit_bytes {
            Some(limit) => {
                // Used space is rounded up and the limit down, so that nobody sees room that is not there.
                let used = quota.used_bytes.max(0).unsigned_abs().div_ceil(1_024);
                let limit = limit.max(0).unsigned_abs() / 1_024;
                out.text(&format!(" (STORAGE {used} {limit})\r\n"));
            }
            None => out.text(" ()\r\n"),
        }
        Ok(())
    }

    async fn root_account(&self, login: &Login, root: &str) -> Result<AccountId> {
        if root.eq_ignore_ascii_case(&login.address) {
            return Ok(login.account);
        }
        let shared = self.server.mail.shared_accounts(&login.ctx).await?;
        let found = shared.iter().find(|shared| shared.address.eq_ignore_ascii_case(root));
        found
            .map(|shared| shared.account)
            .ok_or_else(|| Failure::no("NONEXISTENT", "There is no such quota root"))
    }

    async fn root_of(&self, login: &Login, account: AccountId) -> Result<String> {
        if account == login.account {
            return Ok(login.address.clone());
        }
        let shared = self.server.mail.shared_accounts(&login.ctx).await?;
        let found = shared.into_iter().find(|shared| shared.account == account);
        found
            .map(|shared| shared.address)
            .ok_or_else(|| Failure::no("NONEXISTENT", "There is no such account"))
    }
}

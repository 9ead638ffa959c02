//! `beffroi check`: whether everything that is stored is what it must be.

use base::AccountId;
use kernel::Finding;
use serde_json::json;

use super::Session;
use super::directory::Desk;
use super::output::{Cell, Column};
use crate::bodies;
use crate::failure::Failure;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Mend what can be derived: counters, and bodies that are whole elsewhere
    #[arg(long)]
    repair: bool,
    /// Only the account with this number
    #[arg(long, value_name = "NUMBER")]
    account: Option<i64>,
    /// Leave the bodies out; reading them all takes its time
    #[arg(long)]
    no_bodies: bool,
}

const COLUMNS: [Column<Finding>; 3] = [
    Column { key: "account", title: "Account", cell: |finding| Cell::Whole(finding.account.0) },
    Column {
        key: "kind",
        title: "Kind",
        cell: |finding| Cell::Text(format!("{:?}", finding.kind).to_lowercase()),
    },
    Column { key: "text", title: "What is wrong", cell: |finding| Cell::Text(finding.text.clone()) },
];

/// Accounts that are asked for at a time.
const PAGE: u64 = 1_000;

/// Checks it.
pub fn run(session: &Session, arguments: &Arguments) -> Result<(), Failure> {
    session.at_desk(async |desk| {
        let bar = desk.session.progress("accounts", 0);
        let (mut accounts, mut faults, mut repaired) = (0, 0, 0);
        let mut page = match arguments.account {
            Some(account) => vec![AccountId(account)],
            None => desk.node.kernel.accounts(AccountId(0), PAGE).await?,
        };
        while let Some(last) = page.last().copied() {
            for account in page {
                if arguments.repair {
                    repaired += desk.node.kernel.repair_counters(&desk.ctx, account).await?;
                }
                let findings = desk.node.kernel.check(account).await?;
                faults += u64::try_from(findings.len()).unwrap_or(u64::MAX);
                if !findings.is_empty() {
                    desk.session.out.rows(&COLUMNS, &findings)?;
                }
                accounts += 1;
                bar.at(accounts);
            }
            page = match arguments.account {
                Some(_) => Vec::new(),
                None => desk.node.kernel.accounts(last, PAGE).await?,
            };
        }
        drop(bar);
        if arguments.account.is_none() {
            faults += database(desk).await?;
        }
        if arguments.account.is_none() && !arguments.no_bodies {
            faults += bodies_of(desk, arguments.repair).await?;
        }
        summary(desk, accounts, repaired, faults)
    })
}

/// What is wrong beside the accounts: its kind, and how.
struct Flaw(&'static str, String);

const FLAW_COLUMNS: [Column<Flaw>; 2] = [
    Column { key: "kind", title: "Kind", cell: |flaw| Cell::Text(flaw.0.to_owned()) },
    Column { key: "text", title: "What is wrong", cell: |flaw| Cell::Text(flaw.1.clone()) },
];

/// Rights of accounts that are not there, and collections without an owner.
const LOOSE: &[(&str, &str)] = &[
    (
        "SELECT DISTINCT s.subject_id FROM share s
          WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.id = s.subject_id) LIMIT 100",
        "has rights on others and does not exist",
    ),
    (
        "SELECT DISTINCT c.account_id FROM collection c
          WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.id = c.account_id) LIMIT 100",
        "owns collections and does not exist",
    ),
];

/// What the engine finds wrong with its files, and references between accounts; how many faults there are.
async fn database(desk: &Desk<'_>) -> Result<u64, Failure> {
    let store = desk.node.store();
    let mut flaws: Vec<_> = store.flaws().await?.into_iter().map(|text| Flaw("database", text)).collect();
    for (question, what) in LOOSE {
        let ids = store.read(|tx| tx.query(question, [], |row| row.int(0))).await?;
        flaws.extend(ids.into_iter().map(|id| Flaw("reference", format!("account {id} {what}"))));
    }
    if !flaws.is_empty() {
        desk.session.out.rows(&FLAW_COLUMNS, &flaws)?;
    }
    Ok(u64::try_from(flaws.len()).unwrap_or(u64::MAX))
}

/// Reads every body and compares it with its hash; how many faults there are.
async fn bodies_of(desk: &Desk<'_>, repair: bool) -> Result<u64, Failure> {
    let config = desk.session.load()?.config;
    let blobs = bodies::open(&desk.node, &config).await?;
    let references = bodies::references(&desk.node);
    if repair {
        let mended = blobs.repair(&references).await?;
        if mended.bodies_mended + mended.files_noted > 0 {
            let sentence = format!(
                "{} bodies were mended and {} unknown files noted.",
                mended.bodies_mended, mended.files_noted
            );
            desk.done(
                &sentence,
                &json!({ "bodies_mended": mended.bodies_mended, "files_noted": mended.files_noted }),
            )?;
        }
    }
    let mut flaws = Vec::new();
    let report = blobs.verify(&references, |flaw| flaws.push(Flaw("body", flaw.to_string()))).await;
    blobs.close().await;
    let report = report?;
    if !flaws.is_empty() {
        desk.session.out.rows(&FLAW_COLUMNS, &flaws)?;
    }
    Ok(report.flaws)
}

fn summary(desk: &Desk<'_>, accounts: u64, repaired: u64, faults: u64) -> Result<(), Failure> {
    let mended =
        if repaired > 0 { format!(", {repaired} counters were derived again") } else { String::new() };
    let sentence = match faults {
        0 => format!("{accounts} accounts are as they must be{mended}."),
        faults => format!("{accounts} accounts were checked, {faults} faults were found{mended}."),
    };
    desk.done(&sentence, &json!({ "accounts": accounts, "faults": faults, "repaired": repaired }))?;
    if faults > 0 { Err(Failure::Faults(faults)) } else { Ok(()) }
}

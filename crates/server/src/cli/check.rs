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
    /// Derive again what can be derived: counters
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
        if arguments.account.is_none() && !arguments.no_bodies {
            faults += bodies_of(desk).await?;
        }
        summary(desk, accounts, repaired, faults)
    })
}

struct Flaw(String);

const FLAW_COLUMNS: [Column<Flaw>; 2] = [
    Column { key: "kind", title: "Kind", cell: |_| Cell::Text("body".to_owned()) },
    Column { key: "text", title: "What is wrong", cell: |flaw| Cell::Text(flaw.0.clone()) },
];

/// Reads every body and compares it with its hash; how many faults there are.
async fn bodies_of(desk: &Desk<'_>) -> Result<u64, Failure> {
    let config = desk.session.load()?.config;
    let blobs = bodies::open(&desk.node, &config).await?;
    let mut flaws = Vec::new();
    let report = blobs.verify(bodies::REFERENCES, |flaw| flaws.push(Flaw(flaw.to_string()))).await;
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

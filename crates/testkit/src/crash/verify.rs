//! Compares what is there with what must be there.

use std::collections::BTreeMap;

use base::{AccountId, Result};
use store::params;

use super::load::{self, Found};
use super::place::{HERE, Opened};
use super::plan::{Letter, State, body, plan, text};

/// What the watching process knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The state of each writer when it was last verified.
    pub(crate) states: Vec<State>,
    /// The last step of each writer that was acknowledged.
    pub(crate) acknowledged: Vec<u64>,
    /// The newest mark of each account that was acknowledged.
    pub(crate) marks: BTreeMap<usize, u64>,
    /// The hashes of the bodies that were looked at.
    pub(crate) hashes: BTreeMap<(u32, u64), [u8; 32]>,
}

/// What a verification found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Everything that is wrong, in words.
    pub(crate) losses: Vec<String>,
    /// Letters that were compared.
    pub(crate) letters: u64,
    /// Bodies that were read whole.
    pub(crate) bodies: u64,
    /// Steps that were done although the process did not live to say so.
    pub(crate) unsaid: u64,
}

/// Verifies every writer, account and mark, and takes over what is there as known.
pub(crate) async fn verify(
    opened: &Opened,
    seed: u64,
    accounts: &[AccountId],
    known: &mut Known,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for writer in load::writers(&opened.store).await? {
        let index = writer.number as usize;
        let (there, found) = load::state(&opened.store, &writer).await?;
        let acknowledged = known.acknowledged[index];
        let state = &mut known.states[index];
        if there.step < acknowledged || there.step > acknowledged + 1 {
            let text =
                format!("writer {index}: step {acknowledged} was acknowledged, {} is there", there.step);
            verdict.losses.push(text);
        }
        verdict.unsaid += there.step.saturating_sub(acknowledged);
        while state.step < there.step {
            let step = plan(seed, writer.number, state);
            state.apply(&step);
        }
        if *state != there {
            verdict.losses.push(format!(
                "writer {index} at step {}: {}",
                there.step,
                difference(state, &there)
            ));
        }
        let letters: Vec<Letter> = there.boxes.iter().flat_map(BTreeMap::values).copied().collect();
        for (letter, content) in letters.iter().zip(&found) {
            if let Some(loss) =
                content_loss(opened, seed, writer.number, letter, content, &mut known.hashes).await?
            {
                verdict.losses.push(loss);
            }
        }
        verdict.letters += found.len() as u64;
        // From here on with what is there, so that one loss is told once.
        *state = there;
        known.acknowledged[index] = state.step;
    }
    for (index, account) in accounts.iter().enumerate() {
        for finding in opened.kernel.check(*account).await? {
            verdict.losses.push(format!("account {account}: {:?}: {}", finding.kind, finding.text));
        }
        mark(opened, *account, known.marks.get(&index).copied(), &mut verdict).await?;
    }
    Ok(verdict)
}

/// What is wrong with the content of a letter. A body is read whole when it is seen for the first time.
async fn content_loss(
    opened: &Opened,
    seed: u64,
    writer: u32,
    letter: &Letter,
    content: &Found,
    hashes: &mut BTreeMap<(u32, u64), [u8; 32]>,
) -> Result<Option<String>> {
    let wanted = text(writer, letter.step);
    if content.writer != i64::from(writer) || content.text.as_ref() != Some(&wanted) {
        return Ok(Some(format!("{wanted} reads {content:?}")));
    }
    let Some(named) = &content.body else { return Ok(None) };
    let key = (writer, letter.step);
    let hash = if let Some(hash) = hashes.get(&key) {
        *hash
    } else {
        let body = body(seed, writer, letter.step);
        let hash = *blake3::hash(&body).as_bytes();
        hashes.insert(key, hash);
        match opened.blobs.read(HERE, hash, None).await {
            Ok(read) if read == body => {}
            Ok(_) => return Ok(Some(format!("the body of {wanted} is another"))),
            Err(error) => return Ok(Some(format!("the body of {wanted}: {error:?}"))),
        }
        hash
    };
    if named[..] == hash { Ok(None) } else { Ok(Some(format!("{wanted} names another body"))) }
}

/// Reads every body, whatever names it, and looks for containers that nobody knows.
pub(crate) async fn bodies(opened: &Opened, verdict: &mut Verdict) -> Result<()> {
    let mut findings = Vec::new();
    let report = opened
        .blobs
        .verify(&opened.kernel.body_references(), |finding| findings.push(finding.to_string()))
        .await?;
    verdict.bodies += report.bodies;
    verdict.losses.append(&mut findings);
    Ok(())
}

/// The newest mark is never pruned.
async fn mark(opened: &Opened, account: AccountId, said: Option<u64>, verdict: &mut Verdict) -> Result<()> {
    let Some(said) = said else { return Ok(()) };
    let sql = "SELECT coalesce(max(seq), 0) FROM mark WHERE account_id = $1";
    let newest = opened.store.read(move |tx| tx.query_one(sql, params![account], |row| row.int(0))).await?;
    if newest.unsigned_abs() < said {
        verdict.losses.push(format!("account {account}: the mark at {said} is lost, {newest} is the newest"));
    }
    Ok(())
}

fn difference(wanted: &State, there: &State) -> String {
    if wanted.next != there.next {
        return format!("the next ids are {:?}, not {:?}", there.next, wanted.next);
    }
    for (at, (wanted, there)) in wanted.boxes.iter().zip(&there.boxes).enumerate() {
        for (id, letter) in wanted {
            match there.get(id) {
                None => return format!("letter {id} of box {at} is missing"),
                Some(other) if other != letter => {
                    return format!("letter {id} of box {at} is {other:?}, not {letter:?}");
                }
                Some(_) => {}
            }
        }
        if let Some(id) = there.keys().find(|id| !wanted.contains_key(id)) {
            return format!("letter {id} of box {at} is there, and should not be");
        }
    }
    "another state".to_owned()
}

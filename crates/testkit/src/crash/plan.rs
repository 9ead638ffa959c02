//! What a writer does: a random story that follows from the seed and the state alone.

use std::collections::BTreeMap;

/// The places that a writer fills: two collections of one account, one of another.
pub(crate) const INBOX: usize = 0;
pub(crate) const ARCHIVE: usize = 1;
pub(crate) const ELSEWHERE: usize = 2;
/// A box that holds more than this is emptied a little first.
const ROOMY: usize = 40;
/// Bytes of a body.
const BODY_BYTES: usize = 14 * 1024;

/// A letter in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its flags.
    pub(crate) flags: i64,
    /// The step that wrote it; its text and body follow from that.
    pub(crate) step: u64,
    /// Whether it has a body.
    pub(crate) body: bool,
}

/// All that a writer has made, as it must be after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The last step that is done; 0 before the first.
    pub(crate) step: u64,
    /// The letters of each box by their ids.
    pub(crate) boxes: [BTreeMap<i64, Letter>; 3],
    /// The next id of each box.
    pub(crate) next: [i64; 3],
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A letter into the inbox, with or without a body.
    Deliver { flags: i64, body: bool },
    /// A letter into the inbox and into the box of the other account, in one transaction.
    Both { flags: i64, body: bool },
    /// Other flags for letters in the inbox.
    Flag { items: Vec<i64>, set: i64, clear: i64 },
    /// Letters from the inbox into the archive.
    Move { items: Vec<i64> },
    /// Letters removed from a box.
    Remove { at: usize, items: Vec<i64> },
}

impl Default for State {
    fn default() -> Self {
        Self { step: 0, boxes: Default::default(), next: [1; 3] }
    }
}

/// Repeatable randomness for one step of one writer.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, writer: u32, step: u64) -> Self {
        Self(seed ^ (u64::from(writer) << 40) ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// The `SplitMix64` sequence.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn some(&mut self, letters: &BTreeMap<i64, Letter>, one_in: u64) -> Vec<i64> {
        letters.keys().copied().filter(|_| self.below(one_in) == 0).collect()
    }
}

/// The step that follows on a state.
pub(crate) fn plan(seed: u64, writer: u32, state: &State) -> Step {
    let mut dice = Dice::new(seed, writer, state.step + 1);
    for at in [ARCHIVE, ELSEWHERE] {
        if state.boxes[at].len() > ROOMY {
            return Step::Remove { at, items: dice.some(&state.boxes[at], 2) };
        }
    }
    let inbox = &state.boxes[INBOX];
    if inbox.len() > ROOMY {
        return Step::Move { items: dice.some(inbox, 2) };
    }
    let flags = i64::try_from(dice.below(8)).expect("small");
    let body = dice.below(3) > 0;
    match dice.below(20) {
        9..=11 => Step::Both { flags, body },
        12..=15 if !inbox.is_empty() => {
            let clear = i64::try_from(dice.below(8)).expect("small") & !flags;
            Step::Flag { items: dice.some(inbox, 3), set: flags, clear }
        }
        16..=17 if !inbox.is_empty() => Step::Move { items: dice.some(inbox, 5) },
        18 if !state.boxes[ARCHIVE].is_empty() => {
            Step::Remove { at: ARCHIVE, items: dice.some(&state.boxes[ARCHIVE], 4) }
        }
        _ => Step::Deliver { flags, body },
    }
}

impl State {
    fn put(&mut self, at: usize, letter: Letter) {
        let id = self.next[at];
        self.next[at] += 1;
        self.boxes[at].insert(id, letter);
    }

    /// Does a step.
    pub(crate) fn apply(&mut self, step: &Step) {
        self.step += 1;
        match step {
            Step::Deliver { flags, body } => {
                self.put(INBOX, Letter { flags: *flags, step: self.step, body: *body });
            }
            Step::Both { flags, body } => {
                let letter = Letter { flags: *flags, step: self.step, body: *body };
                self.put(INBOX, letter);
                self.put(ELSEWHERE, letter);
            }
            Step::Flag { items, set, clear } => {
                for id in items {
                    if let Some(letter) = self.boxes[INBOX].get_mut(id) {
                        letter.flags = (letter.flags | set) & !clear;
                    }
                }
            }
            Step::Move { items } => {
                for id in items {
                    if let Some(letter) = self.boxes[INBOX].remove(id) {
                        self.put(ARCHIVE, letter);
                    }
                }
            }
            Step::Remove { at, items } => {
                for id in items {
                    self.boxes[*at].remove(id);
                }
            }
        }
    }
}

/// The text of the letter that a step wrote.
pub(crate) fn text(writer: u32, step: u64) -> String {
    format!("letter {step} of writer {writer}")
}

/// The body of the letter that a step wrote: it compresses about threefold, as mail does. Some are alike, so
/// that one body is named several times.
pub(crate) fn body(seed: u64, writer: u32, step: u64) -> Vec<u8> {
    let mut dice = match step % 16 {
        0 => Dice::new(seed, 0, step % 64),
        _ => Dice::new(seed, writer, step),
    };
    let mut out = Vec::with_capacity(BODY_BYTES + 32);
    while out.len() < BODY_BYTES {
        out.extend_from_slice(&dice.next().to_le_bytes());
        out.extend_from_slice(b"and all is well.");
    }
    out.truncate(BODY_BYTES);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_repeats_and_its_boxes_stay_small() {
        let mut stories = [State::default(), State::default()];
        let mut kinds = std::collections::BTreeSet::new();
        for state in &mut stories {
            for _ in 0..2_000 {
                let step = plan(5, 3, state);
                kinds.insert(format!("{step:?}").split_whitespace().next().map(str::to_owned));
                state.apply(&step);
                assert!(state.boxes.iter().all(|letters| letters.len() < 100));
            }
        }
        assert_eq!(stories[0], stories[1]);
        assert_eq!(kinds.len(), 5, "every kind of step happens: {kinds:?}");
    }
}

use std::collections::BTreeMap;

use base::Random;

use super::*;

fn entry(uid: u32, modseq: i64) -> Entry {
    let uid_wide = i64::from(uid);
    Entry {
        uid,
        flags: modseq & 3,
        object: uid_wide,
        content: uid_wide,
        size: 10,
        received_at: uid_wide,
        received_zone: 0,
        modseq: Seq(modseq),
        state: None,
    }
}

#[test]
fn a_view_that_follows_changes_equals_one_that_is_built_anew() {
    let random = Random::seeded(3);
    let mut model: BTreeMap<u32, Entry> = BTreeMap::new();
    let mut history = Vec::new();
    let mut view = View::new(AccountId(1), CollectionId(2), Seq(0), 1, Vec::new());
    let mut uidnext = 1;
    for seq in 1..400_i64 {
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for _ in 0..random.u64() % 6 {
            changed.push(entry(uidnext, seq));
            uidnext += 1;
        }
        for _ in 0..random.u64() % 4 {
            let uid = u32::try_from(random.u64() % u64::from(uidnext)).unwrap();
            if !model.contains_key(&uid) || gone.contains(&(Seq(seq), uid)) {
                continue;
            }
            if random.u64().is_multiple_of(3) {
                gone.push((Seq(seq), uid));
            } else if !changed.iter().any(|known| known.uid == uid) {
                changed.push(entry(uid, seq));
            }
        }
        changed.retain(|entry| !gone.iter().any(|(_, uid)| *uid == entry.uid));
        changed.sort_by_key(|entry| entry.uid);
        for (_, uid) in &gone {
            model.remove(uid);
        }
        for entry in &changed {
            model.insert(entry.uid, entry.clone());
        }
        history.push(view.clone());
        view = view.with(Seq(seq), uidnext, changed, &gone, 100_000);
        assert_eq!(view.len(), model.len());
        assert!(view.iter().eq(model.values()), "after {seq}");
    }
    for (index, uid) in model.keys().enumerate() {
        assert_eq!(view.index_of(*uid), Ok(index));
        assert_eq!(view.at(index).map(|entry| entry.uid), Some(*uid));
        assert_eq!(view.entry(*uid), model.get(uid));
    }
    assert_eq!(view.at(model.len()), None);
    assert!(view.range(10..=90).eq(model.range(10..=90).map(|(_, entry)| entry)));
    // From each earlier view, the changes lead to the last one.
    for old in history {
        let changes = view.changes_since(old.seq).expect("nothing was forgotten");
        let mut known: BTreeMap<u32, Entry> = old.iter().map(|entry| (entry.uid, entry.clone())).collect();
        for uid in changes.gone {
            known.remove(&uid);
        }
        for entry in changes.changed {
            known.insert(entry.uid, entry);
        }
        assert_eq!(known, model);
    }
}

#[test]
fn a_view_says_what_it_no_longer_knows() {
    let view = View::new(AccountId(1), CollectionId(2), Seq(5), 9, (1..9).map(|uid| entry(uid, 5)).collect());
    assert!(view.changes_since(Seq(4)).is_none());
    let gone: Vec<_> = (1..5).map(|uid| (Seq(5 + i64::from(uid)), uid)).collect();
    let view = view.with(Seq(9), 9, Vec::new(), &gone, 2);
    assert!(view.changes_since(Seq(6)).is_none(), "the first two were forgotten");
    assert_eq!(view.changes_since(Seq(7)).unwrap().gone, [3, 4]);
}

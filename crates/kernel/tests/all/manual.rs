//! The manual says what the program does.

use kernel::Right;

const HISTORY: &str = include_str!("../../../../docs/history.md");

#[test]
fn every_right_and_every_door_stands_in_the_manual() {
    for right in Right::ALL {
        let bit = (*right as i64).trailing_zeros();
        let row = format!("| {bit} | `{}` | {} |", right.word(), right.doc());
        assert!(HISTORY.contains(&row), "docs/history.md lacks: {row}");
    }
    for door in base::Door::ALL {
        let row = format!("| {} | `{}` |", door.number(), door.name());
        assert!(HISTORY.contains(&row), "docs/history.md lacks: {row}");
    }
}

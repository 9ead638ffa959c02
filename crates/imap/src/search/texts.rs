//! Texts of messages that hold a text.

use codec::fold::fold;

use super::{Asked, Bits};
use crate::failure::Result;

impl Asked<'_> {
    pub(super) async fn text(&self, text: &str, body_only: bool, within: &Bits) -> Result<Bits> {
        if fold(text).is_empty() {
            return Ok(within.clone());
        }
        let among: Vec<(i64, i64)> = within
            .iter()
            .filter_map(|at| self.entries.get(at))
            .map(|entry| (entry.content, entry.size))
            .collect();
        let look = &self.look;
        let held = look.mail.holding(look.ctx, look.view, &among, text, body_only).await?;
        Ok(self.each(within, |entry| held.binary_search(&entry.content).is_ok()))
    }
}

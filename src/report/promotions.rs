//! Versions that were to move on to another channel by themselves: a part of what a run tells, and the
//! answer of `promote --due`.

use std::fmt::Write as _;

use super::table::wrap;
use super::untrusted::one_line;
use super::{Promotion, sentence};

/// The answer of `promote --due`, `width` columns wide.
pub fn text(promotions: &[Promotion], width: usize) -> String {
    if promotions.is_empty() {
        return "nothing is to move on now: `goldsmith plan` says when\n".to_owned();
    }
    lines(promotions, width)
}

/// What came of each, `width` columns wide.
pub(super) fn lines(promotions: &[Promotion], width: usize) -> String {
    let mut text = String::new();
    for promotion in promotions {
        let mark = if promotion.refused.is_empty() { "+" } else { "!" };
        let said = format!("{mark} {}: {}", promotion.image, sentence::promotion(promotion));
        for line in wrap(&one_line(&said), width) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

//! What is allowed and yet unwise in the configuration, as `callbox check` says it too.

use super::Board;
use super::finding::Finding;
use crate::config;

/// Everything but the time zone, which has a finding of its own.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let advice = config::advice(board.settings);
    let advice = advice.into_iter().filter(|advice| advice.key != config::TIME_ZONE);
    advice.map(|advice| Finding::warn("advice", format!("{}: {}", advice.key, advice.found)).fix(advice.fix)).collect()
}

//! When disks pass their limit, by what a daemon has written down of the sizes of topics.

use super::{Failure, goals};
use crate::ask::{Outlook, disk_limit_share, outlook};
use crate::control::Recollection;
use crate::observe::Observation;

/// What is foreseen for a cluster; nothing where no daemon has written anything down.
///
/// # Errors
/// The goal set that says how full disks may be is wrong.
pub fn foreseen(
    seen: &Observation,
    known: &Recollection,
    goal_set: Option<&str>,
) -> Result<Option<Outlook>, Failure> {
    if known.sizes().is_empty() {
        return Ok(None);
    }
    let goals = goals::load(goal_set.unwrap_or("default"))?;
    Ok(Some(outlook(seen, known.sizes(), disk_limit_share(&goals))))
}

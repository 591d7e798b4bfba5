//! When disks pass their limit, and the cluster as it will be, by what a daemon has written down of the sizes of topics.

use std::time::Duration;

use super::Failure;
use crate::ask::{Outlook, disk_limit_share, outlook};
use crate::base::format_duration;
use crate::goals::GoalSet;
use crate::observe::{Observation, SizeHistory};

/// What is foreseen for a cluster, whose goals say how full disks may be; nothing where no daemon has written anything down.
pub fn foreseen(seen: &Observation, sizes: &SizeHistory, goals: &GoalSet) -> Option<Outlook> {
    (!sizes.is_empty()).then(|| outlook(seen, sizes, disk_limit_share(goals)))
}

/// A horizon as people say it: `7 days`.
pub fn in_words(horizon: Duration) -> String {
    match (horizon.as_secs() / 86_400, horizon.as_secs() % 86_400) {
        (1, 0) => "a day".to_owned(),
        (days @ 2.., 0) => format!("{days} days"),
        _ => format_duration(horizon),
    }
}

/// The cluster as a plan is to be made for it.
#[derive(Default)]
pub struct Ahead {
    /// As it will be; absent where the plan is for today.
    pub seen: Option<Observation>,
    /// What there is to say about that, for the end of the plan.
    pub said: Option<String>,
}

/// Looks ahead as far as the flag says, else as the setting does.
///
/// # Errors
/// The flag asks for it, and too little is known of how topics grow.
pub fn ahead(
    seen: &Observation,
    sizes: &SizeHistory,
    flag: Option<Duration>,
    setting: Option<Duration>,
) -> Result<Ahead, Failure> {
    let Some(horizon) = flag.or(setting) else { return Ok(Ahead::default()) };
    let time = in_words(horizon);
    if let (Some(later), Some(since)) = (sizes.ahead(seen, horizon), sizes.since()) {
        let said = format!(
            "Levelled for the sizes of topics in {time}, at their growth since {since}; what is told above is told for today."
        );
        return Ok(Ahead { seen: Some(later), said: Some(said) });
    }
    let why = match sizes.since() {
        None => {
            "a daemon (`evenkeel run`) with this state directory has to look for six hours first".to_owned()
        }
        Some(since) => format!("sizes of topics are known since {since}, and it takes six hours"),
    };
    if flag.is_some() {
        return Err(
            Failure::refused(format!("how large topics will be in {time} is not known yet")).hint(why)
        );
    }
    let said = format!("Made for today and not for {time} ahead: {why}.");
    Ok(Ahead { seen: None, said: Some(said) })
}

//! What a daemon remembers of the sizes of topics, and what it foretells by that.

use tracing::{debug, info};

use super::{Held, Ward};
use crate::ask::{disk_limit_share, outlook};
use crate::base::TimestampMs;
use crate::control::{Recollection, Record};
use crate::edge::cli::foresight::in_words;
use crate::observe::{Observation, TopicSizes};

impl Ward {
    /// Remembers how large topics are, where it is time to, and posts when disks pass their limit.
    pub(super) fn look_out(
        &self,
        held: &mut Held,
        local: &Recollection,
        seen: &Observation,
        now: TimestampMs,
    ) {
        let history = held.sizes.get_or_insert_with(|| local.sizes().clone());
        if history.is_due(seen.taken_at)
            && let Some(sizes) = TopicSizes::of(seen)
        {
            history.take(sizes.clone());
            if let Some(records) = &held.records {
                let record = Record::Sizes { sizes: Box::new(sizes) };
                // While something is carried out its own process writes the journal; the next time is in two hours.
                if let Err(failure) = records.note(vec![record], now) {
                    debug!("sizes of topics are known to this process alone: {}", failure.message);
                }
            }
        }
        let share = disk_limit_share(&held.files.in_force().goals);
        self.corner.outlook(outlook(seen, history, share));
    }

    /// The cluster as plans are to be made for it, where the settings look ahead and enough is known; else today's.
    pub(super) fn ahead(held: &Held, seen: &Observation) -> Option<Observation> {
        let horizon = held.files.in_force().plan_for?;
        let later = held.sizes.as_ref().and_then(|sizes| sizes.ahead(seen, horizon));
        if later.is_none() {
            let time = in_words(horizon);
            info!(
                "plans are made for today and not for {time} ahead: how topics grow is not known for six hours yet"
            );
        }
        later
    }
}

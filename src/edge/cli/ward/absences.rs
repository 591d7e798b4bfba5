//! What a daemon remembers of what is lacking: since when.

use tracing::debug;

use super::{Held, Ward};
use crate::ask::lacking;
use crate::base::TimestampMs;
use crate::control::{Recollection, Record};
use crate::observe::Observation;

impl Ward {
    /// Remembers since when goals are held back and things cannot be seen, and posts it.
    pub(super) fn note_absences(
        &self,
        held: &mut Held,
        local: &Recollection,
        seen: &Observation,
        now: TimestampMs,
    ) {
        let lacks = lacking(seen, &held.files.in_force().goals);
        let absences = held.absences.get_or_insert_with(|| local.absences().clone());
        absences.look(seen.taken_at, lacks);
        self.corner.lacks(absences.clone());
        // Compared with what stands there: what could not be written down last time is due now.
        if absences != local.absences()
            && let Some(records) = &held.records
        {
            let record = Record::Lacking { absences: absences.clone() };
            if let Err(failure) = records.note(vec![record], now) {
                debug!("what is lacking is known to this process alone: {}", failure.message);
            }
        }
    }
}

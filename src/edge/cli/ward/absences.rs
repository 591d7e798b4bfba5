//! What a daemon remembers of what is lacking: since when.

use tracing::{debug, info, warn};

use super::{Held, Ward};
use crate::ask::lacking;
use crate::base::TimestampMs;
use crate::control::{Recollection, Record};
use crate::observe::{Absences, Absent, Observation};

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
        // Each process says once what is lacking, whatever an earlier one has said.
        let before = held.absences.clone().unwrap_or_default();
        let absences = held.absences.get_or_insert_with(|| local.absences().clone());
        absences.look(seen.taken_at, lacks);
        log(&before, absences);
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

/// Logs what has come and what has gone: what is lacking for days is no line for each look.
fn log(before: &Absences, now: &Absences) {
    let news = |of: &Absences, other: &Absences| {
        let known: Vec<&Absent> = other.iter().map(|absence| &absence.what).collect();
        of.iter().filter(|absence| !known.contains(&&absence.what)).cloned().collect::<Vec<_>>()
    };
    for absence in news(now, before) {
        match &absence.what {
            Absent::Sight { kind, subject } => warn!(?kind, subject, "not seen: {}", absence.reason),
            Absent::Goal { goal, .. } => warn!(goal, "held back: {}", absence.reason),
        }
    }
    for absence in news(before, now) {
        match &absence.what {
            Absent::Sight { kind, subject } => info!(?kind, subject, "seen again"),
            Absent::Goal { goal, .. } => info!(goal, "can be judged again"),
        }
    }
}

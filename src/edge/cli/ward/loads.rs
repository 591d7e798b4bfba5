//! The loads that a daemon goes by: the mean of the last hour, which outlives a restart.

use tracing::warn;

use super::{Held, Ward};
use crate::edge::store::LoadShelf;
use crate::observe::{LoadWindows, Observation};

impl Ward {
    /// Takes the loads of a look into those of the last hours, and has the look tell their mean. Without metrics what logs tell
    /// is a mean already.
    pub(super) fn gather_loads(&self, held: &mut Held, seen: &mut Observation) {
        if self.target.metrics.is_none() {
            return;
        }
        let kept = held.records.as_ref().map(|records| LoadShelf::of(records.path()));
        let windows = held.loads.get_or_insert_with(|| {
            let mut windows = LoadWindows::default();
            let (read, problems) = kept.as_ref().map(LoadShelf::read).unwrap_or_default();
            for problem in problems {
                warn!("loads of earlier hours are left out: {problem}");
            }
            windows.take_back(read, seen.taken_at);
            windows
        });
        if let (Some(closed), Some(shelf)) = (windows.look(seen), kept)
            && let Err(error) = shelf.keep(&closed)
        {
            warn!("loads of the last quarter of an hour are not kept: {error}");
        }
        self.corner.peaks(windows.peaks(seen));
    }
}

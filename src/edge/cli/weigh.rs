//! Processor time by the weights that a daemon has fitted: one look alone tells none.

use std::path::Path;
use std::time::Duration;

use super::Screen;
use super::session::Records;
use super::target::Target;
use crate::edge::store::{KeptWeights, LoadShelf};
use crate::observe::{NoFit, Observation, share_cpu_by};

/// Weights that are older are of a cluster that may have changed.
const OF_USE_FOR: Duration = Duration::from_secs(86_400);

/// Shares what brokers of a look keep busy out by the weights that a daemon with this state directory has fitted in the last day,
/// where it has.
pub fn weigh(cluster_dir: &Path, seen: &mut Observation, screen: &Screen) {
    if seen.cpu_sharing.is_none() {
        return;
    }
    let kept = LoadShelf::of(cluster_dir).read_weights().unwrap_or_else(|error| {
        screen.warn(&format!("weights of processor time that a daemon has fitted are left out: {error}"));
        None
    });
    let now = seen.taken_at;
    let fresh = kept.filter(|kept| kept.at <= now && now.since(kept.at) <= OF_USE_FOR);
    share_cpu_by(seen, fresh.map_or(Err(NoFit::OneLook), KeptWeights::told));
}

/// As [`weigh`], where the folder of the cluster is not known yet.
pub fn weigh_for(target: &Target, seen: &mut Observation, screen: &Screen) {
    if let Ok(records) = Records::of(target, seen) {
        weigh(records.path(), seen, screen);
    }
}

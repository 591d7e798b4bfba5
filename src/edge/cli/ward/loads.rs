//! The loads that a daemon goes by: the mean of the last hour, which outlives a restart and goes on while something is
//! carried out, and processor time by weights that were fitted to a day of this cluster.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use super::{Held, Ward};
use crate::base::TimestampMs;
use crate::edge::cli::board::Corner;
use crate::edge::store::{KeptWeights, LoadShelf};
use crate::observe::{CpuFit, LoadWindows, NoFit, Observation, share_cpu_by};

/// The loads of the last hours, shared with whatever is carried out meanwhile, and where they are kept.
#[derive(Clone)]
pub(super) struct Loads {
    drawn: Arc<Mutex<Drawn>>,
    shelf: Option<LoadShelf>,
    corner: Corner,
}

/// Windows, and the weights that they tell: drawn anew when one closes.
struct Drawn {
    windows: LoadWindows,
    weights: Result<CpuFit, NoFit>,
}

impl Drawn {
    /// Those that were kept.
    fn take_up(kept: Option<&LoadShelf>, now: TimestampMs) -> Self {
        let mut windows = LoadWindows::default();
        let (read, problems) = kept.map(LoadShelf::read).unwrap_or_default();
        for problem in problems {
            warn!("loads of earlier hours are left out: {problem}");
        }
        windows.take_back(read, now);
        let weights = windows.fit_cpu();
        tell(&weights);
        Self { windows, weights }
    }

    fn weigh_anew(&mut self, kept: Option<&LoadShelf>, now: TimestampMs) {
        let before = std::mem::replace(&mut self.weights, self.windows.fit_cpu());
        if before.is_ok() != self.weights.is_ok() {
            tell(&self.weights);
        }
        let weights = KeptWeights::new(now, self.weights);
        if let Some(Err(error)) = kept.map(|shelf| shelf.keep_weights(&weights)) {
            warn!("weights of processor time are not kept: {error}");
        }
    }
}

fn tell(weights: &Result<CpuFit, NoFit>) {
    match weights {
        Ok(fit) => info!("processor time is shared out by weights fitted to this cluster: {fit}"),
        Err(why) => info!("processor time is shared out by static weights: {why}"),
    }
}

impl Ward {
    /// Takes the loads of a look into those of the last hours, and has the look tell their mean. Without metrics what logs tell
    /// is a mean already.
    pub(super) fn gather_loads(&self, held: &mut Held, seen: &mut Observation) {
        if self.target.metrics.is_none() {
            return;
        }
        let kept = held.records.as_ref().map(|records| LoadShelf::of(records.path()));
        let loads = held
            .loads
            .get_or_insert_with(|| Loads::take_up(kept.as_ref(), seen.taken_at, self.corner.clone()));
        loads.shelf = kept;
        loads.take(seen);
    }
}

impl Loads {
    pub(super) fn take_up(kept: Option<&LoadShelf>, now: TimestampMs, corner: Corner) -> Self {
        Self { drawn: Arc::new(Mutex::new(Drawn::take_up(kept, now))), shelf: kept.cloned(), corner }
    }

    /// Takes a look in, and has it tell the means.
    pub(super) fn take(&self, seen: &mut Observation) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        share_cpu_by(seen, drawn.weights);
        if let Some(closed) = drawn.windows.look(seen) {
            if let Some(Err(error)) = self.shelf.as_ref().map(|shelf| shelf.keep(&closed)) {
                warn!("loads of the last quarter of an hour are not kept: {error}");
            }
            drawn.weigh_anew(self.shelf.as_ref(), seen.taken_at);
        }
        self.corner.peaks(drawn.windows.peaks(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BrokerId, BytesPerS, Cores};
    use crate::edge::cli::Screen;
    use crate::edge::cli::weigh::weigh;
    use crate::observe::{BrokerMetrics, Partition, SeenBroker, SharedBy, attribute};

    const BASE: f64 = 0.3;

    /// Three brokers; each leads a partition that the next one follows. What is written to each goes up and down by itself, and so
    /// do the cores: 0.02 for a MB per second that is led and served, 0.01 for one that is followed.
    fn look(minute: u64) -> Observation {
        let mut seen = Observation {
            taken_at: TimestampMs(1_700_000_000_000 + minute * 60_000),
            ..Observation::default()
        };
        let hours = f64::from(u32::try_from(minute).expect("small")) / 60.0;
        let written =
            [(1.1, 8.0), (2.3, 6.0), (3.7, 9.0)].map(|(speed, height)| 10.0 + height * (hours * speed).sin());
        let rate = |mb: f64| BytesPerS::new(mb * 1e6).ok();
        let mut metrics = std::collections::BTreeMap::new();
        for (id, leads) in (0..).zip(written) {
            let follows = written[usize::try_from((id + 2) % 3).expect("small")];
            seen.brokers.insert(BrokerId(id), SeenBroker { alive: true, ..SeenBroker::default() });
            let told = BrokerMetrics {
                topic_bytes_in_per_s: [("t".into(), rate(leads).expect("a rate"))].into(),
                bytes_in_per_s: rate(leads),
                bytes_out_per_s: rate(0.0),
                replication_in_per_s: rate(follows),
                replication_out_per_s: rate(leads),
                cpu_cores_used: Cores::new(BASE + 0.02 * leads + 0.01 * follows).ok(),
                ..BrokerMetrics::default()
            };
            metrics.insert(BrokerId(id), told);
            let replicas = vec![BrokerId(id), BrokerId((id + 1) % 3)];
            let partition = Partition { id, leader: Some(BrokerId(id)), replicas, ..Partition::default() };
            seen.topics.entry("t".into()).or_default().partitions.push(partition);
        }
        attribute(&mut seen, &metrics);
        seen
    }

    #[test]
    fn what_a_daemon_finds_out_is_there_after_a_restart_and_for_other_commands() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = LoadShelf::of(folder.path());
        let screen = Screen::plain();
        let by = |seen: &Observation| seen.cpu_sharing.as_ref().expect("processor times are known").by;
        let mut now = look(1_200);
        weigh(folder.path(), &mut now, &screen);
        assert_eq!(by(&now), SharedBy::StaticWeights { why: NoFit::OneLook }, "no daemon was there");
        let mut windows = LoadWindows::default();
        for minute in (0..1_200).step_by(5) {
            if let Some(closed) = windows.look(&mut look(minute)) {
                shelf.keep(&closed).expect("it is kept");
            }
        }
        let mut loads = Drawn::take_up(Some(&shelf), now.taken_at);
        let fit = loads.weights.expect("the windows tell");
        assert!((fit.base_cores - BASE).abs() < 0.01 && (fit.weights.follow - 1e-8).abs() < 2e-10, "{fit}");
        loads.weigh_anew(Some(&shelf), now.taken_at);
        weigh(folder.path(), &mut now, &screen);
        assert_eq!(by(&now), SharedBy::Fit(fit));
        // What each is counted for is what was made of it: the base stays with the broker.
        let first = now.topics[&"t".into()].partitions[0].load;
        let (written, led) =
            (first.produce_bytes_per_s.expect("told").get(), first.leader_cpu_cores.expect("shared").get());
        assert!((led - 0.02e-6 * written).abs() < 0.01 * led, "{led} for {written}");
        assert!(now.brokers.values().all(|seen| seen.other_cpu_cores.is_some()));
        assert_eq!(now.gaps, []);
        let mut late = look(1_200 + 2 * 1_440);
        weigh(folder.path(), &mut late, &screen);
        assert_eq!(by(&late), SharedBy::StaticWeights { why: NoFit::OneLook }, "two days old");
    }
}

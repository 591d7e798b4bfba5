//! [`Gatherer`]: loads are gathered while something is carried out.

use std::time::Duration;

use tracing::debug;

use super::Held;
use super::loads::Loads;
use crate::base::TimestampMs;
use crate::control::{Scope, World, WorldError, all_but_looking_and_waiting};
use crate::observe::{BrokerWork, LoadWindows, Observation};

/// While something is carried out there is a full look so often: one for each window of loads.
const GATHER_EVERY: Duration = LoadWindows::WINDOW;

impl Held {
    /// A world that goes on to gather loads while something is carried out in it.
    pub(super) fn gathering(&self, inner: Box<dyn World>) -> Box<dyn World> {
        match self.loads.clone() {
            Some(loads) => Box::new(Gatherer { due: inner.now().after(GATHER_EVERY), inner, loads }),
            None => inner,
        }
    }
}

/// Looks at loads now and then, in the time in which an execution waits anyway.
struct Gatherer {
    inner: Box<dyn World>,
    loads: Loads,
    due: TimestampMs,
}

impl Gatherer {
    /// A look at everything. What it is of use for is later plans: that it fails is no matter of the execution's.
    fn gather(&mut self) {
        match self.inner.observe(&Scope::Full) {
            Ok(mut seen) => {
                // Kafka counts what clients write and read apart from what is copied, but processors work for both.
                forget_processor_time(&mut seen);
                self.loads.take(&mut seen);
            }
            Err(error) => debug!("no look at loads: {error}"),
        }
        self.due = self.inner.now().after(GATHER_EVERY);
    }
}

fn forget_processor_time(seen: &mut Observation) {
    seen.cpu_sharing = None;
    for broker in seen.brokers.values_mut() {
        broker.work = BrokerWork::default();
    }
    for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
        partition.load.leader_cpu_cores = None;
        partition.load.follower_cpu_cores = None;
    }
}

impl World for Gatherer {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.inner.observe(scope)
    }

    all_but_looking_and_waiting!(self => self.inner);

    fn sleep(&mut self, duration: Duration) {
        let began = self.inner.now();
        if began >= self.due && !self.inner.is_leaving() {
            self.gather();
        }
        let left = duration.saturating_sub(self.inner.now().since(began));
        self.inner.sleep(left);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::{BytesPerS, Cores};
    use crate::edge::cli::board::Board;
    use crate::execute::{Answer, Command};
    use crate::observe::{Partition, PartitionLoad, SeenTopic};

    /// A cluster whose clients write faster and faster, and whose looks at everything take ten seconds.
    struct Quicker {
        now: TimestampMs,
        full_looks: Arc<Mutex<Vec<u64>>>,
    }

    impl World for Quicker {
        fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
            assert_eq!(*scope, Scope::Full);
            let taken_at = self.now;
            self.full_looks.lock().unwrap().push(taken_at.0 / 1000);
            self.now = self.now.after(Duration::from_secs(10));
            if taken_at.0 > 7_200_000 {
                return Err(WorldError::refused("it does not answer"));
            }
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let load = PartitionLoad {
                produce_bytes_per_s: BytesPerS::new(taken_at.0 as f64).ok(),
                leader_cpu_cores: Cores::new(3.0).ok(),
                ..PartitionLoad::default()
            };
            let topic = SeenTopic {
                partitions: vec![Partition { load, ..Partition::default() }],
                ..SeenTopic::default()
            };
            Ok(Observation { taken_at, topics: [("t".into(), topic)].into(), ..Observation::default() })
        }

        fn perform(&mut self, _: &Command) -> Result<Answer, WorldError> {
            Err(WorldError::refused("nothing moves here"))
        }

        fn now(&self) -> TimestampMs {
            self.now
        }

        fn sleep(&mut self, duration: Duration) {
            self.now = self.now.after(duration);
        }

        fn stop_requests(&self) -> u32 {
            0
        }

        fn is_leaving(&self) -> bool {
            false
        }
    }

    #[test]
    fn loads_are_gathered_while_something_is_carried_out_and_no_wait_is_longer_for_it() {
        let full_looks = Arc::new(Mutex::new(Vec::new()));
        let inner = Box::new(Quicker { now: TimestampMs(0), full_looks: Arc::clone(&full_looks) });
        let loads = Loads::take_up(None, TimestampMs(0), Board::default().corner("prod", "act"));
        let mut world = Gatherer { due: TimestampMs(0).after(GATHER_EVERY), inner, loads: loads.clone() };
        for turn in 1..=240_u64 {
            world.sleep(Duration::from_secs(30));
            assert_eq!(world.now().0, turn * 30_000, "a look is taken in the time of a wait");
        }
        let looked = full_looks.lock().unwrap().clone();
        assert_eq!(looked.len(), 7, "one each quarter of an hour: {looked:?}");
        // What the next plan is made of: the mean of the hour before, and no processor time of copying.
        let mut seen = world.observe(&Scope::Full).unwrap();
        loads.take(&mut seen);
        let load = seen.topics[&"t".into()].partitions[0].load;
        let rate = load.produce_bytes_per_s.unwrap().get();
        assert!((4_000_000.0..6_500_000.0).contains(&rate), "{rate}");
        assert_eq!(load.leader_cpu_cores, Cores::new(3.0).ok(), "that of the look itself");
        // A look that fails harms nothing.
        world.sleep(Duration::from_secs(3600));
        world.sleep(Duration::from_secs(30));
    }
}

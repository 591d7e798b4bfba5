//! A watcher that looks at the cluster five times a second while something else works on it, and writes down
//! every moment at which a promise did not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;

use super::{Lab, Seen};

const MIN_ISR: usize = 2;
const RACKS_WANTED: usize = 3;

/// What the watcher saw.
#[derive(Debug, Default)]
pub struct Sightings {
    /// How often it looked.
    pub polls: usize,
    /// Looks that failed.
    pub failures: BTreeSet<String>,
    /// Broken promises, each once.
    pub violations: BTreeSet<String>,
    /// Replication throttle rates seen on brokers, as `broker key=value`.
    pub throttles: BTreeSet<String>,
    /// Every broker on which a replica of a partition ever stood.
    pub ever_on: BTreeMap<(String, i32), BTreeSet<i32>>,
}

impl Sightings {
    /// Ends the test unless rack spread and min ISR held at every look.
    pub fn expect_clean(&self) {
        assert!(self.polls >= 3, "the watcher looked only {} times: {:?}", self.polls, self.failures);
        assert!(
            self.violations.is_empty(),
            "{} broken promises: {:#?}",
            self.violations.len(),
            self.violations
        );
    }
}

/// The running watcher.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Sightings>>,
}

impl Watch {
    /// Starts to watch for lost rack spread and partitions under min ISR.
    pub fn start(lab: &Lab) -> Self {
        let consumer: BaseConsumer = lab.internal_config().create().expect("a client of librdkafka");
        let admin: AdminClient<DefaultClientContext> =
            lab.internal_config().create().expect("an admin client");
        let racks = lab.racks.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                let mut sightings = Sightings::default();
                while !stop.load(Ordering::SeqCst) {
                    match Seen::ask(&consumer) {
                        Ok(seen) => {
                            sightings.take_in(&seen, &racks);
                            if sightings.polls % 4 == 1 {
                                sightings.throttles.extend(throttles(&admin, &seen.brokers));
                            }
                        }
                        Err(error) => drop(sightings.failures.insert(error.to_string())),
                    }
                    thread::sleep(Duration::from_millis(200));
                }
                sightings
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends the watch.
    pub fn stop(mut self) -> Sightings {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("stopped once").join().expect("the watcher's thread ended well")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// The throttle rates that stand on the brokers which answer soon.
pub(super) fn throttles(admin: &AdminClient<DefaultClientContext>, brokers: &BTreeSet<i32>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(1)));
    let mut found = Vec::new();
    for broker in brokers {
        let answer =
            runtime.block_on(admin.describe_configs(&[ResourceSpecifier::Broker(*broker)], &options));
        // A broker that is down has nothing to say; the tests that need an answer look for one with Kafka's tools.
        for config in answer.into_iter().flatten().flatten() {
            let is_rate = |entry: &&ConfigEntry| {
                (entry.name.contains("replication.throttled.rate")
                    || entry.name.contains("alter.log.dirs.io"))
                    && entry.source == ConfigSource::DynamicBroker
            };
            let rates = config.entries.iter().filter(is_rate);
            found.extend(
                rates.filter_map(|rate| Some(format!("{broker} {}={}", rate.name, rate.value.as_ref()?))),
            );
        }
    }
    found
}

impl Sightings {
    fn take_in(&mut self, seen: &Seen, racks: &BTreeMap<i32, String>) {
        self.polls += 1;
        for ((topic, index), partition) in &seen.partitions {
            let spread: BTreeSet<_> = partition.replicas.iter().map(|id| &racks[id]).collect();
            if spread.len() < RACKS_WANTED {
                self.violations.insert(format!(
                    "{topic}-{index} stands in {} racks: {:?}",
                    spread.len(),
                    partition.replicas
                ));
            }
            if partition.isr.len() < MIN_ISR {
                self.violations.insert(format!("{topic}-{index} is under min ISR: {:?}", partition.isr));
            }
            self.ever_on.entry((topic.clone(), *index)).or_default().extend(&partition.replicas);
        }
    }
}

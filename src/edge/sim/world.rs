//! [`SimWorld`]: the in-memory face, behind [`World`]. It waits by letting virtual time pass.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::configs::{FOLLOWER_LIST, FOLLOWER_RATE, LEADER_LIST, LEADER_RATE, LOG_DIR_RATE};
use super::{ConfigChange, ConfigOwner, Refusal, SimCluster, SimEvent, SimSpec, SpecError};
use crate::base::{TimestampMs, TopicPartition};
use crate::control::{Scope, World, WorldError};
use crate::execute::{Answer, Command, CommandRefusal, Setting};
use crate::observe::Observation;

/// Is called after every event with the cluster as it then is; a promise that does not hold is found at the moment
/// it is broken, not at the next observation.
pub type Watcher = Box<dyn FnMut(&SimCluster, &[SimEvent])>;

/// A simulated cluster as the outside of evenkeel.
pub struct SimWorld {
    cluster: SimCluster,
    metrics: bool,
    watchers: Vec<Watcher>,
    stops_at_ms: Vec<u64>,
    commands: Vec<(TimestampMs, Command)>,
}

impl SimWorld {
    /// Starts a simulated cluster.
    ///
    /// # Errors
    /// The spec contradicts itself.
    pub fn new(spec: &SimSpec) -> Result<Self, SpecError> {
        Ok(Self::of(SimCluster::new(spec)?))
    }

    /// Takes a cluster that may have run already.
    pub fn of(cluster: SimCluster) -> Self {
        Self { cluster, metrics: true, watchers: Vec::new(), stops_at_ms: Vec::new(), commands: Vec::new() }
    }

    /// The same without the load and capacities that brokers' metrics endpoints tell.
    #[must_use]
    pub fn without_metrics(mut self) -> Self {
        self.metrics = false;
        self
    }

    /// Calls `watcher` after every event from now on.
    pub fn watch(&mut self, watcher: impl FnMut(&SimCluster, &[SimEvent]) + 'static) {
        self.watchers.push(Box::new(watcher));
    }

    /// A person asks to stop when this much virtual time has passed from now.
    pub fn stop_after(&mut self, delay: Duration) {
        let at = self.cluster.elapsed().saturating_add(delay);
        self.stops_at_ms.push(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
    }

    /// The cluster.
    pub fn cluster(&self) -> &SimCluster {
        &self.cluster
    }

    /// The cluster, to inject faults and the like.
    pub fn cluster_mut(&mut self) -> &mut SimCluster {
        &mut self.cluster
    }

    /// Every command that reached the cluster, and when.
    pub fn commands(&self) -> &[(TimestampMs, Command)] {
        &self.commands
    }

    fn notify(&mut self) {
        let events = self.cluster.take_events();
        if !events.is_empty() {
            for watcher in &mut self.watchers {
                watcher(&self.cluster, &events);
            }
        }
    }

    fn pass(&mut self, until_ms: u64) {
        self.notify();
        while self.cluster.step_until(until_ms) {
            self.notify();
        }
    }

    fn request(&mut self) {
        self.pass(self.cluster.now_ms + self.cluster.timing.request_ms);
    }

    fn settings(
        &mut self,
        owner: &ConfigOwner,
        subject: &str,
        changes: &BTreeMap<String, ConfigChange>,
        answer: &mut Answer,
    ) {
        if let Err(refusal) = self.cluster.alter_configs(owner, changes, false) {
            answer.refused.push(refused(subject.to_owned(), None, &refusal));
        }
    }

    fn carry_out(&mut self, command: &Command) -> Answer {
        let mut answer = Answer::default();
        match command {
            Command::ThrottleBroker { broker, leader, follower, log_dirs } => {
                let rates = [(LEADER_RATE, leader), (FOLLOWER_RATE, follower), (LOG_DIR_RATE, log_dirs)];
                let changes = rates.into_iter().filter_map(|(key, setting)| change(key, setting)).collect();
                let subject = format!("broker {broker}");
                self.settings(&ConfigOwner::Broker(*broker), &subject, &changes, &mut answer);
            }
            Command::ThrottleTopic { topic, leader, follower } => {
                let lists = [(LEADER_LIST, leader), (FOLLOWER_LIST, follower)];
                let changes = lists.into_iter().filter_map(|(key, setting)| change(key, setting)).collect();
                let subject = format!("topic {topic}");
                self.settings(&ConfigOwner::Topic(topic.clone()), &subject, &changes, &mut answer);
            }
            Command::Reassign(lists) => {
                for (partition, list) in lists {
                    note(&mut answer, partition, self.cluster.reassign(partition, list));
                }
            }
            Command::CancelReassignments(partitions) => {
                for partition in partitions {
                    note(&mut answer, partition, self.cluster.cancel_reassignment(partition));
                }
            }
            Command::ElectPreferredLeaders(partitions) => {
                for partition in partitions {
                    let elected = self.cluster.elect_preferred(partition);
                    // The leader is the right one already, so what was asked for is so.
                    let not_needed = elected
                        .as_ref()
                        .is_err_and(|refusal| refusal.error == ResponseError::ElectionNotNeeded);
                    note(&mut answer, partition, if not_needed { Ok(()) } else { elected });
                }
            }
            Command::MoveLogDirs { broker, moves } => {
                for (partition, path) in moves {
                    note(&mut answer, partition, self.cluster.move_log_dir(*broker, partition, path));
                }
            }
        }
        answer
    }
}

fn change<T: ToString>(key: &str, setting: &Setting<T>) -> Option<(String, ConfigChange)> {
    let change = match setting {
        Setting::Keep => return None,
        Setting::Clear => ConfigChange::Delete,
        Setting::Set(value) => ConfigChange::Set(value.to_string()),
    };
    Some((key.to_owned(), change))
}

fn note(answer: &mut Answer, partition: &TopicPartition, outcome: Result<(), Refusal>) {
    if let Err(refusal) = outcome {
        answer.refused.push(refused(partition.to_string(), Some(partition.clone()), &refusal));
    }
}

fn refused(subject: String, partition: Option<TopicPartition>, refusal: &Refusal) -> CommandRefusal {
    CommandRefusal { subject, partition, code: code_name(refusal.error), message: refusal.message.clone() }
}

/// The name of an error as Kafka's documentation writes it: `NoReassignmentInProgress` is
/// `NO_REASSIGNMENT_IN_PROGRESS`.
fn code_name(error: ResponseError) -> String {
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

impl World for SimWorld {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.request();
        if !self.cluster.brokers().any(|(_, broker)| broker.serves()) {
            return Err(WorldError::unreachable("no simulated broker answers"));
        }
        let only = match scope {
            Scope::Full => None,
            Scope::Execution(partitions) => Some(partitions),
        };
        Ok(self.cluster.observe(self.metrics, only))
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.request();
        if !self.cluster.brokers().any(|(_, broker)| broker.serves()) {
            return Err(WorldError::unreachable("no simulated broker answers"));
        }
        // A client retries what is retriable; here that only takes time.
        while self.cluster.trouble.refuses().is_some() {
            self.pass(self.cluster.now_ms + 100);
        }
        self.commands.push((self.cluster.now(), command.clone()));
        let answer = self.carry_out(command);
        self.notify();
        if self.cluster.trouble.loses_answer() {
            return Err(WorldError::unreachable("the connection was closed before the answer came"));
        }
        Ok(answer)
    }

    fn now(&self) -> TimestampMs {
        self.cluster.now()
    }

    fn sleep(&mut self, duration: Duration) {
        let now_ms = self.cluster.now_ms;
        let until = now_ms.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let stop = self.stops_at_ms.iter().copied().filter(|at| *at > now_ms && *at < until).min();
        self.pass(stop.unwrap_or(until));
    }

    fn stop_requests(&self) -> u32 {
        let asked = self.stops_at_ms.iter().filter(|at| **at <= self.cluster.now_ms).count();
        u32::try_from(asked).unwrap_or(u32::MAX)
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

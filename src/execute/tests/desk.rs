//! [`Desk`]: six brokers in three racks, on which commands take effect as Kafka would have it, and copying ends
//! when the test says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{BrokerId, Bytes, TimestampMs, TopicPartition};
use crate::execute::*;
use crate::observe::*;
use crate::plan::{LeaderStep, LogDirStep, MoveStep, Plan, Step, Wave, bare_plan};

pub(super) const GB: u64 = 1_000_000_000;

pub(super) fn ids(list: &[i32]) -> Vec<BrokerId> {
    list.iter().copied().map(BrokerId).collect()
}

pub(super) fn name(partition: &str) -> TopicPartition {
    partition.parse().expect("a partition's name")
}

/// A move through these lists.
pub(super) fn moves(partition: &str, lists: &[&[i32]]) -> Step {
    let mut lists = lists.iter().map(|list| ids(list));
    Step::Move(MoveStep {
        partition: name(partition),
        from: lists.next().expect("a list to start from"),
        stages: lists.collect(),
        size_bytes: Bytes(GB),
        reason: "test".to_owned(),
    })
}

pub(super) fn leads(partition: &str, replicas: &[i32]) -> Step {
    let reason = "test".to_owned();
    Step::Leader(LeaderStep { partition: name(partition), replicas: ids(replicas), reason })
}

/// A move of the replica on a broker from `/d` to `/e`.
pub(super) fn between_dirs(partition: &str, broker: i32) -> Step {
    Step::LogDir(LogDirStep {
        partition: name(partition),
        broker: BrokerId(broker),
        from: "/d".to_owned(),
        to: "/e".to_owned(),
        size_bytes: Bytes(GB),
        reason: "test".to_owned(),
    })
}

pub(super) fn plan(waves: Vec<Vec<Step>>) -> Plan {
    Plan {
        cluster_id: Some("desk".to_owned()),
        goal_set: "default".to_owned(),
        ..bare_plan(waves.into_iter().map(|steps| Wave { steps }).collect())
    }
}

/// Brokers 1 to 6 on racks a, b, c, a, b, c; topics `t` and `u` of three partitions of a gigabyte on 1, 2, 3.
pub(super) fn cluster() -> Observation {
    let mut seen = Observation { cluster_id: Some("desk".to_owned()), ..Observation::default() };
    for (id, rack) in (1..).zip(["a", "b", "c", "a", "b", "c"]) {
        let dirs = ["/d", "/e"].map(|path| LogDir {
            path: path.to_owned(),
            total_bytes: Some(Bytes(1000 * GB)),
            usable_bytes: Some(Bytes(900 * GB)),
            online: true,
        });
        let broker = SeenBroker {
            rack: Some(rack.into()),
            alive: true,
            log_dirs: dirs.to_vec(),
            ..SeenBroker::default()
        };
        seen.brokers.insert(BrokerId(id), broker);
    }
    for (topic, id) in [("t", 1), ("u", 2)] {
        let partitions = (0..3).map(|id| partition(id, &[1, 2, 3])).collect();
        let id = Some(uuid::Uuid::from_u128(id));
        let topic_seen = SeenTopic { id, min_insync_replicas: Some(2), partitions, ..SeenTopic::default() };
        seen.topics.insert(topic.into(), topic_seen);
    }
    seen
}

fn partition(id: i32, replicas: &[i32]) -> Partition {
    let replicas = ids(replicas);
    let log_dir = Some("/d".to_owned());
    let size = Replica { size_bytes: Some(Bytes(GB)), log_dir, ..Replica::default() };
    Partition {
        id,
        leader: replicas.first().copied(),
        isr: replicas.clone(),
        on_disk: replicas.iter().map(|broker| (*broker, size.clone())).collect(),
        replicas,
        ..Partition::default()
    }
}

pub(super) struct Desk {
    pub(super) seen: Observation,
    pub(super) execution: Execution,
    pub(super) events: Vec<ExecutionEvent>,
    pub(super) now: TimestampMs,
    /// What comes of the commands of the next turns.
    pub(super) luck: Luck,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Luck {
    Taken,
    /// Takes effect, but the answer is lost.
    AnswerLost,
    /// Takes no effect, and the answer is lost.
    Lost,
    /// Throttle commands are refused.
    ThrottlesDenied,
}

impl Desk {
    pub(super) fn new(waves: Vec<Vec<Step>>) -> Self {
        Self::with(cluster(), ExecuteSettings::default(), waves)
    }

    pub(super) fn with(seen: Observation, settings: ExecuteSettings, waves: Vec<Vec<Step>>) -> Self {
        Self::of(seen, settings, &plan(waves))
    }

    pub(super) fn of(seen: Observation, settings: ExecuteSettings, plan: &Plan) -> Self {
        let now = TimestampMs(1_000_000);
        let execution = Execution::new(plan, settings, now, &seen).expect("the plan fits");
        Self { seen, execution, events: Vec::new(), now, luck: Luck::Taken }
    }

    /// One turn, a second after the last; what was sent.
    pub(super) fn turn(&mut self) -> Vec<Command> {
        self.now = self.now.after(std::time::Duration::from_secs(1));
        let turn = self.execution.next(self.now, &self.seen);
        self.events.extend(turn.events);
        let mut sent = Vec::new();
        for command in turn.commands {
            if !self.execution.still_wanted(&command) {
                continue;
            }
            sent.push(command.clone());
            let is_throttle =
                matches!(command, Command::ThrottleBroker { .. } | Command::ThrottleTopic { .. });
            let answer = match self.luck {
                Luck::AnswerLost | Luck::Lost => Err(CommandError::Unknown("timed out".to_owned())),
                Luck::ThrottlesDenied if is_throttle => {
                    Err(CommandError::Denied("no AlterConfigs".to_owned()))
                }
                Luck::ThrottlesDenied | Luck::Taken => Ok(Answer::default()),
            };
            if answer.is_ok() || self.luck == Luck::AnswerLost {
                self.apply(&command);
            }
            self.execution.answered(&command, answer.as_ref());
        }
        sent
    }

    pub(super) fn turns(&mut self, count: usize) -> Vec<Command> {
        (0..count).flat_map(|_| self.turn()).collect()
    }

    /// Turns until what is copied has come up to its full rate.
    pub(super) fn come_up(&mut self) -> Vec<Command> {
        self.turns(12)
    }

    /// Turns until the end, with every copy done at once.
    pub(super) fn run_out(&mut self) -> Outcome {
        for _ in 0..10_000 {
            self.turn();
            if let Some(outcome) = self.execution.outcome() {
                return outcome.clone();
            }
            for name in self.seen.reassignments.keys().cloned().collect::<Vec<_>>() {
                self.finish(&name);
            }
        }
        panic!("no end in sight: {:#?}", self.execution.progress());
    }

    pub(super) fn partition(&mut self, name: &TopicPartition) -> &mut Partition {
        let topic = self.seen.topics.get_mut(&name.topic).expect("the topic");
        &mut topic.partitions[usize::try_from(name.partition).expect("an index")]
    }

    pub(super) fn replica(&mut self, name: &TopicPartition, broker: i32) -> &mut Replica {
        self.partition(name).on_disk.get_mut(&BrokerId(broker)).expect("the replica")
    }

    /// The future replica has become the replica.
    pub(super) fn promote(&mut self, name: &TopicPartition, broker: i32) {
        let replica = self.replica(name, broker);
        let (path, _) = replica.future.take().expect("a future replica");
        replica.log_dir = Some(path);
    }

    /// The copy has ended: the reassignment is over, as Kafka ends it.
    pub(super) fn finish(&mut self, name: &TopicPartition) {
        let running = self.seen.reassignments.remove(name).expect("a reassignment");
        let target = running.target();
        let partition = self.partition(name);
        partition.isr.clone_from(&target);
        partition.on_disk.retain(|broker, _| target.contains(broker));
        for broker in &target {
            partition.on_disk.entry(*broker).or_default().size_bytes = Some(Bytes(GB));
        }
        if partition.leader.is_none_or(|leader| !target.contains(&leader)) {
            partition.leader = target.first().copied();
        }
        partition.replicas = target;
    }

    /// A cancel as Kafka does it: the order is not the old one.
    pub(super) fn cancel(&mut self, name: &TopicPartition) {
        let Some(running) = self.seen.reassignments.remove(name) else { return };
        let partition = self.partition(name);
        let mut back = running.replicas;
        back.retain(|broker| !running.adding.contains(broker));
        partition.isr.retain(|broker| back.contains(broker));
        partition.on_disk.retain(|broker, _| back.contains(broker));
        partition.replicas = back;
    }

    pub(super) fn reassign(&mut self, name: &TopicPartition, target: &[BrokerId]) {
        let partition = self.partition(name);
        let before = partition.replicas.clone();
        let adding: Vec<_> = target.iter().copied().filter(|broker| !before.contains(broker)).collect();
        let removing: Vec<_> = before.iter().copied().filter(|broker| !target.contains(broker)).collect();
        if adding.is_empty() && removing.is_empty() {
            partition.replicas = target.to_vec();
            return;
        }
        let replicas: Vec<_> = target.iter().chain(&removing).copied().collect();
        partition.replicas.clone_from(&replicas);
        for broker in &adding {
            partition.on_disk.entry(*broker).or_default().size_bytes = Some(Bytes(0));
        }
        self.seen.reassignments.insert(name.clone(), Reassignment { replicas, adding, removing });
    }

    fn apply(&mut self, command: &Command) {
        fn change<T: Clone>(field: &mut Option<T>, setting: &Setting<T>) {
            match setting {
                Setting::Keep => {}
                Setting::Clear => *field = None,
                Setting::Set(value) => *field = Some(value.clone()),
            }
        }
        match command {
            Command::ThrottleBroker { broker, leader, follower, log_dirs } => {
                let throttle = &mut self.seen.brokers.get_mut(broker).expect("the broker").throttle;
                change(&mut throttle.leader_bytes_per_s, leader);
                change(&mut throttle.follower_bytes_per_s, follower);
                change(&mut throttle.log_dirs_bytes_per_s, log_dirs);
            }
            Command::ThrottleTopic { topic, leader, follower } => {
                let Some(topic) = self.seen.topics.get_mut(topic) else { return };
                change(&mut topic.throttle.leader, leader);
                change(&mut topic.throttle.follower, follower);
            }
            Command::Reassign(lists) => {
                for (name, target) in lists {
                    self.reassign(name, target);
                }
            }
            Command::CancelReassignments(names) => names.iter().for_each(|name| self.cancel(name)),
            Command::ElectPreferredLeaders(names) => {
                for name in names {
                    let partition = self.partition(name);
                    partition.leader = partition.replicas.first().copied();
                }
            }
            Command::MoveLogDirs { broker, moves } => {
                for (name, path) in moves {
                    let replica = self.replica(name, broker.0);
                    let stays = replica.log_dir.as_ref() == Some(path);
                    replica.future = (!stays).then(|| (path.clone(), Bytes::ZERO));
                }
            }
        }
    }

    /// A broker goes down, and out of every ISR.
    pub(super) fn kill(&mut self, id: i32) {
        let id = BrokerId(id);
        self.seen.brokers.get_mut(&id).expect("the broker").alive = false;
        for topic in self.seen.topics.values_mut() {
            for partition in topic.partitions.iter_mut().filter(|partition| partition.replicas.contains(&id))
            {
                partition.isr.retain(|broker| *broker != id);
                partition.offline.push(id);
                if partition.leader == Some(id) {
                    partition.leader = partition.isr.first().copied();
                }
            }
        }
    }

    /// A broker comes back, and into every ISR.
    pub(super) fn revive(&mut self, id: i32) {
        let id = BrokerId(id);
        self.seen.brokers.get_mut(&id).expect("the broker").alive = true;
        for topic in self.seen.topics.values_mut() {
            for partition in topic.partitions.iter_mut().filter(|partition| partition.offline.contains(&id)) {
                partition.offline.clear();
                partition.isr.push(id);
            }
        }
    }

    pub(super) fn list(&self, partition: &str) -> Vec<BrokerId> {
        self.seen.partition(&name(partition)).expect("the partition").replicas.clone()
    }

    /// Whether no throttle stands anywhere.
    pub(super) fn is_clear(&self) -> bool {
        self.seen.brokers.values().all(|broker| broker.throttle.is_clear())
            && self.seen.topics.values().all(|topic| topic.throttle == TopicThrottle::default())
    }

    /// The ends of the steps, once all is over.
    pub(super) fn end_of(&self, partition: &str) -> StepEnd {
        let outcome = self.execution.outcome().expect("it is over");
        outcome.steps.iter().find(|(step, _)| *step == name(partition)).expect("the step").1.clone()
    }

    pub(super) fn told(&self, text: &str) -> bool {
        self.events.iter().any(|event| event.to_string().contains(text))
    }
}

/// The replica lists that a turn asked for.
pub(super) fn asked(commands: &[Command]) -> BTreeMap<TopicPartition, Vec<BrokerId>> {
    let lists = commands.iter().filter_map(|command| match command {
        Command::Reassign(lists) => Some(lists.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

pub(super) fn cancelled(commands: &[Command]) -> BTreeSet<TopicPartition> {
    let names = commands.iter().filter_map(|command| match command {
        Command::CancelReassignments(names) => Some(names.clone()),
        _ => None,
    });
    names.flatten().collect()
}

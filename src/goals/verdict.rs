//! [`Verdict`]: how far a goal is met by a placement.

use serde::Serialize;

use super::{Counted, Scope, Topics};
use crate::base::TopicName;
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, RackOrd, Resource, Sums, TopicOrd};

/// A placement to be judged: where everything stands, and the brokers that count.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The cluster.
    pub model: &'a ClusterModel,
    /// Where everything stands.
    pub assignment: &'a Assignment,
    /// The loads of `assignment`.
    pub sums: &'a Sums,
    /// By broker: whether it is alive and not on its way out. Goals are about these brokers.
    pub counts: &'a [bool],
    /// Bytes of the replicas in each log directory of each broker, where moves between directories belong to the
    /// placement; `None` where each replica that stays on its broker stays in its directory.
    pub dir_loads: Option<&'a [Vec<f64>]>,
}

/// How many places a verdict names at most: more would hide the worst.
const NAMED_MAX: usize = 10;

/// How far a goal is met.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Verdict {
    /// Met.
    Met,
    /// Not met; the worst places first, at most a few.
    Violated {
        /// How many places violate it: brokers, hosts, racks, partitions or topics, as the rule has it.
        count: usize,
        /// Some of them, worst first.
        worst: Vec<Violation>,
    },
    /// It cannot be judged, because something it needs is not known.
    NotReady {
        /// What is missing, for a person.
        missing: String,
        /// The same for programs. Not in files, which go by what they were before it was.
        #[serde(skip)]
        lacks: Missing,
    },
}

/// What a goal that cannot be judged lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nothing that is known by kind.
    #[default]
    Unknown,
    /// How much of it partitions use.
    Load(Resource),
    /// How much of it brokers have.
    Capacity(Resource),
}

/// One place where a goal is not met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The broker, host, rack, partition or topic.
    pub subject: String,
    /// What is wrong there, with numbers.
    pub text: String,
}

/// What tells loads.
const METRICS: &str = "name the brokers' metrics endpoints (`[metrics]`, `--metrics-url`)";

impl Missing {
    /// What helps, in words: to say a capacity that nobody has set, or to let loads be measured.
    pub fn mend(self) -> String {
        let set = |setting: &str| format!("say it under `[capacity]` in the settings: `{setting}`");
        match self {
            Self::Unknown => "look at the cluster again".to_owned(),
            Self::Load(Resource::Disk) => {
                "let the brokers tell the sizes of their replicas (`Describe` on the cluster)".to_owned()
            }
            Self::Load(Resource::NetworkIn | Resource::LeaderBytesIn) => {
                format!("{METRICS}, or let logs be watched (`--load-window`)")
            }
            Self::Load(Resource::NetworkOut | Resource::PotentialNetworkOut) => {
                format!("{METRICS}, or let logs and groups be watched (`--load-window`)")
            }
            Self::Load(_) => METRICS.to_owned(),
            Self::Capacity(Resource::Disk) => set("disk = \"4TB\""),
            Self::Capacity(Resource::NetworkIn | Resource::LeaderBytesIn) => set("network-in = \"1.2GB/s\""),
            Self::Capacity(Resource::NetworkOut | Resource::PotentialNetworkOut) => {
                set("network-out = \"1.2GB/s\"")
            }
            // How many replicas a broker may hold goes by its cores.
            Self::Capacity(Resource::Cpu | Resource::Replicas | Resource::Leaders) => set("cpu-cores = 8"),
        }
    }
}

impl Verdict {
    /// Met when nothing is found; otherwise the findings, each with how bad it is, worst first. Only those that are
    /// named are put into words: there may be a million.
    pub(super) fn worst_of<P>(mut found: Vec<(f64, P)>, say: impl Fn(P) -> Violation) -> Self {
        if found.is_empty() {
            return Self::Met;
        }
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let count = found.len();
        let worst = found.into_iter().take(NAMED_MAX).map(|(_, place)| say(place)).collect();
        Self::Violated { count, worst }
    }

    /// Whether the goal is met; `None` when it could not be judged.
    pub fn is_met(&self) -> Option<bool> {
        match self {
            Self::Met => Some(true),
            Self::Violated { .. } => Some(false),
            Self::NotReady { .. } => None,
        }
    }

    /// The verdict in a few words: `met`, or the count and the worst place.
    pub fn in_words(&self) -> String {
        match self {
            Self::Met => "met".to_owned(),
            Self::NotReady { missing, .. } => format!("cannot be judged: {missing}"),
            Self::Violated { count, worst } => match worst.first() {
                Some(first) => format!("{count} over; worst: {} {}", first.subject, first.text),
                None => format!("{count} over"),
            },
        }
    }
}

impl<'a> Standing<'a> {
    /// The brokers that count.
    pub fn brokers(self) -> impl Iterator<Item = BrokerOrd> + use<'a> {
        let Self { model, counts, .. } = self;
        model.broker_ords().filter(|broker| counts[broker.index()])
    }

    /// The racks of the brokers that count.
    pub(super) fn racks(self) -> impl Iterator<Item = RackOrd> + use<'a> {
        let per_rack = self.model.brokers_per_rack(|broker| self.counts[broker.index()]);
        per_rack
            .into_iter()
            .enumerate()
            .filter(|(_, brokers)| *brokers > 0)
            .map(|(rack, _)| RackOrd::from(rack))
    }

    /// Why a goal on this resource cannot be judged: loads that were not seen.
    pub(super) fn load_missing(self, resource: Resource) -> Option<Verdict> {
        if self.model.known[resource.index()] {
            return None;
        }
        let name = resource.name();
        let missing = format!("the {name} load of some partitions is not known");
        Some(Verdict::NotReady { missing, lacks: Missing::Load(resource) })
    }

    /// Calls `each` with what the brokers hold or lead of every topic that is meant.
    pub(super) fn count_by_topic(
        self,
        topics: &Topics,
        counted: Counted,
        mut each: impl FnMut(TopicOrd, &OfTopic),
    ) {
        let mut of = OfTopic { held: vec![0; self.model.brokers.len()], most: 0, counting: 0 };
        for topic in topics.of(self.model) {
            of.held.fill(0);
            (of.most, of.counting) = (0, 0);
            for partition in self.model.partitions_of(topic) {
                match counted {
                    Counted::Replicas => {
                        self.assignment.replicas(partition).iter().for_each(|broker| of.add(self, *broker));
                    }
                    Counted::Leaders => {
                        self.assignment.leader(partition).into_iter().for_each(|leader| of.add(self, leader));
                    }
                }
            }
            each(topic, &of);
        }
    }

    /// Whether a replica can serve: its broker is alive and its log directory online.
    pub(super) fn is_live(self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.model.brokers[broker.index()].alive
            && !self.model.offline.get(&partition).is_some_and(|offline| offline.contains(&broker))
    }

    /// `broker 7`.
    pub(super) fn broker_name(self, broker: BrokerOrd) -> String {
        format!("broker {}", self.model.brokers[broker.index()].id)
    }

    /// The name of a topic.
    pub(super) fn topic_name(self, topic: TopicOrd) -> &'a TopicName {
        &self.model.topics[topic.index()].name
    }
}

/// What the brokers hold, or lead, of a topic.
pub(super) struct OfTopic {
    /// By broker, whether it counts or not.
    pub held: Vec<u32>,
    /// The most that any of them has: nearly all topics are level, and then no broker need be looked at.
    pub most: u32,
    /// How many those that count have together.
    pub counting: u32,
}

impl OfTopic {
    fn add(&mut self, standing: Standing, broker: BrokerOrd) {
        let held = &mut self.held[broker.index()];
        *held += 1;
        self.most = self.most.max(*held);
        self.counting += u32::from(standing.counts[broker.index()]);
    }
}

/// A share in percent, such as `9` or `12.5`.
pub(super) fn percent(share: f64) -> String {
    format!("{}", (share * 1000.0).round() / 10.0)
}

/// What a limit or a band is about, by number: brokers, hosts or racks.
pub(super) struct Places {
    scope: Scope,
    of: Vec<usize>,
    len: usize,
}

impl Places {
    pub fn new(model: &ClusterModel, scope: Scope) -> Self {
        let place = |broker: BrokerOrd| match scope {
            Scope::Broker | Scope::LogDir => broker.index(),
            Scope::Host => model.host_of(broker).index(),
            Scope::Rack => model.rack_of(broker).index(),
        };
        let len = match scope {
            Scope::Broker | Scope::LogDir => model.brokers.len(),
            Scope::Host => model.hosts.len(),
            Scope::Rack => model.racks.len(),
        };
        Self { scope, of: model.broker_ords().map(place).collect(), len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The place of a broker.
    pub fn of(&self, broker: BrokerOrd) -> usize {
        self.of[broker.index()]
    }

    /// Sums of what the counting brokers of each place carry.
    pub fn sums(&self, standing: Standing, load: impl Fn(BrokerOrd) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.len];
        for broker in standing.brokers() {
            sums[self.of(broker)] += load(broker);
        }
        sums
    }

    /// `broker 7`, `host kafka-7.example` or `rack az-a`.
    pub fn name(&self, model: &ClusterModel, place: usize) -> String {
        match self.scope {
            Scope::Broker | Scope::LogDir => format!("broker {}", model.brokers[place].id),
            Scope::Host => format!("host {}", model.hosts[place]),
            Scope::Rack => format!("rack {}", model.racks[place]),
        }
    }
}

//! Loads: what brokers' metrics tell, and how it is shared out over the partitions.
//!
//! Kafka measures traffic per topic and broker, and processor time per broker; a placement needs both per partition.
//! What is shared out adds up to what was measured. Where it cannot, a [`Gap`] says how much is left over.

use std::collections::BTreeMap;

use super::cpu::share_cpu;
use super::follower_reads;
use super::{Basis, BrokerLatency, BrokerTraffic, Gap, GapKind, LoadBasis, Observation, Signals};
use crate::base::{BrokerId, BytesPerS, Cores, Millis, TopicName};

/// The load of one partition, as far as known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PartitionLoad {
    /// What producers write to it.
    pub produce_bytes_per_s: Option<BytesPerS>,
    /// What consumers read from its leader (what followers fetch is not counted).
    pub consume_bytes_per_s: Option<BytesPerS>,
    /// What consumers read from each of its followers, in the mean; absent where brokers do not let them, or do not tell.
    pub follower_consume_bytes_per_s: Option<BytesPerS>,
    /// Processor time of its leader.
    pub leader_cpu_cores: Option<Cores>,
    /// Processor time of each of its followers.
    pub follower_cpu_cores: Option<Cores>,
    /// What these rest on.
    pub basis: LoadBasis,
}

/// What was told of one broker, by its own metrics endpoint or by another source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerMetrics {
    /// Bytes that clients write, per topic. A topic without traffic is absent: that means zero.
    pub topic_bytes_in_per_s: BTreeMap<TopicName, BytesPerS>,
    /// Bytes that clients read, per topic.
    pub topic_bytes_out_per_s: BTreeMap<TopicName, BytesPerS>,
    /// Bytes that clients write, all topics.
    pub bytes_in_per_s: Option<BytesPerS>,
    /// Bytes that clients read, all topics.
    pub bytes_out_per_s: Option<BytesPerS>,
    /// Bytes received from other brokers.
    pub replication_in_per_s: Option<BytesPerS>,
    /// Bytes sent to other brokers.
    pub replication_out_per_s: Option<BytesPerS>,
    /// Of these received, what makes new replicas.
    pub reassignment_in_per_s: Option<BytesPerS>,
    /// Of these sent, what makes new replicas.
    pub reassignment_out_per_s: Option<BytesPerS>,
    /// How long produce requests take, with the wait for followers.
    pub produce_p99_ms: Option<Millis>,
    /// How long consumers' fetches take, without the wait for something to fetch.
    pub fetch_p99_ms: Option<Millis>,
    /// Cores that the broker keeps busy.
    pub cpu_cores_used: Option<Cores>,
    /// Cores that it has.
    pub cpu_cores: Option<Cores>,
    /// What the network devices of its machine carry in each direction, by name; those that say so.
    pub links: BTreeMap<String, BytesPerS>,
    /// Share of time in which the request handler threads are idle, 0 to 1.
    pub request_handler_idle_ratio: Option<f64>,
}

impl PartitionLoad {
    /// What each follower sends to consumers for each byte that the leader does, where the leader sends something.
    pub(super) fn follower_share(&self) -> Option<f64> {
        let leader = self.consume_bytes_per_s?.get();
        (leader > 0.0).then_some(self.follower_consume_bytes_per_s?.get() / leader)
    }
}

impl BrokerMetrics {
    /// Whether the endpoint told of bytes in. Kafka always shows the sum over all topics, also when it is zero.
    pub fn knows_bytes_in(&self) -> bool {
        self.bytes_in_per_s.is_some() || !self.topic_bytes_in_per_s.is_empty()
    }

    /// Whether bytes in and bytes out are known.
    pub fn knows_traffic(&self) -> bool {
        self.knows_bytes_in() && self.knows_bytes_out()
    }

    /// Whether there is nothing left that another source could tell.
    pub fn is_complete(&self) -> bool {
        let amounts = [
            self.replication_in_per_s,
            self.replication_out_per_s,
            self.reassignment_in_per_s,
            self.reassignment_out_per_s,
        ];
        self.knows_traffic()
            && amounts.iter().all(Option::is_some)
            && self.produce_p99_ms.is_some()
            && self.fetch_p99_ms.is_some()
            && self.cpu_cores_used.is_some()
            && self.cpu_cores.is_some()
            && self.request_handler_idle_ratio.is_some()
    }

    /// Takes from another source what this one does not tell. Traffic of topics goes with the sum over all topics of the same
    /// source: what two sources measured at two moments would not add up.
    pub fn fill_from(&mut self, other: Self) {
        if !self.knows_bytes_in() {
            self.topic_bytes_in_per_s = other.topic_bytes_in_per_s;
            self.bytes_in_per_s = other.bytes_in_per_s;
        }
        if !self.knows_bytes_out() {
            self.topic_bytes_out_per_s = other.topic_bytes_out_per_s;
            self.bytes_out_per_s = other.bytes_out_per_s;
        }
        // What makes new replicas is a part of what is replicated, so that both come from one source, too.
        if self.replication_in_per_s.is_none() || self.reassignment_in_per_s.is_none() {
            self.replication_in_per_s = other.replication_in_per_s.or(self.replication_in_per_s);
            self.reassignment_in_per_s = other.reassignment_in_per_s.or(self.reassignment_in_per_s);
        }
        if self.replication_out_per_s.is_none() || self.reassignment_out_per_s.is_none() {
            self.replication_out_per_s = other.replication_out_per_s.or(self.replication_out_per_s);
            self.reassignment_out_per_s = other.reassignment_out_per_s.or(self.reassignment_out_per_s);
        }
        self.produce_p99_ms = self.produce_p99_ms.or(other.produce_p99_ms);
        self.fetch_p99_ms = self.fetch_p99_ms.or(other.fetch_p99_ms);
        self.cpu_cores_used = self.cpu_cores_used.or(other.cpu_cores_used);
        self.cpu_cores = self.cpu_cores.or(other.cpu_cores);
        if self.links.is_empty() {
            self.links = other.links;
        }
        self.request_handler_idle_ratio =
            self.request_handler_idle_ratio.or(other.request_handler_idle_ratio);
    }

    /// What it tells of the present: what flows besides copies, and how long clients wait.
    pub fn signals(&self) -> Signals {
        let in_sync = |all: Option<BytesPerS>, made: Option<BytesPerS>| {
            all.zip(made).map(|(all, made)| rate_of(all.get() - made.get()))
        };
        Signals {
            traffic: BrokerTraffic {
                clients_in_bytes_per_s: self.bytes_in_per_s,
                clients_out_bytes_per_s: self.bytes_out_per_s,
                replicas_in_bytes_per_s: in_sync(self.replication_in_per_s, self.reassignment_in_per_s),
                replicas_out_bytes_per_s: in_sync(self.replication_out_per_s, self.reassignment_out_per_s),
            },
            latency: BrokerLatency {
                produce_p99_ms: self.produce_p99_ms,
                fetch_p99_ms: self.fetch_p99_ms,
                canary_p99_ms: None,
            },
        }
    }

    fn knows_bytes_out(&self) -> bool {
        self.bytes_out_per_s.is_some() || !self.topic_bytes_out_per_s.is_empty()
    }
}

/// A difference below both of these is the noise of two averages that were read one after the other: 5 % of the
/// broker's traffic, 10 kB/s.
const NOISE_RATIO: f64 = 0.05;
const NOISE_BYTES_PER_S: f64 = 10_000.0;

/// Shares brokers' measured traffic and processor time out over the partitions they hold, in place.
///
/// A topic's bytes in and out on a broker go to the partitions of the topic that the broker leads, in proportion to what
/// was seen to be written to each (then the observation has that already, from [`super::WriteMeter`]), and else by size: what
/// was written at one rate and kept for one time is as large as it was fast. Of what goes out, the part that groups were seen
/// to read (from [`super::ReadMeter`]) goes to where they read it, and the rest, of those that commit nothing, as
/// above. What consumers read from followers is told apart first, where brokers let them (`follower_reads.rs`). Processor time is shared as `cpu.rs` says. Brokers without metrics leave the loads of their partitions unknown, with a [`Gap`] for each broker, unless
/// the observation has such a gap already.
pub fn attribute(observation: &mut Observation, metrics: &BTreeMap<BrokerId, BrokerMetrics>) {
    let holdings = Holdings::of(observation);
    let watched = Watched::of(observation);
    for (broker, seen) in &mut observation.brokers {
        let Some(told) = metrics.get(broker) else { continue };
        seen.capacity.cpu_cores = seen.capacity.cpu_cores.or(told.cpu_cores);
        seen.links.clone_from(&told.links);
    }
    let from_leaders = follower_reads::take_out(observation, metrics, &watched);
    let from_leaders = from_leaders.as_ref().unwrap_or(metrics);
    let brokers: Vec<BrokerId> = observation.brokers.keys().copied().collect();
    for broker in brokers {
        let told = from_leaders.get(&broker);
        let leads = holdings.leads.get(&broker);
        for direction in [Direction::In, Direction::Out] {
            match told.filter(|told| direction.is_known(told)) {
                Some(told) => {
                    share_traffic(observation, &watched, (broker, direction), told, leads);
                }
                None => {
                    gap_unless_known(observation, broker, GapKind::NetworkLoad, "no metrics of its traffic");
                }
            }
        }
    }
    share_cpu(observation, metrics, &holdings);
    for stranger in metrics.keys().filter(|broker| !observation.brokers.contains_key(broker)) {
        let reason = "its metrics are left out, since it is not in the cluster";
        observation.gaps.push(Gap::of_broker(*stranger, GapKind::NetworkLoad, reason));
    }
}

/// Where a partition stands in an observation: its topic, and its position there.
pub(super) type Spot = (TopicName, usize);

/// What each broker leads and follows.
#[derive(Default)]
pub(super) struct Holdings {
    pub leads: BTreeMap<BrokerId, BTreeMap<TopicName, Vec<usize>>>,
    pub follows: BTreeMap<BrokerId, Vec<Spot>>,
}

impl Holdings {
    pub fn of(observation: &Observation) -> Self {
        let mut holdings = Self::default();
        for (name, topic) in &observation.topics {
            for (position, partition) in topic.partitions.iter().enumerate() {
                for broker in &partition.replicas {
                    if partition.leader == Some(*broker) {
                        let topics = holdings.leads.entry(*broker).or_default();
                        topics.entry(name.clone()).or_default().push(position);
                    } else {
                        holdings.follows.entry(*broker).or_default().push((name.clone(), position));
                    }
                }
            }
        }
        holdings
    }
}

/// What was seen to be written to and read of each partition before metrics were shared out.
pub(super) struct Watched {
    written: Rates,
    read: Rates,
}

/// Rates by topic and position, of topics of which they are known for each partition.
struct Rates(BTreeMap<TopicName, Vec<f64>>);

impl Watched {
    fn of(observation: &Observation) -> Self {
        Self {
            written: Rates::of(observation, |load| load.produce_bytes_per_s),
            read: Rates::of(observation, |load| load.consume_bytes_per_s),
        }
    }

    /// What was seen to be read of each partition of a topic, or else to be written to it.
    pub fn of_topic(&self, topic: &TopicName) -> Option<Vec<f64>> {
        let some =
            |rates: &Rates| rates.0.get(topic).filter(|rates| rates.iter().any(|rate| *rate > 0.0)).cloned();
        some(&self.read).or_else(|| some(&self.written))
    }

    /// By what `total` is shared out over these, which have these sizes, and what that rests on.
    fn weights(
        &self,
        direction: Direction,
        total: f64,
        spots: &[Spot],
        sizes: impl FnOnce() -> Vec<f64>,
    ) -> (Vec<f64>, Basis) {
        let (others, basis) = match self.written.at(spots) {
            Some(rates) => (rates, Basis::SharedByLogs),
            None => match sizes() {
                sizes if sizes.iter().any(|size| *size > 0.0) => (sizes, Basis::SharedBySize),
                sizes => (sizes, Basis::SharedAlike),
            },
        };
        let Some(read) = self.read.at(spots).filter(|_| matches!(direction, Direction::Out)) else {
            return (others, basis);
        };
        let unseen = (total - read.iter().sum::<f64>()).max(0.0);
        let rest = shares(unseen, &others);
        (read.iter().zip(rest).map(|(read, rest)| read + rest).collect(), Basis::SharedByCommits)
    }
}

impl Rates {
    fn of(observation: &Observation, rate: impl Fn(&PartitionLoad) -> Option<BytesPerS>) -> Self {
        let rates = |topic: &super::SeenTopic| -> Option<Vec<f64>> {
            topic.partitions.iter().map(|partition| rate(&partition.load).map(BytesPerS::get)).collect()
        };
        let known = |(name, topic)| Some((TopicName::clone(name), rates(topic)?));
        Self(observation.topics.iter().filter_map(known).collect())
    }

    /// That of each of these; nothing unless it is known of all, and some is above zero.
    fn at(&self, spots: &[Spot]) -> Option<Vec<f64>> {
        let rate = |(name, position): &Spot| self.0.get(name)?.get(*position).copied();
        let rates: Vec<f64> = spots.iter().map(rate).collect::<Option<_>>()?;
        rates.iter().any(|rate| *rate > 0.0).then_some(rates)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::In => "bytes in",
            Self::Out => "bytes out",
        }
    }

    fn is_known(self, told: &BrokerMetrics) -> bool {
        match self {
            Self::In => told.knows_bytes_in(),
            Self::Out => told.knows_bytes_out(),
        }
    }

    fn topics(self, told: &BrokerMetrics) -> &BTreeMap<TopicName, BytesPerS> {
        match self {
            Self::In => &told.topic_bytes_in_per_s,
            Self::Out => &told.topic_bytes_out_per_s,
        }
    }

    fn total(self, told: &BrokerMetrics) -> Option<BytesPerS> {
        match self {
            Self::In => told.bytes_in_per_s,
            Self::Out => told.bytes_out_per_s,
        }
    }

    fn set(self, load: &mut PartitionLoad, rate: BytesPerS, basis: Basis) {
        match self {
            Self::In => (load.produce_bytes_per_s, load.basis.produce) = (Some(rate), Some(basis)),
            Self::Out => (load.consume_bytes_per_s, load.basis.consume) = (Some(rate), Some(basis)),
        }
    }
}

fn share_traffic(
    observation: &mut Observation,
    watched: &Watched,
    (broker, direction): (BrokerId, Direction),
    told: &BrokerMetrics,
    leads: Option<&BTreeMap<TopicName, Vec<usize>>>,
) {
    let none = BTreeMap::new();
    let leads = leads.unwrap_or(&none);
    let topics = direction.topics(told);
    let total = direction.total(told).unwrap_or_default().get();
    let sum: f64 = topics.values().map(|rate| rate.get()).sum();
    if topics.is_empty() && total > 0.0 {
        share_total(observation, watched, (broker, direction), total, leads);
        return;
    }
    // Partitions whose topic is not told have no traffic: Kafka shows a topic only once there was some.
    for (name, positions) in leads {
        give(
            observation,
            watched,
            (broker, direction),
            (0.0, Tells::OneTopic),
            positions.iter().map(|position| (name.clone(), *position)),
        );
    }
    let mut left_over = Vec::new();
    for (name, rate) in topics {
        match led_topic(leads, name) {
            Some((name, positions)) => {
                let spots = positions.iter().map(|position| (name.clone(), *position));
                give(observation, watched, (broker, direction), (rate.get(), Tells::OneTopic), spots);
            }
            None if rate.get() > 0.0 => left_over.push((name, *rate)),
            None => {}
        }
    }
    if let Some((first, _)) = left_over.first() {
        let amount: BytesPerS = left_over.iter().map(|(_, rate)| *rate).sum();
        let others =
            if left_over.len() > 1 { format!(" and {} more", left_over.len() - 1) } else { String::new() };
        let reason = format!(
            "{amount} of {} belong to topics that it leads no partition of ({first}{others}): leaders that moved, \
             consumers that read from followers, or topics that the client may not describe",
            direction.name()
        );
        push_gap(observation, broker, GapKind::NetworkLoad, reason);
    }
    let off = (total - sum).abs();
    if direction.total(told).is_some() && off > NOISE_BYTES_PER_S && off > NOISE_RATIO * total {
        let (total, sum) = (rate_of(total), rate_of(sum));
        let reason = format!("its topics' {} add up to {sum}, its own count says {total}", direction.name());
        push_gap(observation, broker, GapKind::NetworkLoad, reason);
    }
}

/// The partitions of a measured topic that the broker leads. Some exporters write dots as underscores; Kafka itself
/// keeps two topics from differing in that alone.
fn led_topic<'a>(
    leads: &'a BTreeMap<TopicName, Vec<usize>>,
    name: &TopicName,
) -> Option<(&'a TopicName, &'a Vec<usize>)> {
    leads
        .get_key_value(name)
        .or_else(|| leads.iter().find(|(led, _)| led.as_str().replace('.', "_") == name.as_str()))
}

/// Where only the sum over all topics is told, it goes to all partitions that the broker leads.
fn share_total(
    observation: &mut Observation,
    watched: &Watched,
    (broker, direction): (BrokerId, Direction),
    total: f64,
    leads: &BTreeMap<TopicName, Vec<usize>>,
) {
    let spots: Vec<Spot> = leads
        .iter()
        .flat_map(|(name, positions)| positions.iter().map(move |position| (name.clone(), *position)))
        .collect();
    let what = direction.name();
    let reason = if spots.is_empty() {
        format!("{} of {what} are left over: it leads no partition", rate_of(total))
    } else {
        let is_read = matches!(direction, Direction::Out) && watched.read.at(&spots).is_some();
        let by = match (is_read, watched.written.at(&spots).is_some()) {
            (true, _) => "what was seen to be read",
            (false, true) => "what was seen to be written",
            (false, false) => "size alone",
        };
        format!("the metrics tell no {what} by topic: {} are shared out by {by}", rate_of(total))
    };
    push_gap(observation, broker, GapKind::NetworkLoad, reason);
    give(observation, watched, (broker, direction), (total, Tells::AllTopics), spots.into_iter());
}

/// What an amount is the sum of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tells {
    OneTopic,
    AllTopics,
}

fn give(
    observation: &mut Observation,
    watched: &Watched,
    (broker, direction): (BrokerId, Direction),
    (total, tells): (f64, Tells),
    spots: impl Iterator<Item = Spot>,
) {
    let spots: Vec<Spot> = spots.collect();
    let sizes = || -> Vec<f64> {
        let partitions = spots.iter().map(|(name, position)| &observation.topics[name].partitions[*position]);
        let size = |partition: &super::Partition| {
            partition.size_on(broker).or_else(|| partition.full_size_bytes()).unwrap_or_default().as_f64()
        };
        partitions.map(size).collect()
    };
    let (weights, basis) = watched.weights(direction, total, &spots, sizes);
    // Nothing was shared out where there is but one, or nothing to share.
    let is_measured = tells == Tells::OneTopic && (spots.len() == 1 || total <= 0.0);
    let basis = if is_measured { Basis::Measured } else { basis };
    for ((name, position), part) in spots.iter().zip(shares(total, &weights)) {
        let topic = observation.topics.get_mut(name).expect("holdings name what the observation holds");
        direction.set(&mut topic.partitions[*position].load, rate_of(part), basis);
    }
}

/// Splits `total` in proportion to `weights`; in equal parts where no weight is above zero.
pub(super) fn shares(total: f64, weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a broker leads fewer than 2^52 partitions")]
    let count = weights.len() as f64;
    let part = |weight: &f64| if sum > 0.0 { total * (weight / sum) } else { total / count };
    weights.iter().map(part).collect()
}

/// A checked rate; amounts here are sums and shares of checked ones.
pub(super) fn rate_of(bytes_per_s: f64) -> BytesPerS {
    BytesPerS::new(bytes_per_s.clamp(0.0, f64::MAX)).unwrap_or_default()
}

pub(super) fn push_gap(observation: &mut Observation, broker: BrokerId, kind: GapKind, reason: String) {
    observation.gaps.push(Gap::of_broker(broker, kind, reason));
}

/// Adds a gap for a live broker, unless whoever looked has given a reason already.
pub(super) fn gap_unless_known(observation: &mut Observation, broker: BrokerId, kind: GapKind, reason: &str) {
    let subject = format!("broker {broker}");
    let alive = observation.brokers.get(&broker).is_some_and(|seen| seen.alive);
    if alive && !observation.gaps.iter().any(|gap| gap.kind == kind && gap.subject == subject) {
        push_gap(observation, broker, kind, reason.to_owned());
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

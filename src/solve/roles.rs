//! [`Roles`]: which part each broker plays in a request, and whether the request can be carried out at all.

use std::collections::BTreeMap;

use super::log_dirs::find_log_dirs;
use super::{Operation, Request, SolveError};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::config::nearest;
use crate::goals::{GoalSet, Limit, Tier, TopicPattern};
use crate::model::promises::{best_rack_spread, evenest_counts, rack_spread};
use crate::model::{BrokerOrd, ClusterModel, PartitionOrd, RackOrd, Resource};

/// The part that each broker plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roles {
    /// Alive and to stay: goals are about these, and only these take replicas.
    pub counts: Vec<bool>,
    /// To be emptied, alive or not.
    pub leaving: Vec<bool>,
    /// To be filled.
    pub fresh: Vec<bool>,
    /// May get replicas.
    pub receives: Vec<bool>,
    /// May become the leader of what they do not lead.
    pub may_lead: Vec<bool>,
    /// To lead nothing.
    pub demoted: Vec<bool>,
    /// Log directories whose replicas are to lead nothing, as broker and position.
    pub demoted_dirs: Vec<(BrokerOrd, usize)>,
}

impl Roles {
    /// Reads the request against the cluster.
    pub fn new(model: &ClusterModel, goals: &GoalSet, request: &Request) -> Result<Self, SolveError> {
        let factors = match &request.operation {
            Operation::SetReplicationFactor(rows) => rows.as_slice(),
            _ => &[],
        };
        let named = request.excluded_topics.iter().chain(&request.only_topics);
        for topic in named.chain(factors.iter().map(|(topic, _)| topic)) {
            check_topic(model, topic)?;
        }
        let mut roles = Self {
            counts: model.brokers.iter().map(|broker| broker.alive).collect(),
            leaving: vec![false; model.brokers.len()],
            fresh: vec![false; model.brokers.len()],
            receives: Vec::new(),
            may_lead: Vec::new(),
            demoted: vec![false; model.brokers.len()],
            demoted_dirs: Vec::new(),
        };
        match &request.operation {
            Operation::Rebalance | Operation::FixOffline | Operation::PreferredLeaders => {}
            Operation::RemoveLogDirs(named) => drop(find_log_dirs(model, named)?),
            Operation::SetReplicationFactor(rows) => {
                for (topics, factor) in rows {
                    roles.check_factor(model, topics, usize::from(*factor))?;
                }
            }
            Operation::Demote { brokers, log_dirs } => {
                if brokers.is_empty() && log_dirs.is_empty() {
                    return Err(SolveError::NoBrokerNamed { verb: "demote" });
                }
                for ord in find_all(model, brokers)? {
                    roles.demoted[ord.index()] = true;
                }
                roles.demoted_dirs = find_log_dirs(model, log_dirs)?;
            }
            Operation::AddBrokers(named) => {
                for ord in find(model, named, "add")? {
                    if !model.brokers[ord.index()].alive {
                        return Err(SolveError::DeadBroker(model.brokers[ord.index()].id));
                    }
                    roles.fresh[ord.index()] = true;
                }
            }
            Operation::RemoveBrokers(named) => {
                for ord in find(model, named, "remove")? {
                    roles.leaving[ord.index()] = true;
                    roles.counts[ord.index()] = false;
                }
                roles.check_spread(model)?;
                roles.check_disk(model, goals)?;
            }
        }
        roles.restrict(model, request)?;
        Ok(roles)
    }

    /// Whether the replica of a partition on a broker is to lead nothing.
    pub fn is_demoted(&self, model: &ClusterModel, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        let in_dir = |(of, dir): &(BrokerOrd, usize)| {
            *of == broker && model.log_dir_of(partition, broker) == Some(*dir)
        };
        self.demoted[broker.index()] || self.demoted_dirs.iter().any(in_dir)
    }

    /// Whether anything is to lead nothing.
    pub fn demotes(&self) -> bool {
        self.demoted.contains(&true) || !self.demoted_dirs.is_empty()
    }

    /// Who may receive and lead, after what the request rules out.
    fn restrict(&mut self, model: &ClusterModel, request: &Request) -> Result<(), SolveError> {
        let named = |ids: &[BrokerId]| -> Result<Vec<bool>, SolveError> {
            let mut named = vec![false; model.brokers.len()];
            find_all(model, ids)?.into_iter().for_each(|ord| named[ord.index()] = true);
            Ok(named)
        };
        let (only, not) = (named(&request.only_onto)?, named(&request.not_onto)?);
        let no_leaders = named(&request.no_leaders_on)?;
        let all = request.only_onto.is_empty();
        self.receives =
            (0..self.counts.len()).map(|at| self.counts[at] && (all || only[at]) && !not[at]).collect();
        self.may_lead = (0..self.counts.len())
            .map(|at| self.counts[at] && !no_leaders[at] && !self.demoted[at])
            .collect();
        if self.receives.contains(&true) {
            return Ok(());
        }
        Err(SolveError::NoReceivers)
    }

    fn check_factor(
        &self,
        model: &ClusterModel,
        topics: &TopicPattern,
        factor: usize,
    ) -> Result<(), SolveError> {
        if factor == 0 {
            return Err(SolveError::NoReplicas { topics: topics.to_string() });
        }
        let live = self.counts.iter().filter(|counts| **counts).count();
        if factor > live {
            let topics = topics.to_string();
            return Err(SolveError::FactorTooLarge { topics, replication_factor: factor, live });
        }
        let matching = model.topics.iter().filter(|row| topics.matches(&row.name));
        match matching.max_by_key(|row| row.min_insync_replicas) {
            Some(row) if (row.min_insync_replicas as usize) > factor => Err(SolveError::FactorBelowMinIsr {
                topic: row.name.to_string(),
                replication_factor: factor,
                min_insync_replicas: row.min_insync_replicas,
            }),
            _ => Ok(()),
        }
    }

    /// Brokers that count, by rack.
    pub fn brokers_per_rack(&self, model: &ClusterModel) -> Vec<usize> {
        model.brokers_per_rack(|broker| self.counts[broker.index()])
    }

    /// Whether every partition has to keep one replica on each rack, so that no data can go from rack to rack.
    pub fn racks_are_closed(&self, model: &ClusterModel) -> bool {
        self.are_closed(model, &model.placement)
    }

    /// The same of another placement.
    pub fn are_closed(&self, model: &ClusterModel, placement: &crate::model::Assignment) -> bool {
        let per_rack = self.brokers_per_rack(model);
        let racks = per_rack.iter().filter(|brokers| **brokers > 0).count();
        let rack_of: Vec<RackOrd> = model.brokers.iter().map(|broker| broker.rack).collect();
        let rack_of = |broker: BrokerOrd| rack_of[broker.index()];
        model.partition_ords().all(|partition| {
            let replicas = placement.replicas(partition);
            // What stands on a rack of which no broker stays has to cross over to another.
            let stays = |broker: &BrokerOrd| per_rack[rack_of(*broker).index()] > 0;
            let is_new = |at: usize| {
                let rack = rack_of(replicas[at]);
                replicas[..at].iter().all(|other| rack_of(*other) != rack)
            };
            replicas.len() == racks && replicas.iter().all(stays) && (1..racks).all(is_new)
        })
    }

    fn check_spread(&self, model: &ClusterModel) -> Result<(), SolveError> {
        let per_rack = self.brokers_per_rack(model);
        let left: usize = per_rack.iter().sum();
        let mut best = BTreeMap::new();
        for partition in model.partition_ords() {
            let replicas = model.placement.replicas(partition);
            let replication_factor = replicas.len();
            if replication_factor > left {
                let missing = replication_factor - left;
                let partition = model.name(partition);
                return Err(SolveError::TooFewBrokers { left, partition, replication_factor, missing });
            }
            let best = best
                .entry(replication_factor)
                .or_insert_with(|| best_rack_spread(replication_factor, &per_rack));
            let alive =
                |broker: BrokerOrd| model.brokers[broker.index()].alive.then(|| model.rack_of(broker));
            if best.is_worse_than(rack_spread(replicas, alive)) {
                return Err(self.spread_error(model, model.name(partition), replication_factor));
            }
        }
        Ok(())
    }

    /// Names the rack whose brokers are missed most: where the evenest spread with all live brokers has more
    /// replicas than brokers are left.
    fn spread_error(
        &self,
        model: &ClusterModel,
        partition: TopicPartition,
        replication_factor: usize,
    ) -> SolveError {
        let now = self.brokers_per_rack(model);
        let before = model.brokers_per_rack(|broker| model.brokers[broker.index()].alive);
        let share = evenest_counts(replication_factor, &before).first().copied().unwrap_or(1);
        let short = |rack: &usize| before[*rack].min(share).saturating_sub(now[*rack]);
        let rack = (0..now.len()).max_by_key(|rack| (short(rack), usize::MAX - rack)).unwrap_or(0);
        SolveError::RackSpread {
            rack: model.racks[rack].clone(),
            left: now[rack],
            partition,
            replication_factor,
            missing: short(&rack).max(1),
        }
    }

    /// Sums of bytes against sums of limits: of each rack where no data can leave one, else of the whole cluster.
    fn check_disk(&self, model: &ClusterModel, goals: &GoalSet) -> Result<(), SolveError> {
        let disk = goals.capacities().find(|(goal, rule)| {
            goal.tier == Tier::Must
                && rule.resource == Resource::Disk
                && matches!(rule.limit, Limit::Share(_))
        });
        let limit_share = match disk.map(|(_, rule)| &rule.limit) {
            Some(Limit::Share(share)) => *share,
            _ => 1.0,
        };
        if !model.known[Resource::Disk.index()] {
            return Ok(());
        }
        let racks: Vec<Option<RackOrd>> = if self.racks_are_closed(model) {
            (0..model.racks.len()).map(|rack| Some(RackOrd::from(rack))).collect()
        } else {
            vec![None]
        };
        for rack in racks {
            let within = |broker: BrokerOrd| rack.is_none_or(|rack| model.rack_of(broker) == rack);
            let Some((used, capacity)) = self.disk_within(model, within) else { continue };
            let missing = used / limit_share - capacity;
            if missing > 1.0 {
                return Err(SolveError::DiskTooSmall {
                    place: rack.map_or_else(
                        || "the cluster".to_owned(),
                        |rack| format!("rack {}", model.racks[rack.index()]),
                    ),
                    percent: whole(100.0 * used / capacity.max(1.0)),
                    limit_percent: whole(100.0 * limit_share),
                    missing: Bytes(whole(missing)),
                });
            }
        }
        Ok(())
    }

    /// Bytes that have to be held and capacity to hold them, of part of the cluster; `None` where it is not known.
    fn disk_within(&self, model: &ClusterModel, within: impl Fn(BrokerOrd) -> bool) -> Option<(f64, f64)> {
        let mut used = 0.0;
        for partition in model.partition_ords() {
            for broker in model.placement.replicas(partition).iter().filter(|broker| within(**broker)) {
                if self.counts[broker.index()] || self.leaving[broker.index()] {
                    used += model.size_on(partition, *broker);
                }
            }
        }
        let mut capacity = 0.0;
        for broker in model.broker_ords().filter(|broker| within(*broker) && self.counts[broker.index()]) {
            let row = &model.brokers[broker.index()];
            capacity += row.capacity[Resource::Disk.index()]?;
            used += row.other_disk_bytes;
        }
        Some((used, capacity))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, for messages")]
fn whole(amount: f64) -> u64 {
    amount.round() as u64
}

fn find(model: &ClusterModel, named: &[BrokerId], verb: &'static str) -> Result<Vec<BrokerOrd>, SolveError> {
    if named.is_empty() {
        return Err(SolveError::NoBrokerNamed { verb });
    }
    find_all(model, named)
}

fn find_all(model: &ClusterModel, named: &[BrokerId]) -> Result<Vec<BrokerOrd>, SolveError> {
    let find = |id: &BrokerId| {
        model.broker(*id).ok_or_else(|| SolveError::UnknownBroker { broker: *id, known: known(model) })
    };
    named.iter().map(find).collect()
}

/// The ids that exist, runs drawn together: `0 to 29, 40`.
pub(super) fn known(model: &ClusterModel) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for broker in &model.brokers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(broker.id.0) => *last = broker.id.0,
            _ => runs.push((broker.id.0, broker.id.0)),
        }
    }
    let texts: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    texts.join(", ")
}

fn check_topic(model: &ClusterModel, topic: &TopicPattern) -> Result<(), SolveError> {
    if model.topics.iter().any(|row| topic.matches(&row.name)) {
        return Ok(());
    }
    let topic = topic.as_str();
    let hint = nearest(topic, model.topics.iter().map(|row| row.name.as_str()))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Err(SolveError::UnknownTopic { topic: topic.to_owned(), hint })
}

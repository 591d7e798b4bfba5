//! Another replication factor for some topics: replicas are added where they are missed least by others and taken
//! where they are missed most, before anything is levelled.

use super::problem::Problem;
use super::reasons::{Cause, Record};
use super::{Operation, Refusal, RefusalKind, Request};
use crate::model::{Assignment, BrokerOrd, ClusterModel, Health, PartitionOrd, Resource, Sums};

/// The placement to start from: the present one, with the lists of the topics asked for made longer or shorter.
/// `None` where nothing of the kind is asked for.
pub(super) fn resized(problem: &Problem, sums: &Sums) -> Option<(Assignment, Vec<Record>)> {
    let model = problem.model;
    let Operation::SetReplicationFactor(_) = &problem.request.operation else { return None };
    let mut resize = Resize { problem, disk: Vec::new(), replicas: Vec::new(), records: Vec::new() };
    for broker in model.broker_ords() {
        resize.disk.push(sums.get(broker, Resource::Disk));
        resize.replicas.push(sums.get(broker, Resource::Replicas));
    }
    let mut lists = Vec::with_capacity(model.partitions.len());
    for partition in model.partition_ords() {
        let mut list = model.placement.replicas(partition).to_vec();
        let leader = model.placement.leader(partition);
        // A partition in trouble is left alone, like everywhere.
        if let Some(factor) = factor_of(model, problem.request, partition)
            && model.partitions[partition.index()].health == Health::Healthy
        {
            resize.resize(partition, &mut list, leader, factor);
        }
        lists.push((list, leader));
    }
    Some((Assignment::new(lists), resize.records))
}

/// The replication factor that is asked for; `None` where the topic is not meant.
pub(super) fn factor_of(model: &ClusterModel, request: &Request, partition: PartitionOrd) -> Option<usize> {
    let Operation::SetReplicationFactor(rows) = &request.operation else { return None };
    let name = &model.topics[model.partitions[partition.index()].topic.index()].name;
    rows.iter().find(|(topics, _)| topics.matches(name)).map(|(_, factor)| usize::from(*factor))
}

/// Partitions that could not be given the replication factor asked for, though they may be touched.
pub(super) fn not_resized(problem: &Problem, target: &Assignment) -> Option<Refusal> {
    let model = problem.model;
    let lacks = |partition: &PartitionOrd| {
        let factor = factor_of(model, problem.request, *partition);
        factor.is_some_and(|factor| target.replicas(*partition).len() < factor)
            && model.partitions[partition.index()].health == Health::Healthy
    };
    let lacking: Vec<PartitionOrd> = model.partition_ords().filter(lacks).collect();
    let first = lacking.first()?;
    let noun = if lacking.len() == 1 { "partition" } else { "partitions" };
    Some(Refusal {
        kind: RefusalKind::PartitionHeld,
        subject: format!(
            "{} {noun} ({}{})",
            lacking.len(),
            model.name(*first),
            if lacking.len() > 1 { ", ..." } else { "" }
        ),
        reason: "too few brokers may take another replica and have room for it, or the budget is spent"
            .to_owned(),
        mend: "add brokers or disk, let more brokers receive replicas, or allow a larger budget".to_owned(),
    })
}

struct Resize<'p, 'a> {
    problem: &'p Problem<'a>,
    disk: Vec<f64>,
    replicas: Vec<f64>,
    records: Vec<Record>,
}

impl Resize<'_, '_> {
    /// Makes a list as long as is asked, or leaves it as it is where brokers for that are missing: a list of any third
    /// length was not asked for.
    fn resize(
        &mut self,
        partition: PartitionOrd,
        list: &mut Vec<BrokerOrd>,
        leader: Option<BrokerOrd>,
        factor: usize,
    ) {
        let before = (list.clone(), self.disk.clone(), self.replicas.clone(), self.records.len());
        while list.len() < factor && self.grow(partition, list) {}
        while list.len() > factor && self.shrink(partition, list, leader) {}
        if list.len() != factor {
            (*list, self.disk, self.replicas) = (before.0, before.1, before.2);
            self.records.truncate(before.3);
        }
    }

    fn others(&self, list: &[BrokerOrd], broker: BrokerOrd) -> (usize, usize) {
        let model = self.problem.model;
        let in_rack = list.iter().filter(|other| model.rack_of(**other) == model.rack_of(broker)).count();
        let on_host = list.iter().filter(|other| model.host_of(**other) == model.host_of(broker)).count();
        (in_rack, on_host)
    }

    /// How full a broker is: its disk where capacities are known, else its replicas.
    fn fill(&self, broker: BrokerOrd) -> f64 {
        let capacity = self.problem.model.brokers[broker.index()].capacity[Resource::Disk.index()];
        match capacity {
            Some(capacity) if capacity > 0.0 => self.disk[broker.index()] / capacity,
            _ => self.replicas[broker.index()],
        }
    }

    fn grow(&mut self, partition: PartitionOrd, list: &mut Vec<BrokerOrd>) -> bool {
        let size = self.problem.model.partitions[partition.index()].size_bytes;
        let disk = Resource::Disk.index();
        let has_room = |broker: &BrokerOrd| {
            let limits = self.problem.limits.iter().filter(|limit| limit.resource == disk);
            limits.into_iter().all(|limit| self.disk[broker.index()] + size <= limit.most[broker.index()])
        };
        let places = self.problem.model.broker_ords().filter(|broker| {
            !list.contains(broker) && self.problem.may_receive(partition, *broker) && has_room(broker)
        });
        let best = places.min_by(|x, y| {
            (self.others(list, *x).cmp(&self.others(list, *y)))
                .then(self.fill(*x).total_cmp(&self.fill(*y)))
                .then(x.cmp(y))
        });
        let Some(broker) = best else { return false };
        let from = list.first().copied().unwrap_or(broker);
        list.push(broker);
        self.disk[broker.index()] += size;
        self.replicas[broker.index()] += 1.0;
        self.records.push(Record { partition, from, to: broker, cause: Cause::Factor });
        true
    }

    fn shrink(
        &mut self,
        partition: PartitionOrd,
        list: &mut Vec<BrokerOrd>,
        leader: Option<BrokerOrd>,
    ) -> bool {
        let size = self.problem.model.partitions[partition.index()].size_bytes;
        let may_go = (0..list.len()).filter(|at| Some(list[*at]) != leader);
        let worst = may_go.max_by(|x, y| {
            (self.others(list, list[*x]).cmp(&self.others(list, list[*y])))
                .then(self.fill(list[*x]).total_cmp(&self.fill(list[*y])))
                .then(x.cmp(y))
        });
        let Some(at) = worst else { return false };
        let broker = list.remove(at);
        self.disk[broker.index()] -= size;
        self.replicas[broker.index()] -= 1.0;
        self.records.push(Record { partition, from: broker, to: broker, cause: Cause::Factor });
        true
    }
}

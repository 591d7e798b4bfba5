//! Why each partition changes, in words for a person, with numbers.

use super::Change;
use super::delta::Shift;
use super::problem::Problem;
use super::state::State;
use crate::model::{Assignment, BrokerOrd, PartitionOrd, RackOrd, Resource};

/// Why a change was made, as numbers of the moment when it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cause {
    /// The broker leaves.
    Drain,
    /// Rack or host spread is mended.
    Spread,
    /// Its topic belongs elsewhere.
    Placement,
    /// A goal on counts of its topic.
    Topic,
    /// The broker that led is not to lead.
    Demotion,
    /// The first replica of the list is to lead.
    Preferred,
    /// The replication factor changes.
    Factor,
    /// A goal is mended; loads as shares of each broker's mean, or of its limit where there is no mean.
    Goal {
        /// The goal's resource.
        resource: Resource,
        /// Whether the goal is a limit and not a band.
        is_limit: bool,
        /// Where it leaves.
        from_share: f64,
        /// Where it goes.
        to_share: f64,
        /// Whether it is exchanged for another replica.
        is_swap: bool,
    },
    /// With a rack lost a broker would carry more than it may.
    Survive {
        /// What it would carry too much of.
        resource: Resource,
        /// The rack.
        rack: RackOrd,
        /// The broker.
        relieved: BrokerOrd,
    },
    /// Other changes made this one needless or needed.
    Follows,
}

/// A change that was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Record {
    pub partition: PartitionOrd,
    pub from: BrokerOrd,
    pub to: BrokerOrd,
    pub cause: Cause,
}

impl State<'_, '_> {
    /// The goal that a change serves most, with the loads as they are before it.
    pub fn cause(&self, shift: &Shift, is_swap: bool) -> Cause {
        let (from, to) = (shift.a, shift.b);
        let Some((term, relief)) = self.main_term(shift) else { return Cause::Follows };
        if relief <= 0.0 {
            return if self.problem.topic_terms.is_empty() { Cause::Follows } else { Cause::Topic };
        }
        let term = &self.problem.terms[term];
        let share = |broker: BrokerOrd| {
            let (mean, high) = (term.bounds.mean[broker.index()], term.bounds.high[broker.index()]);
            self.sums.row(broker)[term.resource] / if mean > 0.0 { mean } else { high.max(f64::MIN_POSITIVE) }
        };
        Cause::Goal {
            resource: Resource::ALL[term.resource],
            is_limit: term.bounds.mean[to.index()] <= 0.0,
            from_share: share(from),
            to_share: share(to),
            is_swap,
        }
    }
}

/// The partitions that differ between the model's placement and the target, each with its reason.
pub(super) fn changes(problem: &Problem, target: &Assignment, records: &[Record]) -> Vec<Change> {
    // A stable sort: the records of a partition stay in the order in which they were made.
    let mut by_partition: Vec<Record> = records.to_vec();
    by_partition.sort_by_key(|record| record.partition);
    let mut rest = &by_partition[..];
    let model = problem.model;
    let changed = model.partition_ords().filter(|partition| {
        target.replicas(*partition) != model.placement.replicas(*partition)
            || target.leader(*partition) != model.placement.leader(*partition)
    });
    changed
        .map(|partition| {
            let before = rest.iter().take_while(|record| record.partition < partition).count();
            rest = &rest[before..];
            let of_it = rest.iter().take_while(|record| record.partition == partition).count();
            let (records, later) = rest.split_at(of_it);
            rest = later;
            Change { partition, reason: reason(problem, target, partition, records) }
        })
        .collect()
}

/// One sentence for each new replica, or for the new leader when only that changes.
fn reason(problem: &Problem, target: &Assignment, partition: PartitionOrd, records: &[Record]) -> String {
    let model = problem.model;
    let mut sentences = Vec::new();
    for broker in target.replicas(partition) {
        if !model.placement.holds(partition, *broker) {
            let last =
                records.iter().rev().find(|record| record.to == *broker && record.cause != Cause::Follows);
            sentences.push(last.map_or_else(
                || format!("broker {} takes it so that other goals hold", model.brokers[broker.index()].id),
                |record| sentence(problem, record),
            ));
        }
    }
    let leader_stays = target.leader(partition) == model.placement.leader(partition);
    if sentences.is_empty() && leader_stays {
        // Only the order of the list changes: that is who takes over.
        let survives = |record: &&Record| matches!(record.cause, Cause::Survive { .. });
        sentences.extend(records.iter().rev().find(survives).map(|record| sentence(problem, record)));
    }
    if sentences.is_empty() {
        let leads = |record: &&Record| target.leader(partition) == Some(record.to);
        let last = records.iter().rev().find(leads).filter(|record| record.cause != Cause::Follows);
        sentences.push(last.map_or_else(
            || "leadership follows from other moves".to_owned(),
            |record| format!("leadership: {}", sentence(problem, record)),
        ));
    }
    if sentences.len() > 1 { sentences.join("; ") } else { sentences.pop().unwrap_or_default() }
}

fn sentence(problem: &Problem, record: &Record) -> String {
    let model = problem.model;
    let (from, to) = (&model.brokers[record.from.index()], &model.brokers[record.to.index()]);
    let same_rack = if from.rack == to.rack { " in the same rack" } else { "" };
    match record.cause {
        Cause::Drain if from.alive => {
            format!("broker {} is to be emptied; broker {}{same_rack} takes it best", from.id, to.id)
        }
        Cause::Drain => {
            format!("broker {} is down and to be removed; broker {}{same_rack} takes it best", from.id, to.id)
        }
        Cause::Spread => {
            let (old, new) = (&model.racks[from.rack.index()], &model.racks[to.rack.index()]);
            format!("two replicas stand in rack {old} and fewer in rack {new}; broker {} is there", to.id)
        }
        Cause::Placement => {
            format!("its topic does not belong on broker {}; broker {} may hold it", from.id, to.id)
        }
        Cause::Topic => format!(
            "broker {} has more of its topic than its share, broker {}{same_rack} has less",
            from.id, to.id
        ),
        Cause::Demotion => format!("broker {} is not to lead; broker {} is in sync", from.id, to.id),
        Cause::Preferred => format!("broker {} is first in the list", to.id),
        Cause::Factor => format!("another replica is wanted; broker {} has room", to.id),
        Cause::Goal { resource, is_limit, from_share, to_share, is_swap } => {
            let (of, verb) = if is_limit { ("its limit", "has room") } else { ("the mean", "is") };
            let exchange = if is_swap { ", in exchange for another" } else { "" };
            let name = resource.name();
            if is_limit {
                return format!(
                    "broker {} has {} % of {of} of {name}; broker {}{same_rack} {verb} at {} %{exchange}",
                    from.id,
                    whole(100.0 * from_share),
                    to.id,
                    whole(100.0 * to_share)
                );
            }
            format!(
                "broker {} is {} {of} of {name}; broker {}{same_rack} {verb} {}{exchange}",
                from.id,
                deviation(from_share),
                to.id,
                deviation(to_share)
            )
        }
        Cause::Survive { resource, rack, relieved } => format!(
            "with rack {} lost broker {} would carry more {} than it may; broker {} has room",
            model.racks[rack.index()],
            model.brokers[relieved.index()].id,
            resource.name(),
            to.id
        ),
        Cause::Follows => format!("broker {} takes it so that other goals hold", to.id),
    }
}

/// A number for people, without a fraction: for a hundred thousand sentences that is a good deal faster than to write
/// a fraction and cut it off.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn whole(number: f64) -> i64 {
    number.round_ties_even() as i64
}

/// `18 % over` or `4 % under`.
fn deviation(share: f64) -> String {
    let percent = 100.0 * (share - 1.0);
    format!("{} % {}", whole(percent.abs()), if percent < 0.0 { "under" } else { "over" })
}

//! The guards: what has to hold before anything new starts, as pure functions of one look at the cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::sight::unseen;
use super::{DropReason, Pause};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::model::promises;
use crate::observe::{GapKind, LogDir, Observation, Partition};
use crate::plan::LogDirStep;

/// Why one step may not start now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hold {
    /// It may later, when this has passed.
    Wait(String),
    /// It never may.
    Drop(DropReason),
}

/// Brokers that should be there and are down: those known of as dead, those that were alive when the execution
/// began and are gone, and those that the plan needs.
pub(super) fn brokers_down(seen: &Observation, needed: &BTreeSet<BrokerId>) -> Vec<BrokerId> {
    let dead = seen.brokers.iter().filter(|(_, broker)| !broker.alive).map(|(id, _)| *id);
    let missing = needed.iter().copied().filter(|id| !seen.brokers.contains_key(id));
    let down: BTreeSet<BrokerId> = dead.chain(missing).collect();
    down.into_iter().collect()
}

/// Under-replicated partitions that no move in flight accounts for. `making` are the replicas being made for us,
/// which are not in sync yet by nature.
pub(super) fn under_replicated(
    seen: &Observation,
    making: &BTreeMap<TopicPartition, Vec<BrokerId>>,
) -> Option<Pause> {
    let mut count = 0;
    let mut example = None;
    for (name, _, partition) in seen.partitions() {
        let is_made = |broker: &BrokerId| {
            making.get(&name).is_some_and(|made| made.contains(broker))
                || seen.reassignments.get(&name).is_some_and(|running| running.adding.contains(broker))
        };
        let lacks = |broker: &BrokerId| !partition.isr.contains(broker) && !is_made(broker);
        if partition.replicas.iter().any(lacks) {
            count += 1;
            example.get_or_insert(name);
        }
    }
    example.map(|example| Pause::UnderReplicated { count, example })
}

/// What cannot be seen and has to be, before anything new starts: lists, throttles and disks of those who take part.
pub(super) fn incomplete_view(
    seen: &Observation,
    brokers: &BTreeSet<BrokerId>,
    topics: &BTreeSet<&str>,
) -> Vec<crate::observe::Gap> {
    let is_alive = |id: &BrokerId| seen.brokers.get(id).is_some_and(|broker| broker.alive);
    let live: Vec<String> = brokers.iter().filter(|id| is_alive(id)).map(ToString::to_string).collect();
    let about = |kind: GapKind| match kind {
        GapKind::Topics | GapKind::Reassignments => seen.has_gap(kind),
        GapKind::LogDirs | GapKind::BrokerConfig => live.iter().any(|id| unseen(seen, kind, "broker", id)),
        GapKind::TopicConfig => topics.iter().any(|topic| unseen(seen, kind, "topic", topic)),
        _ => false,
    };
    seen.gaps.iter().filter(|gap| about(gap.kind)).cloned().collect()
}

/// Whether going from `base` to `aim` only takes away replicas that do not serve, and so repairs.
pub(super) fn repairs(
    seen: &Observation,
    partition: &Partition,
    base: &[BrokerId],
    aim: &[BrokerId],
) -> bool {
    let is_dead = |broker: &BrokerId| {
        partition.offline.contains(broker) || seen.brokers.get(broker).is_none_or(|found| !found.alive)
    };
    let mut removed = base.iter().filter(|broker| !aim.contains(broker)).peekable();
    removed.peek().is_some()
        && removed.all(|broker| is_dead(broker) && !partition.isr.contains(broker))
        && !partition.isr.is_empty()
}

/// Whether a partition may go from `base` to `aim` as the cluster is now, disk room apart. `resized_from` is the
/// list at the beginning of a step that changes the replication factor: what came on the way may go again.
pub(super) fn may_go(
    seen: &Observation,
    name: &TopicPartition,
    partition: &Partition,
    (base, aim): (&[BrokerId], &[BrokerId]),
    resized_from: Option<&[BrokerId]>,
) -> Option<Hold> {
    let alive = |id: BrokerId| seen.brokers.get(&id).is_some_and(|broker| broker.alive);
    let rack = |id: BrokerId| alive(id).then(|| seen.rack_of(id));
    if let Err(broken) = promises::adds_only_to_live_brokers(name, base, aim, alive) {
        return Some(Hold::Wait(broken.detail));
    }
    let shrinks = aim.len() < base.len();
    let spread_of = resized_from.filter(|_| shrinks).unwrap_or(base);
    if promises::spread_never_worse(name, spread_of, aim, rack).is_err() {
        return Some(Hold::Drop(DropReason::RackSpread));
    }
    let min_isr = seen.topics.get(&name.topic).and_then(|topic| topic.min_insync_replicas).unwrap_or(1);
    let enough = if resized_from.is_some() && shrinks {
        promises::shrinks_within_min_isr(name, base.len(), aim.len(), min_isr)
    } else {
        promises::any_broker_may_fail(name, base.len(), aim.len(), min_isr)
    };
    if enough.is_err() {
        return Some(Hold::Drop(DropReason::TooFewReplicas));
    }
    if repairs(seen, partition, base, aim) {
        return None;
    }
    let lacking = base.iter().find(|broker| !partition.isr.contains(broker))?;
    Some(Hold::Wait(format!("its replica on broker {lacking} is not in sync")))
}

/// Bytes that are on their way to a broker, beyond what its volumes already show as used.
pub(super) type Incoming = BTreeMap<BrokerId, Bytes>;

/// Whether a broker has room for one more replica of this size, beside what is on its way, in every directory
/// that Kafka might choose for it (it goes by the number of partitions there, not by room).
pub(super) fn disk_room(
    seen: &Observation,
    broker: BrokerId,
    size: Bytes,
    incoming: &Incoming,
    limit_share: f64,
) -> Option<Hold> {
    let on_the_way = incoming.get(&broker).copied().unwrap_or_default();
    let dirs = seen.brokers.get(&broker).map(|found| found.log_dirs.as_slice()).unwrap_or_default();
    dirs.iter().filter(|dir| dir.online).find_map(|dir| dir_room(broker, dir, size, on_the_way, limit_share))
}

/// What may be used of a volume.
pub(super) fn limit_of(total: Bytes, share: f64) -> Bytes {
    Bytes::whole(total.as_f64() * share.clamp(0.0, 1.0))
}

fn dir_room(
    broker: BrokerId,
    dir: &LogDir,
    size: Bytes,
    on_the_way: Bytes,
    limit_share: f64,
) -> Option<Hold> {
    let (total, usable) = dir.total_bytes.zip(dir.usable_bytes)?;
    let limit = limit_of(total, limit_share);
    let used = total.saturating_sub(usable);
    promises::disk_within_limit(broker, used, size + on_the_way, Bytes::ZERO, limit).err().map(|_| {
        let path = &dir.path;
        Hold::Wait(format!(
            "broker {broker} has no room: {usable} free on {path}, {on_the_way} on the way, {size} needed, limit {limit} of {total}"
        ))
    })
}

/// Bytes that are on their way to a directory, beyond what its volume already shows as used.
pub(super) type IntoDirs = BTreeMap<(BrokerId, String), Bytes>;

/// Whether the directory that a step leads to is there, and its volume has room for a copy of this size beside what
/// is on its way.
pub(super) fn log_dir_room(
    seen: &Observation,
    step: &LogDirStep,
    size: Bytes,
    into_dirs: &IntoDirs,
    limit_share: f64,
) -> Option<Hold> {
    let LogDirStep { broker, to, .. } = step;
    let dirs = seen.brokers.get(broker).map(|found| found.log_dirs.as_slice()).unwrap_or_default();
    let Some(dir) = dirs.iter().find(|dir| dir.path == *to).filter(|dir| dir.online) else {
        return Some(Hold::Wait(format!("log directory {to} of broker {broker} is not online")));
    };
    let on_the_way = into_dirs.get(&(*broker, to.clone())).copied().unwrap_or_default();
    dir_room(*broker, dir, size, on_the_way, limit_share)
}

/// Whether a cancel leaves the partition with enough replicas in sync: those that are being made go, also from
/// the ISR.
pub(super) fn may_cancel(seen: &Observation, name: &TopicPartition, base: &[BrokerId]) -> bool {
    let Some(partition) = seen.partition(name) else { return true };
    let min_isr = seen.topics.get(&name.topic).and_then(|topic| topic.min_insync_replicas).unwrap_or(1);
    let stay = partition.isr.iter().filter(|broker| base.contains(broker)).count();
    stay == partition.isr.len() || promises::keeps_min_isr(name, stay, min_isr).is_ok()
}

//! The promises that every plan and every moment of an execution keep, one pure function each.
//!
//! The solver, the planner and the executor assert them while they work; the judge, the simulator and the property
//! tests check them from outside. They know nothing of models or plans: each takes the few values it is about, so
//! that whoever checks a promise does not depend on the code that has to keep it.
//!
//! A broker's rack is asked for by a function that answers `None` for a broker that does not count (dead or unknown):
//! a replica that cannot serve protects nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{BrokerId, Bytes};

/// The promises, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// A partition keeps its number of replicas.
    ReplicationFactor,
    /// No two replicas of a partition on one broker.
    OneReplicaPerBroker,
    /// Replicas are put only on brokers that exist and are alive.
    LiveBrokers,
    /// As many distinct racks as could be, and the evenest spread where racks are fewer than replicas.
    RackSpread,
    /// Rack spread is never worse at any moment than it was before.
    RackSpreadOnTheWay,
    /// No partition is taken below `min.insync.replicas`.
    MinIsr,
    /// Losing any one broker leaves every partition that was healthy at or above `min.insync.replicas`.
    AnyBrokerMayFail,
    /// No disk passes its limit, both copies of a moving replica and growth counted.
    DiskLimit,
    /// One new replica of a partition at a time.
    OneNewReplica,
    /// A plan is for the cluster as it is, and is what its id says.
    PlanIsCurrent,
    /// What a plan says of its distance from the best follows from the snapshot.
    CertificateHolds,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ReplicationFactor => "replication-factor",
            Self::OneReplicaPerBroker => "one-replica-per-broker",
            Self::LiveBrokers => "live-brokers",
            Self::RackSpread => "rack-spread",
            Self::RackSpreadOnTheWay => "rack-spread-on-the-way",
            Self::MinIsr => "min-isr",
            Self::AnyBrokerMayFail => "any-broker-may-fail",
            Self::DiskLimit => "disk-limit",
            Self::OneNewReplica => "one-new-replica",
            Self::PlanIsCurrent => "plan-is-current",
            Self::CertificateHolds => "certificate-holds",
        })
    }
}

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[error("{promise}: {subject}: {detail}")]
pub struct Broken {
    /// Which promise.
    pub promise: Promise,
    /// The partition or broker.
    pub subject: String,
    /// What is wrong, with numbers.
    pub detail: String,
}

impl Broken {
    /// Says that a promise does not hold.
    pub fn new(promise: Promise, subject: impl fmt::Display, detail: impl Into<String>) -> Self {
        Self { promise, subject: subject.to_string(), detail: detail.into() }
    }
}

/// How well replicas are spread over racks; larger is better in both, and adding a replica makes neither smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RackSpread {
    /// Racks that hold at least one replica.
    pub distinct_racks: usize,
    /// Replicas that are left when the rack that holds most of them is lost.
    pub left_without_worst_rack: usize,
}

impl RackSpread {
    /// Measures how many replicas stand on each rack, as counts.
    pub fn of_counts(counts: impl IntoIterator<Item = usize>) -> Self {
        let (mut distinct_racks, mut total, mut largest) = (0, 0, 0);
        for count in counts {
            distinct_racks += usize::from(count > 0);
            total += count;
            largest = largest.max(count);
        }
        Self { distinct_racks, left_without_worst_rack: total - largest }
    }

    /// Whether this spread falls behind another in any respect.
    pub fn is_worse_than(self, other: Self) -> bool {
        self.distinct_racks < other.distinct_racks
            || self.left_without_worst_rack < other.left_without_worst_rack
    }
}

impl fmt::Display for RackSpread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} racks, {} replicas left without the worst rack",
            self.distinct_racks, self.left_without_worst_rack
        )
    }
}

/// How a replica list is spread over racks; replicas without a rack (dead or unknown brokers) do not count.
pub fn rack_spread<B: Copy, R: Ord>(replicas: &[B], rack_of: impl Fn(B) -> Option<R>) -> RackSpread {
    let mut counts: BTreeMap<R, usize> = BTreeMap::new();
    for rack in replicas.iter().filter_map(|broker| rack_of(*broker)) {
        *counts.entry(rack).or_default() += 1;
    }
    RackSpread::of_counts(counts.into_values())
}

/// The evenest counts per rack that `replication_factor` replicas can have when rack `i` has `brokers_per_rack[i]`
/// brokers that may hold one each: filled level by level, as water fills basins. In descending order.
pub fn evenest_counts(replication_factor: usize, brokers_per_rack: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; brokers_per_rack.len()];
    let mut left = replication_factor.min(brokers_per_rack.iter().sum());
    for level in 0.. {
        if left == 0 {
            break;
        }
        for (count, brokers) in counts.iter_mut().zip(brokers_per_rack) {
            if left > 0 && *brokers > level {
                *count += 1;
                left -= 1;
            }
        }
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

/// The best spread that `replication_factor` replicas can have on racks with this many brokers each.
pub fn best_rack_spread(replication_factor: usize, brokers_per_rack: &[usize]) -> RackSpread {
    RackSpread::of_counts(evenest_counts(replication_factor, brokers_per_rack))
}

/// A partition keeps its replication factor.
///
/// # Errors
/// The lists differ in length.
pub fn keeps_replication_factor(
    subject: impl fmt::Display,
    before: &[BrokerId],
    after: &[BrokerId],
) -> Result<(), Broken> {
    if before.len() == after.len() {
        return Ok(());
    }
    let detail = format!("replication factor {} would become {}", before.len(), after.len());
    Err(Broken::new(Promise::ReplicationFactor, subject, detail))
}

/// A partition gets the replication factor that was asked for, or, where that is out of reach now, keeps its own:
/// nothing in between.
///
/// # Errors
/// The list has a length that nobody asked for.
pub fn gets_replication_factor(
    subject: impl fmt::Display,
    before: &[BrokerId],
    after: &[BrokerId],
    asked: usize,
) -> Result<(), Broken> {
    if after.len() == asked || after.len() == before.len() {
        return Ok(());
    }
    let detail = format!("replication factor {asked} was asked for, and it would become {}", after.len());
    Err(Broken::new(Promise::ReplicationFactor, subject, detail))
}

/// No two replicas of a partition stand on one broker.
///
/// # Errors
/// A broker is named twice.
pub fn one_replica_per_broker(subject: impl fmt::Display, replicas: &[BrokerId]) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    match replicas.iter().find(|broker| !seen.insert(**broker)) {
        None => Ok(()),
        Some(broker) => {
            let detail = format!("broker {broker} is named twice in {}", list(replicas));
            Err(Broken::new(Promise::OneReplicaPerBroker, subject, detail))
        }
    }
}

/// Replicas that are added go to brokers that exist and are alive.
///
/// # Errors
/// An added replica's broker is not among `alive`.
pub fn adds_only_to_live_brokers(
    subject: impl fmt::Display,
    before: &[BrokerId],
    after: &[BrokerId],
    alive: impl Fn(BrokerId) -> bool,
) -> Result<(), Broken> {
    match after.iter().find(|broker| !before.contains(broker) && !alive(**broker)) {
        None => Ok(()),
        Some(broker) => {
            let detail = format!("broker {broker} is dead or does not exist, and would get a replica");
            Err(Broken::new(Promise::LiveBrokers, subject, detail))
        }
    }
}

/// The replicas stand as spread over racks as they can on racks with this many live brokers each.
///
/// # Errors
/// A better spread exists.
pub fn spread_is_best<R: Ord>(
    subject: impl fmt::Display,
    replicas: &[BrokerId],
    rack_of: impl Fn(BrokerId) -> Option<R>,
    brokers_per_rack: &[usize],
) -> Result<(), Broken> {
    let spread = rack_spread(replicas, rack_of);
    let best = best_rack_spread(replicas.len(), brokers_per_rack);
    if !spread.is_worse_than(best) {
        return Ok(());
    }
    let detail = format!("{} stands on {spread}; {best} can be had", list(replicas));
    Err(Broken::new(Promise::RackSpread, subject, detail))
}

/// The best spread that can be kept of a list that shrinks to `left` replicas: what goes, goes from the rack that
/// holds most. A list that does not shrink keeps its own spread.
pub fn spread_kept<B: Copy, R: Ord>(
    replicas: &[B],
    left: usize,
    rack_of: impl Fn(B) -> Option<R>,
) -> RackSpread {
    let mut counts: BTreeMap<R, usize> = BTreeMap::new();
    for rack in replicas.iter().filter_map(|broker| rack_of(*broker)) {
        *counts.entry(rack).or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    let total: usize = counts.iter().sum();
    for _ in left..total {
        if let Some(largest) = counts.iter_mut().max() {
            *largest = largest.saturating_sub(1);
        }
    }
    RackSpread::of_counts(counts)
}

/// Rack spread does not get worse from one list to another, or not by more than a shorter list makes it. While a
/// reassignment runs, the list that counts holds old and new replicas; it cannot be worse than the old one, so it
/// is enough to look at the lists themselves.
///
/// # Errors
/// `after` has fewer racks, or loses more with one rack, than can be kept of `before`.
pub fn spread_never_worse<R: Ord>(
    subject: impl fmt::Display,
    before: &[BrokerId],
    after: &[BrokerId],
    rack_of: impl Fn(BrokerId) -> Option<R>,
) -> Result<(), Broken> {
    let (was, becomes) = (spread_kept(before, after.len(), &rack_of), rack_spread(after, &rack_of));
    if !becomes.is_worse_than(was) {
        return Ok(());
    }
    let detail = format!("{} ({was}) would become {} ({becomes})", list(before), list(after));
    Err(Broken::new(Promise::RackSpreadOnTheWay, subject, detail))
}

/// At least `min.insync.replicas` replicas are in sync.
///
/// # Errors
/// There are fewer.
pub fn keeps_min_isr(
    subject: impl fmt::Display,
    in_sync: usize,
    min_insync_replicas: u32,
) -> Result<(), Broken> {
    if in_sync >= min_insync_replicas as usize {
        return Ok(());
    }
    let detail = format!("{in_sync} replicas in sync, min.insync.replicas is {min_insync_replicas}");
    Err(Broken::new(Promise::MinIsr, subject, detail))
}

/// A partition that could lose any one broker and stay at `min.insync.replicas` still can. One that never could
/// (replication factor = min ISR) may at least not have fewer in sync than it had.
///
/// # Errors
/// The loss of one more broker would take the partition below min ISR, and would not have before.
pub fn any_broker_may_fail(
    subject: impl fmt::Display,
    in_sync_before: usize,
    in_sync_now: usize,
    min_insync_replicas: u32,
) -> Result<(), Broken> {
    if in_sync_now >= in_sync_before.min(min_insync_replicas as usize + 1) {
        return Ok(());
    }
    let detail = format!(
        "{in_sync_now} replicas in sync, {in_sync_before} before: losing one broker would break min.insync.replicas {min_insync_replicas}"
    );
    Err(Broken::new(Promise::AnyBrokerMayFail, subject, detail))
}

/// A partition that is to have fewer replicas keeps as many in sync as `min.insync.replicas` asks for, or as it had.
///
/// # Errors
/// Taking the replicas away would take the partition below min ISR.
pub fn shrinks_within_min_isr(
    subject: impl fmt::Display,
    in_sync_before: usize,
    in_sync_then: usize,
    min_insync_replicas: u32,
) -> Result<(), Broken> {
    if in_sync_then >= in_sync_before.min(min_insync_replicas as usize) {
        return Ok(());
    }
    let detail = format!(
        "{in_sync_then} replicas in sync would be left, {in_sync_before} before, and min.insync.replicas is {min_insync_replicas}"
    );
    Err(Broken::new(Promise::MinIsr, subject, detail))
}

/// A disk stays within its limit while `incoming` arrives: what moves away still counts, since it is deleted only
/// after the copy is in sync. A disk that was over its limit already may not get more.
///
/// # Errors
/// The limit is passed.
pub fn disk_within_limit(
    broker: BrokerId,
    used: Bytes,
    incoming: Bytes,
    growth: Bytes,
    limit: Bytes,
) -> Result<(), Broken> {
    if fits_disk(used, incoming, growth, limit) {
        return Ok(());
    }
    let detail =
        format!("{used} used, {incoming} on the way and {growth} of growth pass the disk limit of {limit}");
    Err(Broken::new(Promise::DiskLimit, format!("broker {broker}"), detail))
}

/// Whether a disk has room for what is on the way, beside what is used and the growth meanwhile; nothing always fits.
pub fn fits_disk(used: Bytes, incoming: Bytes, growth: Bytes, limit: Bytes) -> bool {
    incoming == Bytes::ZERO || used + incoming + growth <= limit
}

/// Each list of a step adds at most one replica to the one before.
///
/// # Errors
/// A list adds more than one.
pub fn one_new_replica_at_a_time(
    subject: impl fmt::Display,
    before: &[BrokerId],
    after: &[BrokerId],
) -> Result<(), Broken> {
    let added = after.iter().filter(|broker| !before.contains(broker)).count();
    if added <= 1 {
        return Ok(());
    }
    let detail = format!("{added} new replicas at once, from {} to {}", list(before), list(after));
    Err(Broken::new(Promise::OneNewReplica, subject, detail))
}

/// A replica list as people write it: `[1,2,3]`.
fn list(replicas: &[BrokerId]) -> String {
    let texts: Vec<String> = replicas.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[i32]) -> Vec<BrokerId> {
        list.iter().copied().map(BrokerId).collect()
    }

    /// Brokers 1 to 9 on racks 1, 2, 0, 1, 2, 0, ...; all others are dead.
    fn thirds(broker: BrokerId) -> Option<i32> {
        (1..10).contains(&broker.0).then_some(broker.0 % 3)
    }

    #[test]
    fn water_fills_racks_evenly() {
        assert_eq!(evenest_counts(3, &[4, 4, 4]), [1, 1, 1]);
        assert_eq!(evenest_counts(5, &[4, 4, 4]), [2, 2, 1]);
        assert_eq!(evenest_counts(5, &[1, 9, 1]), [3, 1, 1]);
        assert_eq!(evenest_counts(4, &[0, 2]), [2, 0], "no more replicas than brokers");
        assert_eq!(
            best_rack_spread(3, &[5, 5]),
            RackSpread { distinct_racks: 2, left_without_worst_rack: 1 }
        );
    }

    #[test]
    fn spread_is_best_only_when_nothing_better_exists() {
        assert!(spread_is_best("t-0", &ids(&[1, 2, 3]), thirds, &[3, 3, 3]).is_ok());
        let broken = spread_is_best("t-0", &ids(&[1, 4, 3]), thirds, &[3, 3, 3]).unwrap_err();
        assert_eq!(broken.promise, Promise::RackSpread);
        assert!(broken.to_string().contains("[1,4,3] stands on 2 racks"), "{broken}");
        assert!(
            spread_is_best("t-0", &ids(&[1, 4, 3]), thirds, &[3, 0, 3]).is_ok(),
            "a rack without brokers"
        );
    }

    #[test]
    fn spread_may_not_get_worse_and_dead_replicas_protect_nothing() {
        assert!(spread_never_worse("t-0", &ids(&[1, 2, 3]), &ids(&[4, 2, 3]), thirds).is_ok());
        assert!(spread_never_worse("t-0", &ids(&[1, 2, 3]), &ids(&[1, 2, 5]), thirds).is_err());
        assert!(spread_never_worse("t-0", &ids(&[1, 2, 99]), &ids(&[1, 2, 5]), thirds).is_ok());
    }

    #[test]
    fn a_shorter_list_may_lose_what_it_must_and_no_more() {
        assert!(spread_never_worse("t-0", &ids(&[1, 2, 3]), &ids(&[1, 2]), thirds).is_ok());
        assert!(spread_never_worse("t-0", &ids(&[1, 4, 2]), &ids(&[1, 2]), thirds).is_ok());
        assert!(spread_never_worse("t-0", &ids(&[1, 4, 2]), &ids(&[1, 4]), thirds).is_err());
        assert!(
            spread_never_worse("t-0", &ids(&[1, 2, 99]), &ids(&[1, 2]), thirds).is_ok(),
            "the dead go first"
        );
        assert!(
            spread_never_worse("t-0", &ids(&[1, 2]), &ids(&[1, 2, 5]), thirds).is_ok(),
            "growth hurts nobody"
        );
        assert!(gets_replication_factor("t-0", &ids(&[1, 2, 3]), &ids(&[1, 2]), 2).is_ok());
        assert!(gets_replication_factor("t-0", &ids(&[1]), &ids(&[1, 2]), 3).is_err());
        assert!(shrinks_within_min_isr("t-0", 3, 2, 2).is_ok());
        assert!(shrinks_within_min_isr("t-0", 3, 1, 2).is_err());
        assert!(shrinks_within_min_isr("t-0", 1, 1, 2).is_ok(), "it never had more");
    }

    #[test]
    fn lists_are_checked() {
        assert!(keeps_replication_factor("t-0", &ids(&[1, 2]), &ids(&[3, 4])).is_ok());
        assert!(keeps_replication_factor("t-0", &ids(&[1, 2]), &ids(&[3])).is_err());
        assert!(one_replica_per_broker("t-0", &ids(&[1, 2, 1])).is_err());
        assert!(one_new_replica_at_a_time("t-0", &ids(&[1, 2]), &ids(&[2, 3])).is_ok());
        assert!(one_new_replica_at_a_time("t-0", &ids(&[1, 2]), &ids(&[3, 4])).is_err());
        let alive = |broker: BrokerId| thirds(broker).is_some();
        assert!(adds_only_to_live_brokers("t-0", &ids(&[1, 99]), &ids(&[2, 99]), alive).is_ok());
        assert!(adds_only_to_live_brokers("t-0", &ids(&[1, 2]), &ids(&[1, 99]), alive).is_err());
    }

    #[test]
    fn in_sync_replicas_are_kept() {
        assert!(keeps_min_isr("t-0", 2, 2).is_ok());
        assert!(keeps_min_isr("t-0", 1, 2).is_err());
        assert!(any_broker_may_fail("t-0", 3, 3, 2).is_ok());
        assert!(any_broker_may_fail("t-0", 3, 2, 2).is_err());
        assert!(any_broker_may_fail("t-0", 2, 2, 2).is_ok(), "it never could");
        assert!(any_broker_may_fail("t-0", 4, 3, 2).is_ok(), "three are enough to lose one");
    }

    #[test]
    fn a_disk_over_its_limit_gets_no_more() {
        let check = |used, incoming, growth| {
            disk_within_limit(BrokerId(1), Bytes(used), Bytes(incoming), Bytes(growth), Bytes(100))
        };
        assert!(check(80, 10, 10).is_ok());
        assert!(check(80, 10, 11).is_err());
        assert!(check(120, 0, 0).is_ok(), "nothing arrives, so the plan is not to blame");
        assert!(check(120, 1, 0).is_err());
    }
}

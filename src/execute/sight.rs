//! [`Sight`]: what one look at the cluster says about one partition. Nothing is remembered here.

use uuid::Uuid;

use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::{GapKind, Observation, Partition};

/// What is seen of a partition that shall go from one replica list to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// Topic or partition are not there, or the topic is another one of the same name.
    Gone,
    /// The reassignment that was asked for is running.
    Running,
    /// Another reassignment is running.
    Foreign,
    /// The list is the one aimed at.
    At {
        /// Whether all of it is in sync.
        in_sync: bool,
    },
    /// The replicas are those aimed at, in another order.
    AtInOtherOrder,
    /// The list is the one started from.
    Before,
    /// The replicas are those started from, in another order: what a cancelled reassignment leaves.
    BeforeInOtherOrder,
    /// The list is something else.
    Other(Vec<BrokerId>),
}

/// Looks at a partition that shall go from `base` to `aim`. `id` is the topic's when the plan was taken on.
pub(super) fn look(
    seen: &Observation,
    name: &TopicPartition,
    id: Option<Uuid>,
    base: &[BrokerId],
    aim: &[BrokerId],
) -> Sight {
    if is_another_topic(seen, name, id) {
        return Sight::Gone;
    }
    let Some(partition) = seen.partition(name) else { return Sight::Gone };
    if let Some(running) = seen.reassignments.get(name) {
        return if running.target() == aim { Sight::Running } else { Sight::Foreign };
    }
    let list = partition.replicas.as_slice();
    if list == aim {
        Sight::At { in_sync: aim.iter().all(|broker| partition.isr.contains(broker)) }
    } else if list == base {
        Sight::Before
    } else if same_set(list, aim) {
        Sight::AtInOtherOrder
    } else if same_set(list, base) {
        Sight::BeforeInOtherOrder
    } else if seen.has_gap(GapKind::Reassignments) && is_on_its_way(list, base, aim) {
        Sight::Running
    } else {
        Sight::Other(list.to_vec())
    }
}

/// Whether a list is what brokers show while a reassignment runs: all that it comes from and all that it leads to. While
/// there is no controller nobody tells what runs, and what was begun goes on all the same.
fn is_on_its_way(list: &[BrokerId], base: &[BrokerId], aim: &[BrokerId]) -> bool {
    let known = |broker: &BrokerId| base.contains(broker) || aim.contains(broker);
    list.iter().all(known) && base.iter().chain(aim).all(|broker| list.contains(broker))
}

/// Whether the topic of this name is another one than it was: deleted and made anew.
pub(super) fn is_another_topic(seen: &Observation, name: &TopicPartition, id: Option<Uuid>) -> bool {
    let now = seen.topics.get(&name.topic).and_then(|topic| topic.id);
    matches!((id, now), (Some(was), Some(is)) if was != is)
}

/// Whether two replica lists name the same brokers.
pub(super) fn same_set(one: &[BrokerId], other: &[BrokerId]) -> bool {
    one.len() == other.len() && one.iter().all(|broker| other.contains(broker))
}

/// Bytes that the replicas being made still lack. Sizes tell; the lag that Kafka reports stays 0 meanwhile.
/// `None` where they cannot be seen.
pub(super) fn lacking(
    partition: &Partition,
    base: &[BrokerId],
    aim: &[BrokerId],
    planned: Bytes,
) -> Option<Bytes> {
    let full = partition.full_size_bytes().unwrap_or(planned);
    if partition.on_disk.is_empty() {
        return None;
    }
    let added = aim.iter().filter(|broker| !base.contains(broker));
    Some(
        added
            .filter(|broker| !partition.isr.contains(broker))
            .map(|broker| full.saturating_sub(size_on_disk(partition, *broker)))
            .sum(),
    )
}

/// Bytes of the replica on `broker`; zero when it has none yet.
pub(super) fn size_on_disk(partition: &Partition, broker: BrokerId) -> Bytes {
    partition.on_disk.get(&broker).and_then(|replica| replica.size_bytes).unwrap_or_default()
}

/// Whether a gap says that this kind of fact could not be seen of the thing called `name`. A gap that names
/// nothing is about everything, and so is one whose subject cannot be made out: doubt counts as not seen.
pub(super) fn unseen(seen: &Observation, kind: GapKind, word: &str, name: &str) -> bool {
    seen.gaps.iter().filter(|gap| gap.kind == kind).any(|gap| {
        let subject = gap.subject.trim();
        let plain = subject.strip_prefix(word).map_or(subject, |rest| rest.trim_start_matches('s').trim());
        let known = |part: &str| match word {
            "broker" => part.parse().is_ok_and(|id| seen.brokers.contains_key(&BrokerId(id))),
            _ => seen.topics.contains_key(&part.into()),
        };
        let mut parts = plain.split(',').map(str::trim);
        plain.is_empty() || parts.clone().any(|part| part == name) || !parts.all(known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Gap, SeenTopic};

    #[test]
    fn without_a_controller_a_list_tells_that_a_reassignment_runs() {
        let ids = |list: &[i32]| list.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let sight = |replicas: &[i32], hidden: bool| {
            let partition = Partition { replicas: ids(replicas), ..Partition::default() };
            let topic = SeenTopic { partitions: vec![partition], ..SeenTopic::default() };
            let gap = Gap {
                kind: GapKind::Reassignments,
                subject: String::new(),
                reason: "no controller".to_owned(),
            };
            let seen = Observation {
                topics: [("t".into(), topic)].into(),
                gaps: if hidden { vec![gap] } else { Vec::new() },
                ..Observation::default()
            };
            look(&seen, &TopicPartition::new("t", 0), None, &ids(&[1, 2, 3]), &ids(&[4, 2, 3]))
        };
        assert_eq!(sight(&[4, 2, 3, 1], true), Sight::Running);
        assert_eq!(sight(&[4, 2, 3, 1], false), Sight::Other(ids(&[4, 2, 3, 1])));
        assert_eq!(sight(&[5, 2, 3, 1], true), Sight::Other(ids(&[5, 2, 3, 1])));
        assert_eq!(sight(&[1, 2, 3], true), Sight::Before);
    }
}

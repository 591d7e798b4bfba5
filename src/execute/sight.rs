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
    } else {
        Sight::Other(list.to_vec())
    }
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

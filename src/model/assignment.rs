//! [`Assignment`]: where replicas stand and who leads; the only thing that a plan changes.

use super::{BrokerOrd, PartitionOrd};

/// Replica lists of all partitions, preferred leader first, and the leader of each.
///
/// The leader need not be the first of the list: leadership drifts when brokers restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Where each partition's list begins in `replicas`; one more entry than partitions.
    starts: Vec<u32>,
    replicas: Vec<BrokerOrd>,
    /// Position of the leader in the list; `None` while there is none.
    leaders: Vec<Option<u8>>,
}

impl Assignment {
    /// Builds an assignment from each partition's replica list and leader.
    ///
    /// # Panics
    /// A list has more than 255 replicas.
    pub fn new(lists: impl IntoIterator<Item = (Vec<BrokerOrd>, Option<BrokerOrd>)>) -> Self {
        let mut built = Self { starts: vec![0], replicas: Vec::new(), leaders: Vec::new() };
        for (list, leader) in lists {
            let at = leader.and_then(|leader| list.iter().position(|broker| *broker == leader));
            built.leaders.push(
                at.map(|at| u8::try_from(at).expect("Kafka has fewer than 256 replicas to a partition")),
            );
            built.replicas.extend(list);
            built.starts.push(u32::try_from(built.replicas.len()).expect("fewer than 2^32 replicas"));
        }
        built
    }

    /// How many partitions there are.
    pub fn len(&self) -> usize {
        self.leaders.len()
    }

    /// Whether there are no partitions.
    pub fn is_empty(&self) -> bool {
        self.leaders.is_empty()
    }

    /// Where a partition's list begins in the concatenation of all lists.
    pub fn offset(&self, partition: PartitionOrd) -> usize {
        self.starts[partition.index()] as usize
    }

    fn range(&self, partition: PartitionOrd) -> std::ops::Range<usize> {
        self.starts[partition.index()] as usize..self.starts[partition.index() + 1] as usize
    }

    /// A partition's replica list, preferred leader first.
    pub fn replicas(&self, partition: PartitionOrd) -> &[BrokerOrd] {
        &self.replicas[self.range(partition)]
    }

    /// A partition's leader.
    pub fn leader(&self, partition: PartitionOrd) -> Option<BrokerOrd> {
        self.leaders[partition.index()].map(|at| self.replicas(partition)[usize::from(at)])
    }

    /// Whether a broker holds a replica of a partition.
    pub fn holds(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.replicas(partition).contains(&broker)
    }

    /// Replaces one replica by another, in the same place of the list; a leader's place keeps leading.
    ///
    /// # Panics
    /// `from` holds no replica.
    pub fn replace(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) {
        debug_assert!(!self.holds(partition, to), "two replicas on one broker");
        let range = self.range(partition);
        let place = self.replicas[range].iter_mut().find(|broker| **broker == from);
        *place.expect("`from` holds a replica") = to;
    }

    /// Makes a broker that holds a replica the leader.
    ///
    /// # Panics
    /// `broker` holds no replica.
    pub fn lead(&mut self, partition: PartitionOrd, broker: BrokerOrd) {
        let at = self
            .replicas(partition)
            .iter()
            .position(|held| *held == broker)
            .expect("the leader holds a replica");
        self.leaders[partition.index()] = Some(u8::try_from(at).expect("fewer than 256 replicas"));
    }

    /// Puts replicas last in a partition's list; both parts keep their order, and the leader leads on.
    pub fn put_last(&mut self, partition: PartitionOrd, is_last: impl Fn(BrokerOrd) -> bool) {
        let leader = self.leader(partition);
        let range = self.range(partition);
        self.replicas[range].sort_by_key(|broker| is_last(*broker));
        if let Some(leader) = leader {
            self.lead(partition, leader);
        }
    }

    /// Sets the order of a partition's list so that its leader comes first; the others keep their order.
    pub fn prefer_leader(&mut self, partition: PartitionOrd) {
        if let Some(at) = self.leaders[partition.index()] {
            let range = self.range(partition);
            self.replicas[range][..=usize::from(at)].rotate_right(1);
            self.leaders[partition.index()] = Some(0);
        }
    }
}

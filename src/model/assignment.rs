//! [`Assignment`]: where replicas stand and who leads; the only thing that a plan changes.

use super::{BrokerOrd, PartitionOrd};

/// Replica lists of all partitions, preferred leader first, and the leader of each.
///
/// The leader need not be the first of the list: leadership drifts when brokers restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Where each partition's list begins in `replicas`; one more entry than partitions.
    starts: Vec<u32>,
    /// How long all lists are; 0 where they differ. Most clusters have one length only, and what need not be looked up
    /// need not be fetched from memory: the search jumps about between a million lists.
    length: usize,
    replicas: Vec<BrokerOrd>,
    /// Position of the leader in the list; [`NO_LEADER`] while there is none.
    leaders: Vec<u8>,
}

/// What stands for the position of a leader where there is none.
const NO_LEADER: u8 = u8::MAX;

fn position(at: usize) -> u8 {
    let narrow = u8::try_from(at).ok().filter(|at| *at != NO_LEADER);
    narrow.expect("Kafka has fewer than 256 replicas to a partition")
}

impl Assignment {
    /// Builds an assignment from each partition's replica list and leader.
    ///
    /// # Panics
    /// A list has more than 255 replicas.
    pub fn new(lists: impl IntoIterator<Item = (Vec<BrokerOrd>, Option<BrokerOrd>)>) -> Self {
        let mut built = Self { starts: vec![0], length: 0, replicas: Vec::new(), leaders: Vec::new() };
        for (list, leader) in lists {
            let at = leader.and_then(|leader| list.iter().position(|broker| *broker == leader));
            let same = built.leaders.is_empty() || built.length == list.len();
            built.length = if same { list.len() } else { 0 };
            built.leaders.push(at.map_or(NO_LEADER, position));
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
        self.range(partition).start
    }

    #[inline]
    fn range(&self, partition: PartitionOrd) -> std::ops::Range<usize> {
        if self.length > 0 {
            let start = partition.index() * self.length;
            return start..start + self.length;
        }
        self.starts[partition.index()] as usize..self.starts[partition.index() + 1] as usize
    }

    /// A partition's replica list, preferred leader first.
    #[inline]
    pub fn replicas(&self, partition: PartitionOrd) -> &[BrokerOrd] {
        &self.replicas[self.range(partition)]
    }

    /// A partition's leader.
    #[inline]
    pub fn leader(&self, partition: PartitionOrd) -> Option<BrokerOrd> {
        let at = self.leaders[partition.index()];
        (at != NO_LEADER).then(|| self.replicas(partition)[usize::from(at)])
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
        self.leaders[partition.index()] = position(at);
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
        let at = self.leaders[partition.index()];
        if at != NO_LEADER {
            let range = self.range(partition);
            self.replicas[range][..=usize::from(at)].rotate_right(1);
            self.leaders[partition.index()] = 0;
        }
    }
}

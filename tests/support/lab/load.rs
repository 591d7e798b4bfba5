//! Topics that stand askew on purpose: most replicas and leaders on one broker of each rack, partitions of unequal
//! size, tens of megabytes in all.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use super::{Lab, Seen};

/// Topics and their partition counts.
const TOPICS: [(&str, usize); 3] = [("orders", 24), ("clicks", 24), ("audit", 12)];

/// Partition sizes are one to five times this.
const UNIT_BYTES: usize = 150_000;

/// A skewed replica list for each partition of a topic: in every rack, five of six replicas stand on the rack's
/// first broker, and four of six partitions prefer broker 1 as leader. Needs six brokers in three racks.
fn skewed_lists(topic: usize, partitions: usize) -> Vec<Vec<i32>> {
    let list = |partition: usize| {
        let in_rack = |rack: usize| {
            let first = i32::try_from(rack).expect("a rack") + 1;
            if (partition + topic + 2 * rack).is_multiple_of(6) { first + 3 } else { first }
        };
        let mut list: Vec<i32> = (0..3).map(in_rack).collect();
        if partition % 3 == 2 {
            list.rotate_left(1 + partition % 2);
        }
        list
    };
    (0..partitions).map(list).collect()
}

/// Every skewed list by topic and partition.
pub fn skewed() -> Vec<(String, i32, Vec<i32>)> {
    let of_topic = |(index, (name, partitions)): (usize, &(&str, usize))| {
        let lists = skewed_lists(index, *partitions).into_iter().zip(0..);
        lists.map(|(list, partition)| ((*name).to_owned(), partition, list)).collect::<Vec<_>>()
    };
    TOPICS.iter().enumerate().flat_map(of_topic).collect()
}

/// Bytes that no compression makes smaller.
pub(super) fn noise(length: usize, mut state: u64) -> Vec<u8> {
    let mut next = || {
        // Knuth's linear congruential generator; the high byte is random enough for a payload.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

impl Lab {
    /// Creates a topic with these replica lists, one per partition.
    pub fn create_topic(&self, name: &str, lists: &[Vec<i32>]) {
        let admin: AdminClient<DefaultClientContext> =
            self.internal_config().create().expect("an admin client");
        let lists: Vec<&[i32]> = lists.iter().map(Vec::as_slice).collect();
        let partitions = i32::try_from(lists.len()).expect("a partition count");
        let topic = NewTopic::new(name, partitions, TopicReplication::Variable(&lists));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let results =
            runtime.block_on(admin.create_topics(&[topic], &options)).expect("the request is answered");
        for result in results {
            result.unwrap_or_else(|(topic, code)| panic!("topic {topic} was not created: {code}"));
        }
    }

    /// A producer with `acks=all` for much data.
    pub(super) fn writer(&self) -> ThreadedProducer<DefaultProducerContext> {
        let mut config = self.internal_config();
        config.set("acks", "all").set("linger.ms", "20").set("queue.buffering.max.kbytes", "65536");
        if self.slow_network {
            // A follower gets a whole batch at least.
            config.set("batch.size", "65536");
        }
        config.create().expect("a producer")
    }

    /// Creates the skewed topics and writes their data; returns when all replicas are in sync.
    pub fn load_skewed(&self) -> Seen {
        for (index, (name, partitions)) in TOPICS.iter().enumerate() {
            self.create_topic(name, &skewed_lists(index, *partitions));
        }
        self.wait_until("the topics are there", Duration::from_secs(60), |seen| {
            seen.partitions.len() >= skewed().len() && seen.all_in_sync()
        });
        let producer = self.writer();
        let record = noise(15_000, 7);
        for (topic, partition, _) in skewed() {
            let times = 1 + usize::try_from(partition).expect("an index") * 7 % 5;
            for _ in 0..times * UNIT_BYTES / record.len() {
                let record = BaseRecord::<(), [u8]>::to(&topic).partition(partition).payload(&record);
                producer.send(record).unwrap_or_else(|(error, _)| panic!("{topic}-{partition}: {error}"));
            }
        }
        producer.flush(Duration::from_secs(180)).expect("all data is written in time");
        self.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync)
    }

    /// Puts the topics and their leaders back to their skewed places with Kafka's own tools.
    pub fn skew_again(&self) -> Seen {
        let plan = self.reassignment_file("skew.json", &skewed());
        self.reassign(&plan);
        self.kafka_tool("kafka-leader-election", &["--election-type", "preferred", "--all-topic-partitions"]);
        self.wait_until("every preferred leader leads", Duration::from_secs(60), |seen| {
            seen.partitions.values().all(|partition| partition.leader == partition.replicas[0])
        })
    }
}

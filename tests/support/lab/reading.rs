//! [`Reading`]: consumers of a group that read at the head of partitions, and count what they get.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::Lab;
use super::wire::ask;

/// Reads until it is dropped.
pub struct Reading {
    stop: Arc<AtomicBool>,
    bytes: Arc<Vec<AtomicU64>>,
    reader: Option<JoinHandle<()>>,
}

impl Reading {
    /// A consumer that joins a group and gets all `partitions` of a topic.
    pub fn all(lab: &Lab, group: &str, topic: &str, partitions: usize) -> Self {
        Self::start(lab, group, None, partitions, |consumer| consumer.subscribe(&[topic]).expect("a topic"))
    }

    /// The same, of a consumer in a rack, which reads from the replica there, be that the leader or not.
    pub fn in_rack(lab: &Lab, rack: &str, topic: &str, partitions: usize) -> Self {
        let group = format!("{topic}-in-{rack}");
        Self::start(lab, &group, Some(rack), partitions, |consumer| {
            consumer.subscribe(&[topic]).expect("a topic");
        })
    }

    /// A consumer that joins nobody: it takes one partition of a topic, and commits all the same.
    pub fn one(lab: &Lab, group: &str, topic: &str, partitions: usize, partition: i32) -> Self {
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, partition, Offset::End).expect("an offset");
        Self::start(lab, group, None, partitions, |consumer| consumer.assign(&from).expect("a partition"))
    }

    fn start(
        lab: &Lab,
        group: &str,
        rack: Option<&str>,
        partitions: usize,
        take: impl FnOnce(&BaseConsumer),
    ) -> Self {
        let mut config = lab.traffic_config();
        config.set("group.id", group).set("auto.offset.reset", "latest");
        if let Some(rack) = rack {
            config.set("client.rack", rack);
        }
        let consumer: BaseConsumer = config.create().expect("a consumer");
        take(&consumer);
        let stop = Arc::new(AtomicBool::new(false));
        let bytes: Arc<Vec<AtomicU64>> = Arc::new((0..partitions).map(|_| AtomicU64::new(0)).collect());
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&bytes));
        let reader = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    let at = usize::try_from(message.partition()).expect("a partition");
                    let size = u64::try_from(message.payload_len()).expect("a record");
                    count[at].fetch_add(size, Ordering::Relaxed);
                }
            }
        });
        Self { stop, bytes, reader: Some(reader) }
    }

    /// Bytes that it has got of each partition so far.
    pub fn got(&self) -> Vec<u64> {
        self.bytes.iter().map(|bytes| bytes.load(Ordering::Relaxed)).collect()
    }
}

impl Lab {
    /// Leaves groups behind that have read a topic's first records once and that nobody is in, as old deployments do.
    pub fn leave_groups(&self, count: usize, topic: &str, partitions: i32) {
        let text = |text: String| StrBytes::from_string(text);
        let bootstrap = self.internal_bootstrap();
        let connect = |address: &str| TcpStream::connect(address).expect("the broker listens");
        let mut brokers: Vec<TcpStream> = bootstrap.split(',').map(connect).collect();
        let at = |index| {
            let partition = OffsetCommitRequestPartition::default().with_partition_index(index);
            partition.with_committed_offset(1).with_committed_metadata(Some(StrBytes::default()))
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(topic.to_owned())))
            .with_partitions((0..partitions).map(at).collect());
        for number in 0..count {
            // Who is in no group says -1.
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(text(format!("left-{number}"))))
                .with_generation_id_or_member_epoch(-1)
                .with_topics(vec![topic.clone()]);
            // Only its coordinator takes it.
            let taken = brokers.iter_mut().any(|broker| {
                let answer = ask(broker, 2, &request);
                answer.topics[0].partitions.iter().all(|partition| partition.error_code == 0)
            });
            assert!(taken, "no broker took the offsets of group {number}");
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.reader.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the consumer failed");
        }
    }
}

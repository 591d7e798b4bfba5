//! `DescribeLogDirs`, `AlterReplicaLogDirs` and `ListOffsets`: what one broker has on its disks.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    ListOffsetsRequest, ListOffsetsResponse,
};

use super::super::num::{whole, wire_i64};
use super::{Call, Node, own_name, text, topic_name};
use crate::base::{BrokerId, TopicName, TopicPartition};

impl Call<'_> {
    fn here(&self) -> BrokerId {
        match self.node {
            Node::Broker(id) => id,
            Node::Controller => BrokerId(super::CONTROLLER_ID),
        }
    }

    pub(super) fn describe_log_dirs(&self, request: &DescribeLogDirsRequest) -> DescribeLogDirsResponse {
        let here = self.here();
        let Some(broker) = self.cluster.brokers.get(&here) else { return DescribeLogDirsResponse::default() };
        let wanted: Option<BTreeMap<TopicName, BTreeSet<i32>>> = request.topics.as_ref().map(|topics| {
            let of_topic = topics.iter().map(|topic| {
                (own_name(&topic.topic), topic.partitions.iter().copied().collect::<BTreeSet<i32>>())
            });
            of_topic.collect()
        });
        let mut found: Vec<Vec<DescribeLogDirsTopic>> = vec![Vec::new(); broker.dirs.len()];
        for (name, topic) in &self.cluster.topics {
            let only = match &wanted {
                None => None,
                Some(wanted) => match wanted.get(name) {
                    Some(only) => Some(only),
                    None => continue,
                },
            };
            let mut rows: Vec<Vec<DescribeLogDirsPartition>> = vec![Vec::new(); broker.dirs.len()];
            for pid in &topic.partitions {
                let partition = &self.cluster.partitions[*pid];
                if only.is_some_and(|only| !only.contains(&partition.id)) {
                    continue;
                }
                let Some(copy) = partition.copy(here) else { continue };
                let (own, future) = partition.bytes_at(copy, self.cluster.now_ms);
                // Real brokers tell a lag of 0 for a replica that is still catching up, and so does this one.
                let row = DescribeLogDirsPartition::default().with_partition_index(partition.id);
                rows[copy.dir].push(row.clone().with_partition_size(wire_i64(own)));
                if let (Some(bytes), Some(future)) = (future, &copy.future) {
                    let row = row.with_partition_size(wire_i64(bytes)).with_is_future_key(true);
                    rows[future.dir].push(row.with_offset_lag(wire_i64(own.saturating_sub(bytes))));
                }
            }
            for (topics, rows) in found.iter_mut().zip(rows).filter(|(_, rows)| !rows.is_empty()) {
                let described = DescribeLogDirsTopic::default().with_name(topic_name(name));
                topics.push(described.with_partitions(rows));
            }
        }
        let used = self.cluster.used_bytes_of(here);
        let results = broker.dirs.iter().zip(found).zip(used).map(|((dir, topics), used)| {
            let result = DescribeLogDirsResult::default().with_log_dir(text(dir.path.as_str()));
            if !dir.online {
                return result.with_error_code(ResponseError::KafkaStorageError.code());
            }
            result
                .with_topics(topics)
                .with_total_bytes(wire_i64(dir.total_bytes))
                .with_usable_bytes(wire_i64(dir.total_bytes.saturating_sub(used)))
        });
        DescribeLogDirsResponse::default().with_results(results.collect())
    }

    pub(super) fn alter_replica_log_dirs(
        &mut self,
        request: &AlterReplicaLogDirsRequest,
    ) -> AlterReplicaLogDirsResponse {
        let here = self.here();
        let mut by_topic: BTreeMap<TopicName, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
        for dir in &request.dirs {
            for topic in &dir.topics {
                let name = own_name(&topic.name);
                for index in &topic.partitions {
                    let which = TopicPartition::new(name.clone(), *index);
                    let (code, _) =
                        self.attempt(|cluster| cluster.move_log_dir(here, &which, dir.path.as_str()));
                    let result = AlterReplicaLogDirPartitionResult::default().with_partition_index(*index);
                    by_topic.entry(name.clone()).or_default().push(result.with_error_code(code));
                }
            }
        }
        let results = by_topic.into_iter().map(|(name, partitions)| {
            AlterReplicaLogDirTopicResult::default()
                .with_topic_name(topic_name(&name))
                .with_partitions(partitions)
        });
        AlterReplicaLogDirsResponse::default().with_results(results.collect())
    }

    pub(super) fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let which = TopicPartition::new(own_name(&topic.name), wanted.partition_index);
                self.offset(&which, wanted.timestamp)
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn offset(&self, which: &TopicPartition, timestamp: i64) -> ListOffsetsPartitionResponse {
        const LATEST: i64 = -1;
        let response = ListOffsetsPartitionResponse::default().with_partition_index(which.partition);
        let Some(partition) = self.cluster.partition(which) else {
            return response
                .with_error_code(ResponseError::UnknownTopicOrPartition.code())
                .with_offset(-1)
                .with_timestamp(-1);
        };
        if partition.leader != Some(self.here()) {
            return response
                .with_error_code(ResponseError::NotLeaderOrFollower.code())
                .with_offset(-1)
                .with_timestamp(-1);
        }
        let end = partition.end_offset_at(self.cluster.now_ms);
        // A search by time finds the beginning: the simulated records bear no times.
        let offset = if timestamp == LATEST {
            end
        } else {
            end.saturating_sub(whole(partition.size_at(self.cluster.now_ms)))
        };
        response.with_offset(wire_i64(offset)).with_timestamp(-1).with_leader_epoch(partition.leader_epoch)
    }
}

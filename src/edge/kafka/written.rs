//! What clients write to and read of each partition, where no metrics tell: logs and commits watched for a while, and from
//! look to look.

use std::collections::BTreeMap;
use std::time::Duration;

use super::AdminClient;
use super::error::KafkaError;
use super::hint::world_error;
use super::offsets::LogEnd;
use super::read::Followed;
use crate::base::{BrokerId, TimestampMs, TopicPartition};
use crate::observe::{Gap, GapKind, LogSpan, Observation, WriteMeter};

/// Watches logs grow, and groups commit.
pub(super) struct Watched {
    pub meter: WriteMeter,
    pub reads: Followed,
    /// How long the first look waits for a second one to compare itself with.
    pub window: Duration,
}

impl Watched {
    pub fn new(window: Duration) -> Self {
        Self { meter: WriteMeter::default(), reads: Followed::default(), window }
    }

    /// Takes a full look in, and writes into it what clients write and read.
    pub async fn take_in(&mut self, client: &AdminClient, now: TimestampMs, seen: &mut Observation) {
        let commits = self.reads.ask(client, now).await;
        match spans(client, seen).await {
            Ok(spans) => {
                self.meter.look(seen, &spans);
                self.reads.take_in(seen, &commits, &spans);
            }
            Err(error) => {
                // What logs grow by is known all the same; only what was thrown away meanwhile is not.
                self.meter.look(seen, &BTreeMap::new());
                let told = world_error(&error, client.settings());
                let reason = format!(
                    "where logs begin and end is not known, so that what is written may be more, and what is read is not known: {told}"
                );
                seen.gaps.push(Gap { kind: GapKind::NetworkLoad, subject: String::new(), reason });
            }
        }
    }
}

/// Where the logs of all partitions with a leader begin and end.
async fn spans(
    client: &AdminClient,
    seen: &Observation,
) -> Result<BTreeMap<TopicPartition, LogSpan>, KafkaError> {
    let is_alive = |id: &BrokerId| seen.brokers.get(id).is_some_and(|broker| broker.alive);
    let leaders: BTreeMap<TopicPartition, BrokerId> = seen
        .partitions()
        .filter_map(|(which, _, partition)| Some((which, partition.leader.filter(is_alive)?)))
        .collect();
    let ((ends, _), (starts, _)) = tokio::try_join!(
        client.list_offsets(&leaders, LogEnd::Latest),
        client.list_offsets(&leaders, LogEnd::Earliest),
    )?;
    let span = |(which, end): (TopicPartition, i64)| {
        let start = *starts.get(&which)?;
        Some((which, LogSpan { start, end }))
    };
    Ok(ends.into_iter().filter_map(span).collect())
}

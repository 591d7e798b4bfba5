//! What clients read of each partition, where no metrics tell: groups' commits watched for a while, and from look to look.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::AdminClient;
use crate::base::{TimestampMs, TopicPartition};
use crate::observe::{Commits, LogSpan, Observation, ReadMeter};

/// All groups have to tell by then, or they are silent this time.
const LIMIT: Duration = Duration::from_secs(15);

/// Between two looks at commits during the first window there is at least this, and so many times what the last one took: with
/// thousands of groups that is less often, so that the brokers' work for it stays small.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_OF_WORK: u32 = 4;

/// Watches groups commit.
#[derive(Default)]
pub(super) struct Followed {
    meter: ReadMeter,
    took: Duration,
}

impl Followed {
    /// What all groups have committed. To be asked before the ends of logs are, so that no group is beyond its log's end.
    pub async fn ask(&mut self, client: &AdminClient, now: TimestampMs) -> Commits {
        let began = Instant::now();
        let commits = client.commits(LIMIT).await;
        self.took = began.elapsed();
        Commits { at: now, ..commits }
    }

    /// Takes a full look in, and writes into it what clients read.
    pub fn take_in(
        &mut self,
        seen: &mut Observation,
        commits: &Commits,
        spans: &BTreeMap<TopicPartition, LogSpan>,
    ) {
        self.meter.look(seen, commits, spans);
    }

    /// Looks at commits between full looks. Who does not tell just now tells at the next one.
    pub async fn peek(&mut self, client: &AdminClient, now: TimestampMs) {
        let commits = self.ask(client, now).await;
        self.meter.heed(&commits);
    }

    /// How long to wait for the next look at commits, on the wall.
    pub fn pause(&self) -> Duration {
        PAUSE.max(self.took * PAUSE_OF_WORK)
    }
}

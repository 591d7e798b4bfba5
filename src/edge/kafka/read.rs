//! What clients read of each partition, where no metrics tell: groups' commits watched for a while, and from look to look.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::AdminClient;
use super::groups::Listed;
use crate::base::{TimestampMs, TopicPartition};
use crate::observe::{Commits, LogSpan, Observation, ReadMeter};

/// All groups have to tell by then, or they are silent this time.
const LIMIT: Duration = Duration::from_secs(15);

/// Between two looks at commits during the first window there is at least this, and so many times what the last one took.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_OF_WORK: u32 = 20;

/// So many groups are looked at during the first window, those with members first.
const WATCHED_MOST: usize = 500;

/// Watches groups commit.
#[derive(Default)]
pub(super) struct Followed {
    meter: ReadMeter,
    listed: Vec<Listed>,
    took: Duration,
}

impl Followed {
    /// What all groups have committed. To be asked before the ends of logs are, so that no group is beyond its log's end.
    pub async fn ask(&mut self, client: &AdminClient) -> Commits {
        let (commits, listed) = client.commits(LIMIT).await;
        self.remember(listed);
        commits
    }

    fn remember(&mut self, listed: Vec<Listed>) {
        self.listed = listed;
        self.listed.sort_by_key(|group| !group.has_members);
        self.listed.truncate(WATCHED_MOST);
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

    /// Looks at commits between full looks, and at groups that have come meanwhile where there are not too many. Who does not
    /// tell just now tells at the next one.
    pub async fn peek(&mut self, client: &AdminClient, now: TimestampMs) {
        let began = Instant::now();
        let commits = if self.listed.len() < WATCHED_MOST {
            let (commits, listed) = client.commits(LIMIT).await;
            self.remember(listed);
            commits
        } else {
            client.commits_of(&self.listed, LIMIT).await
        };
        self.took = began.elapsed();
        self.meter.heed(now, &commits);
    }

    /// How long to wait for the next look at commits, on the wall.
    pub fn pause(&self) -> Duration {
        PAUSE.max(self.took * PAUSE_OF_WORK)
    }
}

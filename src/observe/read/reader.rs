//! [`Reader`]: how far one group has come in one partition, from commit to commit.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::TimestampMs;

/// What is told is the mean of this long: what clients do in a minute is no reason to move data.
const MEAN_OF: Duration = Duration::from_secs(3600);

/// Commits that are closer than this are drawn together: of a group and a partition there may be a million.
const SPACING: Duration = Duration::from_secs(600);

/// Who has not committed for so many times its usual pause has slowed down or stopped.
const PAUSES: u32 = 3;

/// One group's progress in one partition.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    offset: i64,
    has_members: bool,
    heard_first: TimestampMs,
    /// The first commit that was seen to come, and how many have since.
    first: Option<TimestampMs>,
    commits: u32,
    /// Records read so far.
    read: f64,
    /// Of it, what had been read at some commits, oldest first; the last is that of the newest commit.
    marks: VecDeque<(TimestampMs, f64)>,
}

impl Reader {
    pub fn new(now: TimestampMs, has_members: bool, offset: i64) -> Self {
        let marks = VecDeque::new();
        Self { offset, has_members, heard_first: now, first: None, commits: 0, read: 0.0, marks }
    }

    /// Takes in what it has committed by now, and what can be read of the log.
    pub fn hear(&mut self, now: TimestampMs, has_members: bool, offset: i64, log: RangeInclusive<i64>) {
        self.has_members = has_members;
        self.forget(now);
        // What was thrown away before it was read was not read, nor what has not been written yet.
        let from = self.offset.max(*log.start());
        let came = records(offset.min(*log.end()).saturating_sub(from));
        self.offset = offset;
        // Where it was set back, what is read again shows from here on.
        if came <= 0.0 {
            return;
        }
        self.read += came;
        self.commits += 1;
        self.first.get_or_insert(now);
        let marks = self.marks.len();
        if marks >= 2 && self.marks[marks - 1].0.since(self.marks[marks - 2].0) < SPACING {
            self.marks.pop_back();
        }
        self.marks.push_back((now, self.read));
    }

    /// Lets go of what is older than what a mean is drawn from.
    fn forget(&mut self, now: TimestampMs) {
        let is_old = |mark: &(TimestampMs, f64)| now.since(mark.0) > MEAN_OF;
        if self.marks.back().is_some_and(is_old) {
            *self = Self::new(now, self.has_members, self.offset);
        }
        while self.marks.len() > 2 && self.marks.front().is_some_and(is_old) {
            self.marks.pop_front();
        }
    }

    /// Records a second; of who has committed but once, what came since it was heard of.
    pub fn records_per_s(&self, now: TimestampMs) -> f64 {
        let (Some(oldest), Some(newest)) = (self.marks.front(), self.marks.back()) else { return 0.0 };
        if now.since(newest.0) > MEAN_OF {
            return 0.0;
        }
        if self.commits < 2 {
            return per_second(newest.1, now.since(self.heard_first));
        }
        let until = if self.is_late(now) { now } else { newest.0 };
        per_second(newest.1 - oldest.1, until.since(oldest.0))
    }

    /// Whether a commit is overdue, by those that came.
    fn is_late(&self, now: TimestampMs) -> bool {
        let (Some(first), Some(newest)) = (self.first, self.marks.back()) else { return false };
        let usual = newest.0.since(first) / self.commits.saturating_sub(1).max(1);
        now.since(newest.0) > usual * PAUSES
    }

    /// Whether what it reads cannot be told: it has committed once, or reads and has not committed yet, and was not
    /// waited for so long. Who has read all that there is does not read.
    pub fn is_doubtful(&self, now: TimestampMs, end: Option<i64>, patience: Duration) -> bool {
        if now.since(self.marks.back().map_or(self.heard_first, |newest| newest.0)) >= patience {
            return false;
        }
        match self.commits {
            0 => self.has_members && end.is_some_and(|end| self.offset < end),
            commits => commits < 2,
        }
    }
}

fn per_second(records: f64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { records.max(0.0) / seconds } else { 0.0 }
}

/// A number of records.
#[expect(clippy::cast_precision_loss, reason = "offsets are far below 2^52")]
fn records(count: i64) -> f64 {
    count.max(0) as f64
}

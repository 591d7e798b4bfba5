//! [`Absences`]: what is lacking, and since when: a fold over looks.

use serde::{Deserialize, Serialize};

use super::GapKind;
use crate::base::TimestampMs;

/// Something that is lacking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "lacks")]
pub enum Absent {
    /// A goal that cannot be judged, and is held back until it can.
    Goal {
        /// Its name.
        goal: String,
        /// `must`, `1`, `2` ...
        tier: String,
    },
    /// Something that could not be seen.
    Sight {
        /// What.
        kind: GapKind,
        /// Where: a broker, a topic, an endpoint; empty for the whole cluster.
        subject: String,
    },
}

/// Something that is lacking, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// What.
    #[serde(flatten)]
    pub what: Absent,
    /// The first of the looks, one after the other, at which it was lacking.
    pub since: TimestampMs,
    /// Why, as it was told at the last of them.
    pub reason: String,
}

/// All that is lacking, by what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Absences(Vec<Absence>);

impl Absences {
    /// Takes in what a full look lacks, each with the reason. What was lacking before keeps its beginning; what is lacking no
    /// more is forgotten. Returns whether anything has changed.
    pub fn look(&mut self, now: TimestampMs, mut lacking: Vec<(Absent, String)>) -> bool {
        // To the second, as it is written down: what was read back is what was kept.
        let now = TimestampMs(now.0 / 1000 * 1000);
        // Of several reasons for one thing the first counts, as it was told.
        lacking.sort_by(|(one, _), (other, _)| one.cmp(other));
        lacking.dedup_by(|(later, _), (first, _)| later == first);
        let since = |what: &Absent| {
            let known = self.0.iter().find(|known| known.what == *what);
            // A clock that was set back has no beginning after now.
            known.map_or(now, |known| known.since.min(now))
        };
        let found: Vec<Absence> =
            lacking.into_iter().map(|(what, reason)| Absence { since: since(&what), what, reason }).collect();
        let has_changed = found != self.0;
        self.0 = found;
        has_changed
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Absence> {
        self.0.iter()
    }

    /// Whether nothing is lacking.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(name: &str) -> Absent {
        Absent::Goal { goal: name.to_owned(), tier: "1".to_owned() }
    }

    fn broker(id: i32) -> Absent {
        Absent::Sight { kind: GapKind::NetworkLoad, subject: format!("broker {id}") }
    }

    fn told(absences: &Absences) -> Vec<(Absent, u64, &str)> {
        absences.iter().map(|one| (one.what.clone(), one.since.0, one.reason.as_str())).collect()
    }

    #[test]
    fn what_goes_on_lacking_keeps_its_beginning_and_what_comes_back_begins_anew() {
        let mut absences = Absences::default();
        let refused = || (broker(3), "Connection refused".to_owned());
        assert!(
            absences.look(TimestampMs(10_000), vec![refused(), (goal("network-in"), "no loads".to_owned())])
        );
        assert!(
            !absences.look(TimestampMs(20_000), vec![(goal("network-in"), "no loads".to_owned()), refused()])
        );
        assert!(
            absences.look(TimestampMs(30_000), vec![(broker(3), "timed out".to_owned())]),
            "another reason"
        );
        assert_eq!(told(&absences), [(broker(3), 10_000, "timed out")]);
        assert!(absences.look(TimestampMs(40_000), Vec::new()));
        assert!(absences.is_empty());
        absences.look(TimestampMs(50_000), vec![refused()]);
        assert_eq!(told(&absences), [(broker(3), 50_000, "Connection refused")]);
    }

    #[test]
    fn one_thing_lacks_once_and_no_beginning_lies_ahead() {
        let mut absences = Absences::default();
        let (one, other) = ("bytes in".to_owned(), "bytes out".to_owned());
        absences.look(TimestampMs(50_000), vec![(broker(3), one), (broker(3), other)]);
        assert_eq!(told(&absences), [(broker(3), 50_000, "bytes in")]);
        absences.look(TimestampMs(20_000), vec![(broker(3), "bytes in".to_owned())]);
        assert_eq!(told(&absences), [(broker(3), 20_000, "bytes in")]);
    }

    #[test]
    fn it_is_written_down_as_it_is_read() {
        let mut absences = Absences::default();
        absences
            .look(TimestampMs(7_800), vec![(broker(3), "gone".to_owned()), (goal("g"), "why".to_owned())]);
        let text = serde_json::to_string(&absences).unwrap();
        assert_eq!(serde_json::from_str::<Absences>(&text).unwrap(), absences);
    }
}

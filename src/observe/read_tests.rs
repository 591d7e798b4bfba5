//! Tests of the measure of what is read.

use super::*;
use crate::base::{BrokerId, Bytes};
use crate::observe::{Partition, Replica};

/// A cluster of one topic `t`, whose partitions are written to at a rate in records of 100 bytes, and its groups.
struct Scene {
    meter: ReadMeter,
    id: u128,
    /// Records written a second, by partition.
    written: Vec<i64>,
    /// What is told of groups besides: denied ones, a trouble.
    besides: Commits,
}

const START: i64 = 1000;

impl Scene {
    fn new(written: &[i64]) -> Self {
        Self { meter: ReadMeter::default(), id: 1, written: written.to_vec(), besides: Commits::default() }
    }

    fn end(&self, partition: usize, at_s: u64) -> i64 {
        START + 1000 + self.written[partition] * i64::try_from(at_s).unwrap()
    }

    fn seen(&self, at_s: u64) -> (Observation, BTreeMap<TopicPartition, LogSpan>) {
        let partition = |at: usize| {
            let size = u64::try_from((self.end(at, at_s) - START) * 100).unwrap();
            let mut partition = Partition {
                id: i32::try_from(at).unwrap(),
                replicas: vec![BrokerId(1)],
                leader: Some(BrokerId(1)),
                on_disk: [(BrokerId(1), Replica { size_bytes: Some(Bytes(size)), ..Replica::default() })]
                    .into(),
                ..Partition::default()
            };
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let written = self.written[at] as f64 * 100.0;
            partition.load.produce_bytes_per_s = BytesPerS::new(written).ok();
            partition
        };
        let partitions: Vec<Partition> = (0..self.written.len()).map(partition).collect();
        let spans = partitions.iter().enumerate().map(|(at, partition)| {
            let span = LogSpan { start: START, end: self.end(at, at_s) };
            (TopicPartition::new("t", partition.id), span)
        });
        let spans = spans.collect();
        let topic = SeenTopic { id: Some(Uuid::from_u128(self.id)), partitions, ..SeenTopic::default() };
        let seen = Observation {
            taken_at: TimestampMs(at_s * 1000),
            topics: [(TopicName::from("t"), topic)].into(),
            ..Observation::default()
        };
        (seen, spans)
    }

    fn commits(&self, at_s: u64, groups: &[(&str, bool, &[i64])]) -> Commits {
        let of = |(name, has_members, offsets): &(&str, bool, &[i64])| {
            let told = offsets
                .iter()
                .enumerate()
                .map(|(at, offset)| (TopicPartition::new("t", i32::try_from(at).unwrap()), *offset));
            (GroupId::from(*name), GroupCommits { has_members: *has_members, offsets: told.collect() })
        };
        let at = TimestampMs(at_s * 1000);
        Commits { at, groups: groups.iter().map(of).collect(), ..self.besides.clone() }
    }

    fn peek(&mut self, at_s: u64, groups: &[(&str, bool, &[i64])]) {
        let commits = self.commits(at_s, groups);
        self.meter.heed(&commits);
    }

    /// What is told of each partition, and the reason that is given.
    fn look(&mut self, at_s: u64, groups: &[(&str, bool, &[i64])]) -> (Vec<Option<f64>>, String) {
        let (mut seen, spans) = self.seen(at_s);
        let commits = self.commits(at_s, groups);
        self.meter.look(&mut seen, &commits, &spans);
        let partitions = &seen.topics[&TopicName::from("t")].partitions;
        let told = partitions.iter().map(|partition| partition.load.consume_bytes_per_s.map(BytesPerS::get));
        assert_eq!(seen.gaps.len(), 1, "each look says what its rates are worth");
        (told.collect(), seen.gaps.remove(0).reason)
    }
}

fn about(told: Option<f64>, expected: f64) -> bool {
    told.is_some_and(|told| (told - expected).abs() <= 0.05 * expected)
}

#[test]
fn progress_from_commit_to_commit_times_the_size_of_a_record_is_what_is_read() {
    let mut scene = Scene::new(&[50, 50]);
    let (told, why) = scene.look(0, &[("a", true, &[1900, 1900])]);
    assert_eq!(told, [None, None]);
    assert!(why.contains("next look"), "{why}");
    // It commits every five seconds what it has read, at 20 records a second of the first and 40 of the second.
    for second in 1..20 {
        let step = i64::from(second) / 5 * 5;
        scene.peek(u64::try_from(second).unwrap(), &[("a", true, &[1900 + 20 * step, 1900 + 40 * step])]);
    }
    let (told, why) = scene.look(20, &[("a", true, &[1900 + 400, 1900 + 800])]);
    assert!(about(told[0], 2000.0) && about(told[1], 4000.0), "{told:?}");
    assert!(why.contains("1 consumer group committed") && why.contains("more may be read"), "{why}");
}

#[test]
fn groups_are_summed_up_and_a_partition_that_nobody_reads_is_read_by_nobody() {
    let mut scene = Scene::new(&[50, 50]);
    scene.look(0, &[("a", true, &[1900]), ("b", true, &[1900])]);
    for second in [5, 10, 15] {
        let came = i64::try_from(second).unwrap() * 10;
        scene.peek(second, &[("a", true, &[1900 + came]), ("b", true, &[1900 + 2 * came])]);
    }
    let (told, _) = scene.look(20, &[("a", true, &[2100]), ("b", true, &[2300])]);
    assert!(about(told[0], 3000.0), "{told:?}");
    assert_eq!(told[1], Some(0.0));
}

#[test]
fn one_commit_in_a_short_window_is_a_burst_and_no_rate() {
    let mut scene = Scene::new(&[50]);
    scene.look(0, &[("minutely", true, &[1900])]);
    scene.peek(7, &[("minutely", true, &[1900 + 3000])]);
    let (told, why) = scene.look(20, &[("minutely", true, &[1900 + 3000])]);
    assert_eq!(told, [None], "it was a minute's worth: not 150 records a second, and not none");
    assert!(why.contains("minutely") && why.contains("--load-window"), "{why}");
    // Nor is it nothing that is read where no commit came yet.
    let mut scene = Scene::new(&[50]);
    scene.look(0, &[("minutely", true, &[1900])]);
    assert_eq!(scene.look(20, &[("minutely", true, &[1900])]).0, [None]);
    // A minute later the second commit has come.
    scene.look(67, &[("minutely", true, &[1900 + 3000])]);
    let (told, _) = scene.look(127, &[("minutely", true, &[1900 + 6000])]);
    assert!(about(told[0], 5000.0), "{told:?}");
}

#[test]
fn a_trickle_with_one_commit_does_not_keep_the_rest_from_being_told() {
    let mut scene = Scene::new(&[500, 0]);
    scene.look(0, &[("a", true, &[1900, 1999])]);
    for second in [5, 10, 15] {
        scene.peek(second, &[("a", true, &[1900 + 400 * i64::try_from(second).unwrap(), 2000])]);
    }
    let (told, _) = scene.look(20, &[("a", true, &[1900 + 8000, 2000])]);
    assert!(about(told[0], 40_000.0), "{told:?}");
    assert_eq!(told[1], Some(5.0), "one record in twenty seconds");
}

#[test]
fn a_group_that_has_nobody_in_it_or_nothing_left_to_read_reads_nothing() {
    let mut scene = Scene::new(&[50, 0]);
    let (end, abandoned) = (scene.end(1, 0), 1200);
    scene.look(0, &[("gone", false, &[abandoned, abandoned]), ("idle", true, &[i64::MIN, end])]);
    let (told, _) = scene.look(20, &[("gone", false, &[abandoned, abandoned]), ("idle", true, &[-1, end])]);
    assert_eq!(told, [Some(0.0), Some(0.0)]);
}

#[test]
fn who_stops_reading_reads_less_and_less_over_an_hour() {
    let mut scene = Scene::new(&[50]);
    scene.look(0, &[("a", true, &[1900])]);
    let mut offset = 1900;
    for minute in 1..=10 {
        offset += 600;
        scene.look(minute * 60, &[("a", true, &[offset])]);
    }
    let (told, _) = scene.look(11 * 60, &[("a", true, &[offset])]);
    assert!(about(told[0], 1000.0), "one pause is none: {told:?}");
    let (told, _) = scene.look(20 * 60, &[("a", true, &[offset])]);
    assert!(told[0].is_some_and(|told| told > 400.0 && told < 600.0), "{told:?}");
    assert_eq!(scene.look(80 * 60, &[("a", true, &[offset])]).0, [Some(0.0)]);
}

#[test]
fn an_offset_that_is_set_back_or_lost_to_retention_is_not_read() {
    let mut scene = Scene::new(&[50]);
    scene.look(0, &[("a", true, &[1500])]);
    scene.look(60, &[("a", true, &[1600])]);
    scene.look(120, &[("a", true, &[1700])]);
    // Back to what is long gone, and from there to the oldest record that there is.
    scene.look(180, &[("a", true, &[10])]);
    scene.look(240, &[("a", true, &[1000])]);
    let (told, _) = scene.look(300, &[("a", true, &[1100])]);
    // 100 at 120 and 100 at 300, in four minutes from the first commit on.
    assert!(about(told[0], 200.0 * 100.0 / 240.0), "{told:?}");
}

#[test]
fn an_offset_beyond_the_end_of_the_log_is_no_progress() {
    let mut scene = Scene::new(&[0]);
    let end = scene.end(0, 0);
    scene.look(0, &[("a", true, &[end - 200])]);
    scene.look(60, &[("a", true, &[end - 100])]);
    scene.look(120, &[("a", true, &[end])]);
    let before = scene.look(121, &[("a", true, &[end])]).0;
    let (told, _) = scene.look(122, &[("a", true, &[end + 1_000_000])]);
    assert_eq!(told, before);
    assert_eq!(scene.look(123, &[("a", true, &[i64::MAX])]).0, before);
}

#[test]
fn a_topic_that_was_made_anew_and_a_group_that_vanished_count_no_more() {
    let mut scene = Scene::new(&[50]);
    let reading = |scene: &mut Scene, from: u64| {
        for minute in from..from + 4 {
            let offset = 1900 + 600 * i64::try_from(minute).unwrap();
            scene.look(minute * 60, &[("a", true, &[offset]), ("b", true, &[offset])]);
        }
    };
    reading(&mut scene, 0);
    let (told, _) = scene.look(240, &[("a", true, &[1900 + 2400]), ("b", true, &[1900 + 2400])]);
    assert!(about(told[0], 2000.0), "{told:?}");
    let (told, why) = scene.look(300, &[("a", true, &[1900 + 3000])]);
    assert!(about(told[0], 1000.0), "{told:?}");
    assert!(why.contains("1 consumer group "), "{why}");
    scene.id = 2;
    let (told, _) = scene.look(1000, &[("a", true, &[1900 + 3600])]);
    assert_eq!(told, [Some(0.0)], "after ten minutes what is not known yet counts for nothing");
}

#[test]
fn what_is_known_to_be_missing_holds_all_back_and_what_is_missing_for_once_does_not() {
    let mut scene = Scene::new(&[50]);
    let offset = |minute: u64| [1900 + 600 * i64::try_from(minute).unwrap()];
    for minute in 0..4 {
        scene.look(minute * 60, &[("a", true, &offset(minute))]);
    }
    scene.besides.trouble = Some("broker 3: Connection refused".to_owned());
    let (told, _) = scene.look(240, &[]);
    assert!(about(told[0], 1000.0), "it is known from before: {told:?}");
    let (told, why) = scene.look(900, &[]);
    assert_eq!(told, [None]);
    assert!(why.contains("Connection refused"), "{why}");
    scene.besides = Commits { denied: 2, mend: "grant it".to_owned(), ..Commits::default() };
    let (told, why) = scene.look(960, &[("a", true, &offset(16))]);
    assert_eq!(told, [None]);
    assert!(why.contains("2 of 3 consumer groups") && why.ends_with("grant it"), "{why}");
}

#[test]
fn without_groups_nothing_is_told_and_what_metrics_tell_stays() {
    let mut scene = Scene::new(&[50]);
    scene.look(0, &[]);
    let (told, why) = scene.look(60, &[]);
    assert_eq!(told, [None]);
    assert!(why.contains("no consumer group"), "{why}");
    let (mut seen, spans) = scene.seen(120);
    let slot =
        &mut seen.topics.get_mut(&TopicName::from("t")).unwrap().partitions[0].load.consume_bytes_per_s;
    *slot = BytesPerS::new(42.0).ok();
    let commits = scene.commits(120, &[("a", true, &[1900])]);
    scene.meter.look(&mut seen, &commits, &spans);
    let told = seen.topics[&TopicName::from("t")].partitions[0].load.consume_bytes_per_s;
    assert_eq!(told.map(BytesPerS::get), Some(42.0));
}

#[test]
fn a_clock_that_is_set_back_begins_anew() {
    let mut scene = Scene::new(&[50]);
    scene.look(1000, &[("a", true, &[1900])]);
    let (told, why) = scene.look(500, &[("a", true, &[1950])]);
    assert_eq!(told, [None]);
    assert!(why.contains("next look"), "{why}");
}

//! The page as Prometheus reads it.

use std::collections::BTreeSet;

use prometheus_parse::{Scrape, Value};

use super::*;
use crate::base::{BrokerId, BytesPerS, Millis};
use crate::execute::{End, ExecutionEvent, Outcome, Pause, Phase, Progress};
use crate::observe::{Absences, BrokerThrottle, CanaryTimes, Capacity, Gap, LogDir, Observation, SeenBroker};
use crate::plan::{GoalOutcome, Plan, Price, bare_plan};

const NOW: TimestampMs = TimestampMs(1_795_446_000_000);

/// Reads a page as Prometheus does. Ends the test where a name and its labels are there twice, or a family has no
/// words or no type, or is in two parts.
fn read(text: &str) -> Vec<(String, f64)> {
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("it can be read");
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for sample in &scrape.samples {
        let mut labels: Vec<String> =
            sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        labels.sort();
        let name = format!("{}{{{}}}", sample.metric, labels.join(","));
        assert!(names.insert(name.clone()), "{name} is there twice");
        let value = match sample.value {
            Value::Counter(value) => {
                assert!(name.contains("_total{"), "{name}: counters end so");
                value
            }
            Value::Gauge(value) => {
                assert!(!name.contains("_total{"), "{name}: gauges do not end so");
                value
            }
            ref other => panic!("{name} is {other:?}"),
        };
        assert!(scrape.docs.contains_key(&sample.metric), "{name} has no words");
        all.push((name, value));
    }
    let heads = |mark: &str| text.lines().filter(|line| line.starts_with(mark)).count();
    let families: BTreeSet<&String> = scrape.samples.iter().map(|sample| &sample.metric).collect();
    assert_eq!((heads("# HELP "), heads("# TYPE ")), (families.len(), families.len()), "{text}");
    assert!(families.iter().all(|family| family.starts_with("evenkeel_")), "{families:?}");
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples, all.len(), "a line was not understood: {text}");
    all
}

fn page(gauges: &ClusterGauges, now: TimestampMs) -> Vec<(String, f64)> {
    read(&exposition(&[("prod".to_owned(), gauges.clone())].into(), "1.2.3", now))
}

#[track_caller]
fn expect(page: &[(String, f64)], name: &str, value: f64) {
    let found = page.iter().find(|(found, _)| found == name);
    assert_eq!(found.map(|(_, value)| *value), Some(value), "{name} in {page:#?}");
}

fn has(page: &[(String, f64)], family: &str) -> bool {
    page.iter().any(|(name, _)| name.starts_with(&format!("evenkeel_{family}{{")))
}

fn seen() -> Observation {
    let dir = |total: u64, usable: u64| LogDir {
        total_bytes: Some(Bytes(total)),
        usable_bytes: Some(Bytes(usable)),
        online: true,
        ..LogDir::default()
    };
    let throttle = BrokerThrottle { leader_bytes_per_s: Some(50_000_000), ..BrokerThrottle::default() };
    let first = SeenBroker {
        alive: true,
        log_dirs: vec![dir(1_000, 250), dir(1_000, 750)],
        throttle,
        ..SeenBroker::default()
    };
    let capacity = Capacity { disk_bytes: Some(Bytes(4_000)), ..Capacity::default() };
    let second = SeenBroker { capacity, ..SeenBroker::default() };
    let partition = crate::observe::Partition {
        replicas: vec![BrokerId(1), BrokerId(2)],
        size_bytes: Some(Bytes(400)),
        ..crate::observe::Partition::default()
    };
    let topic = crate::observe::SeenTopic { partitions: vec![partition], ..Default::default() };
    let gap = |kind| Gap { kind, subject: String::new(), reason: String::new() };
    Observation {
        taken_at: NOW,
        brokers: [(BrokerId(1), first), (BrokerId(2), second)].into(),
        topics: [("t".into(), topic)].into(),
        gaps: vec![gap(GapKind::CpuLoad), gap(GapKind::CpuLoad), gap(GapKind::TopicConfig)],
        ..Observation::default()
    }
}

fn progress() -> Progress {
    Progress {
        bytes_total: Bytes(1_000),
        bytes_done: Bytes(400),
        steps_total: 10,
        steps_done: 3,
        steps_in_flight: 2,
        steps_pending: 4,
        steps_dropped: 1,
        wave: 1,
        waves: 2,
        speed_bytes_per_s: BytesPerS::new(25.0).ok(),
        left_s: Some(24.5),
        throttle_bytes_per_s: None,
        brake: None,
        phase: Phase::Copying,
        paused: Some(Pause::Operator),
        stopping: None,
    }
}

fn plan() -> Plan {
    let goal = |name: &str, met_before| GoalOutcome {
        goal: name.to_owned(),
        tier: "1".to_owned(),
        before: String::new(),
        after: String::new(),
        met_before,
        met_after: None,
        out_of_reach: false,
    };
    Plan {
        observed_at: NOW,
        operation: String::new(),
        is_empty: false,
        price: Price { replica_moves: 7, bytes: Bytes(900), leader_changes: 5, ..Price::default() },
        goals: vec![
            goal("disk", Some(true)),
            goal("racks", Some(true)),
            goal("leaders", Some(false)),
            goal("cpu", None),
            // Nothing keeps a goal file from saying a name twice.
            goal("disk", Some(false)),
        ],
        ..bare_plan(Vec::new())
    }
}

#[test]
fn what_is_not_known_is_absent_and_not_zero() {
    let page = page(&ClusterGauges::new("propose"), NOW);
    expect(&page, "evenkeel_build_info{version=1.2.3}", 1.0);
    expect(&page, "evenkeel_mode_info{cluster=prod,mode=propose}", 1.0);
    expect(&page, "evenkeel_execution_running{cluster=prod}", 0.0);
    expect(&page, "evenkeel_execution_paused{cluster=prod}", 0.0);
    expect(&page, "evenkeel_lease_held{cluster=prod}", 0.0);
    expect(&page, "evenkeel_errors_total{cluster=prod,kind=look}", 0.0);
    expect(&page, "evenkeel_executions_total{cluster=prod,end=failed}", 0.0);
    for family in [
        "observation_age_seconds",
        "observation_gaps",
        "broker_up",
        "canary_latency_seconds",
        "execution_remaining_bytes",
        "execution_steps",
        "proposal_outcome",
        "goals",
        "goals_met_ratio",
    ] {
        assert!(!has(&page, family), "{family}: {page:#?}");
    }
}

#[test]
fn a_look_tells_disks_throttles_and_gaps_and_has_an_age() {
    let mut gauges = ClusterGauges::new("act");
    gauges.saw(&seen(), true);
    let full = page(&gauges, NOW.after(Duration::from_millis(2_500)));
    expect(&full, "evenkeel_observation_age_seconds{cluster=prod}", 2.5);
    expect(&full, "evenkeel_observation_gaps{cluster=prod,kind=cpu-load}", 2.0);
    expect(&full, "evenkeel_observation_gaps{cluster=prod,kind=topics}", 0.0);
    expect(&full, "evenkeel_broker_up{broker=1,cluster=prod}", 1.0);
    expect(&full, "evenkeel_broker_up{broker=2,cluster=prod}", 0.0);
    expect(&full, "evenkeel_broker_disk_used_bytes{broker=1,cluster=prod}", 1_000.0);
    expect(&full, "evenkeel_broker_disk_size_bytes{broker=1,cluster=prod}", 2_000.0);
    expect(&full, "evenkeel_broker_disk_used_ratio{broker=1,cluster=prod}", 0.5);
    // Kafka tells nothing of this one's volumes: replicas over what the settings say.
    expect(&full, "evenkeel_broker_disk_used_ratio{broker=2,cluster=prod}", 0.1);
    let throttle = "evenkeel_broker_throttle_bytes_per_second{broker=1,cluster=prod,direction=leader}";
    expect(&full, throttle, 50_000_000.0);

    // Between two steps of an execution sizes and gaps are not looked for again.
    let mut between = seen();
    between.topics.clear();
    between.gaps.clear();
    between.brokers.get_mut(&BrokerId(1)).expect("it is there").throttle = BrokerThrottle::default();
    between.brokers.get_mut(&BrokerId(1)).expect("it is there").log_dirs[0].usable_bytes = Some(Bytes(50));
    gauges.saw(&between, false);
    let later = page(&gauges, NOW);
    expect(&later, "evenkeel_broker_disk_used_ratio{broker=1,cluster=prod}", 0.6);
    expect(&later, "evenkeel_broker_disk_used_ratio{broker=2,cluster=prod}", 0.1);
    expect(&later, "evenkeel_observation_gaps{cluster=prod,kind=cpu-load}", 2.0);
    assert!(!has(&later, "broker_throttle_bytes_per_second"), "none stands any more");
}

#[test]
fn the_canary_is_told_in_seconds_while_it_sings() {
    let times = |p50: f64, p99: f64| EndToEnd {
        p50_ms: Millis::new(p50).expect("a time"),
        p99_ms: Millis::new(p99).expect("a time"),
    };
    let canary = CanaryTimes { all: times(3.1, 8.4), brokers: vec![(BrokerId(1), times(3.0, 7.25))] };
    let mut gauges = ClusterGauges::new("act");
    gauges.saw(&Observation { canary: Some(canary), ..seen() }, false);
    let sings = page(&gauges, NOW);
    expect(&sings, "evenkeel_canary_latency_seconds{cluster=prod,quantile=0.5}", 0.0031);
    expect(&sings, "evenkeel_canary_latency_seconds{cluster=prod,quantile=0.99}", 0.0084);
    let broker = "evenkeel_canary_broker_latency_seconds{broker=1,cluster=prod,quantile=0.99}";
    expect(&sings, broker, 0.00725);
    let old = page(&gauges, NOW.after(Duration::from_secs(61)));
    assert!(!has(&old, "canary_latency_seconds") && !has(&old, "canary_broker_latency_seconds"));
    gauges.rests();
    assert!(!has(&page(&gauges, NOW), "canary_latency_seconds"), "nothing is carried out any more");
}

#[test]
fn an_execution_is_told_while_it_runs_and_its_end_is_counted() {
    let mut gauges = ClusterGauges::new("act");
    gauges.progressed(&progress());
    let failed = ExecutionEvent::CommandFailed { command: String::new(), reason: String::new() };
    gauges.happened(&failed);
    gauges.happened(&failed);
    gauges.happened(&ExecutionEvent::NotRecorded { reason: String::new() });
    let runs = page(&gauges, NOW);
    expect(&runs, "evenkeel_execution_running{cluster=prod}", 1.0);
    expect(&runs, "evenkeel_execution_paused{cluster=prod}", 1.0);
    expect(&runs, "evenkeel_execution_copied_bytes{cluster=prod}", 400.0);
    expect(&runs, "evenkeel_execution_remaining_bytes{cluster=prod}", 600.0);
    expect(&runs, "evenkeel_execution_remaining_seconds{cluster=prod}", 24.5);
    expect(&runs, "evenkeel_execution_speed_bytes_per_second{cluster=prod}", 25.0);
    for (state, steps) in [("pending", 4.0), ("in-flight", 2.0), ("done", 3.0), ("dropped", 1.0)] {
        expect(&runs, &format!("evenkeel_execution_steps{{cluster=prod,state={state}}}"), steps);
    }
    expect(&runs, "evenkeel_errors_total{cluster=prod,kind=command}", 2.0);
    expect(&runs, "evenkeel_errors_total{cluster=prod,kind=journal}", 1.0);

    let outcome = Outcome {
        end: End::DoneInPart,
        steps: Vec::new(),
        bytes_copied: Bytes(1_000),
        took: Duration::from_secs(9),
        left: Vec::new(),
    };
    gauges.ended(NOW, &outcome);
    let ended = page(&gauges, NOW);
    expect(&ended, "evenkeel_execution_running{cluster=prod}", 0.0);
    assert!(!has(&ended, "execution_steps") && !has(&ended, "execution_remaining_seconds"));
    expect(&ended, "evenkeel_executions_total{cluster=prod,end=done-in-part}", 1.0);
    expect(&ended, "evenkeel_execution_last_end_timestamp_seconds{cluster=prod}", 1_795_446_000.0);
}

#[test]
fn a_proposal_tells_what_came_of_it_and_which_goals_are_met() {
    let mut gauges = ClusterGauges::new("propose");
    gauges.proposed(NOW, Proposed::HeldBack, Some(&plan()));
    let held = page(&gauges, NOW);
    expect(&held, "evenkeel_proposal_timestamp_seconds{cluster=prod}", 1_795_446_000.0);
    expect(&held, "evenkeel_proposal_outcome{cluster=prod,outcome=held-back}", 1.0);
    expect(&held, "evenkeel_proposal_outcome{cluster=prod,outcome=level}", 0.0);
    expect(&held, "evenkeel_proposal_copied_bytes{cluster=prod}", 900.0);
    expect(&held, "evenkeel_proposal_replica_moves{cluster=prod}", 7.0);
    expect(&held, "evenkeel_proposal_leader_changes{cluster=prod}", 5.0);
    expect(&held, "evenkeel_goal_met{cluster=prod,goal=racks,tier=1}", 1.0);
    expect(&held, "evenkeel_goal_met{cluster=prod,goal=disk,tier=1}", 0.0);
    expect(&held, "evenkeel_goals{cluster=prod,state=met}", 2.0);
    expect(&held, "evenkeel_goals{cluster=prod,state=not-met}", 2.0);
    expect(&held, "evenkeel_goals{cluster=prod,state=not-ready}", 1.0);
    expect(&held, "evenkeel_goals_met_ratio{cluster=prod}", 0.5);
    gauges.proposed(NOW, Proposed::Failed, None);
    let failed = page(&gauges, NOW);
    expect(&failed, "evenkeel_proposal_outcome{cluster=prod,outcome=failed}", 1.0);
    assert!(
        !has(&failed, "goals") && !has(&failed, "proposal_copied_bytes"),
        "what it was is not so any more"
    );
}

#[test]
fn what_is_lacking_is_told_with_its_beginning() {
    let mut gauges = ClusterGauges::new("watch");
    let mut absences = Absences::default();
    let goal = Absent::Goal { goal: "network-in".to_owned(), tier: "1".to_owned() };
    let sight = Absent::Sight { kind: GapKind::NetworkLoad, subject: "broker 3".to_owned() };
    absences.look(TimestampMs(5_000), vec![(sight.clone(), "Connection refused".to_owned())]);
    absences.look(TimestampMs(7_500), vec![(sight, "timed out".to_owned()), (goal, "no loads".to_owned())]);
    gauges.lacks(absences);
    let told = page(&gauges, NOW);
    let gap =
        "evenkeel_observation_gap_since_timestamp_seconds{cluster=prod,kind=network-load,subject=broker 3}";
    expect(&told, gap, 5.0);
    expect(
        &told,
        "evenkeel_goal_held_back_since_timestamp_seconds{cluster=prod,goal=network-in,tier=1}",
        7.0,
    );
    gauges.lacks(Absences::default());
    assert!(!has(&page(&gauges, NOW), "evenkeel_observation_gap_since_timestamp_seconds"));
}

#[test]
fn several_clusters_share_a_family_and_strange_names_do_no_harm() {
    let mut gauges = ClusterGauges::new("act");
    gauges.saw(&seen(), true);
    let clusters = [("a \"b\"".to_owned(), gauges.clone()), ("c\\d\ne".to_owned(), gauges)];
    let text = exposition(&clusters.into(), "1", NOW);
    assert!(text.contains("evenkeel_lease_held{cluster=\"a \\\"b\\\"\"} 0\n"), "{text}");
    assert!(text.contains("evenkeel_lease_held{cluster=\"c\\\\d\\ne\"} 0\n"), "{text}");
    let heads = text.lines().filter(|line| line.starts_with("# TYPE evenkeel_broker_up ")).count();
    assert_eq!(heads, 1, "{text}");
}

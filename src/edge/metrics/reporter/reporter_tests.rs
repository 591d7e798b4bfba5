//! What is told of brokers whose reports are there, late, or not at all.

use super::*;
use crate::base::BytesPerS;

/// Bytes in and use of the processor of a broker, as a reporter sends them.
fn report(broker: i32, time_ms: i64) -> Vec<Vec<u8>> {
    let record = |kind: u8, value: f64| {
        let head = [vec![0, 0, kind], time_ms.to_be_bytes().to_vec(), broker.to_be_bytes().to_vec()];
        [head.concat(), value.to_be_bytes().to_vec()].concat()
    };
    vec![record(0, 100.0), record(1, 10.0), record(5, 0.25)]
}

#[test]
fn brokers_that_report_are_known_and_the_others_named() {
    let brokers: Brokers = [1, 2, 3].map(|id| (BrokerId(id), None)).into();
    let mut reports = Reports::default();
    report(1, 0).iter().chain(&report(2, 59_000)).for_each(|record| reports.add(record));
    let capacity = CapacitySettings { cpu_cores: Cores::new(8.0).ok(), ..CapacitySettings::default() };
    let told = tell("reports", &capacity, &brokers, &reports, 60_000);
    assert_eq!(told.metrics.keys().collect::<Vec<_>>(), [&BrokerId(1)]);
    let one = &told.metrics[&BrokerId(1)];
    assert_eq!((one.bytes_in_per_s, one.cpu_cores_used), (BytesPerS::new(100.0).ok(), Cores::new(2.0).ok()));
    let words: Vec<String> =
        told.gaps.iter().map(|gap| format!("{} {}: {}", gap.kind.name(), gap.subject, gap.reason)).collect();
    let late = "topic reports: its first report has not arrived whole";
    let silent =
        "topic reports: it has reported nothing in the last 5 min; its reporter may not run, or seldom";
    assert_eq!(
        words,
        [
            format!("network-load broker 2: {late}"),
            format!("cpu-load broker 2: {late}"),
            format!("network-load broker 3: {silent}"),
            format!("cpu-load broker 3: {silent}"),
        ]
    );
}

#[test]
fn a_share_of_an_unknown_number_of_cores_is_a_gap() {
    let brokers: Brokers = [(BrokerId(1), None)].into();
    let mut reports = Reports::default();
    for record in report(1, 0) {
        reports.add(&record);
    }
    reports.add(b"no record");
    let told = tell("reports", &CapacitySettings::default(), &brokers, &reports, 60_000);
    assert_eq!(told.metrics[&BrokerId(1)].cpu_cores_used, None);
    assert!(told.gaps[0].reason.contains("give `capacity.cpu-cores`"), "{:?}", told.gaps);
    let expected = "1 records of topic reports are none of a reporter's; of the first, its class is 110, which is none that is known";
    assert_eq!(told.gaps[1].reason, expected);
}

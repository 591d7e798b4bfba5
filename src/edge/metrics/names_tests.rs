//! Which names mean what, by the rules of all families.

use super::*;

/// A name, its `name` label, and what they mean.
type Case = (&'static str, Option<&'static str>, Option<Meaning>);

fn expect(cases: &[Case]) {
    for (metric, label, expected) in cases {
        assert_eq!(meaning(metric, *label), *expected, "{metric} {label:?}");
        assert!(expected.is_none() || is_wanted(metric), "{metric}");
    }
}

#[test]
fn names_of_charts_and_newer_exporters_are_known() {
    expect(&[
        (
            "kafka_server_brokertopicmetrics_total_bytesinpersec_oneminuterate",
            None,
            Some(Meaning::Rate(Flow::In)),
        ),
        (
            "kafka_server_brokertopicmetrics_total_bytesoutpersec_count_total",
            None,
            Some(Meaning::Count(Flow::Out)),
        ),
        (
            "kafka_server_brokertopicmetrics_count_total",
            Some("BytesInPerSec"),
            Some(Meaning::Count(Flow::In)),
        ),
        ("kafka_server_brokertopicmetrics_bytesinpersec", None, None),
        (
            "kafka_server_kafkarequesthandlerpool_total_requesthandleravgidlepercent_oneminuterate",
            None,
            Some(Meaning::HandlerIdle),
        ),
    ]);
}

#[test]
fn names_of_all_families_are_known() {
    let cases = [
        (
            "kafka_server_brokertopicmetrics_oneminuterate",
            Some("BytesInPerSec"),
            Some(Meaning::Rate(Flow::In)),
        ),
        ("kafka_server_brokertopicmetrics_count", Some("BytesOutPerSec"), Some(Meaning::Count(Flow::Out))),
        ("kafka_server_brokertopicmetrics_meanrate", Some("BytesOutPerSec"), None),
        ("kafka_server_brokertopicmetrics_count", Some("MessagesInPerSec"), None),
        ("kafka_server_brokertopicmetrics_bytesin_total", None, Some(Meaning::Count(Flow::In))),
        ("kafka_server_brokertopicmetrics_bytesinpersec_count", None, Some(Meaning::Count(Flow::In))),
        (
            "kafka_server_brokertopicmetrics_replicationbytesoutpersec_oneminuterate",
            None,
            Some(Meaning::Rate(Flow::ReplicationOut)),
        ),
        (
            "kafka_server_brokertopicmetrics_reassignmentbytesin_total",
            None,
            Some(Meaning::Count(Flow::ReassignmentIn)),
        ),
        ("kafka_server_brokertopicmetrics_fetchmessageconversions_total", None, None),
        (
            "kafka_network_requestmetrics_99thpercentile",
            Some("TotalTimeMs"),
            Some(Meaning::RequestMs(Span::Total)),
        ),
        ("kafka_network_requestmetrics_99thpercentile", Some("ThrottleTimeMs"), None),
        ("kafka_network_requestmetrics_localtimems", None, Some(Meaning::RequestMs(Span::Local))),
        (
            "kafka_network_requestmetrics_localtimems_99thpercentile",
            None,
            Some(Meaning::RequestMs(Span::Local)),
        ),
        (
            "kafka_server_kafkarequesthandlerpool_oneminuterate",
            Some("RequestHandlerAvgIdlePercent"),
            Some(Meaning::HandlerIdle),
        ),
        (
            "kafka_server_kafkarequesthandlerpool_oneminuterate",
            Some("BrokerRequestHandlerAvgIdlePercent"),
            None,
        ),
        ("java_lang_operatingsystem_systemcpuload", None, None),
        ("process_cpu_seconds_total", None, Some(Meaning::PageCpuSeconds)),
    ];
    expect(&cases);
    assert!(is_wanted("kafka_server_BrokerTopicMetrics_OneMinuteRate"));
    assert!(!is_wanted("kafka_server_BrokerTopicMetrics_FiveMinuteRate"));
    assert!(!is_wanted("kafka_network_RequestMetrics_Count"));
    assert!(!is_wanted("kafka_server_BrokerTopicMetrics_é"));
}

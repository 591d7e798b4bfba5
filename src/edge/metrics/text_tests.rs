//! Pages as exporters write them, and pages that are none.

use proptest::prelude::*;

use super::*;

/// All that has a name of use, whatever its labels.
fn all(page: &[u8]) -> Result<Page, PageError> {
    read_where(page, |_, _| true)
}

const NAME: &str = "kafka_server_BrokerTopicMetrics_OneMinuteRate";

/// Labels and value of a page of one line.
fn one(line: &str) -> (Vec<(String, String)>, f64) {
    let page = all(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(page.unreadable, Fault::default(), "{line}");
    let [reading] = page.readings.as_slice() else { panic!("{line}: {page:?}") };
    assert_eq!(reading.name, NAME.to_ascii_lowercase());
    (reading.labels.clone().into_iter().collect(), reading.value)
}

fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn both_label_orders_and_the_trailing_comma_are_read() {
    let expected = (labels(&[("name", "BytesInPerSec"), ("topic", "x")]), 1.5);
    for inside in [
        r#"{name="BytesInPerSec",topic="x",}"#,
        r#"{topic="x",name="BytesInPerSec"}"#,
        r#" { topic = "x" , name = "BytesInPerSec" } "#,
    ] {
        assert_eq!(one(&format!("{NAME}{inside} 1.5")), expected);
    }
    assert_eq!(one(&format!("{{\"{NAME}\",topic=\"x\",name=\"BytesInPerSec\"}} 1.5")), expected);
    assert_eq!(one(&format!("{} 1.5", NAME.replace("server_", "server:"))).0, []);
}

#[test]
fn what_the_format_allows_is_read() {
    assert_eq!(one(&format!("{NAME}{{}} 2")), (vec![], 2.0));
    assert_eq!(
        one(&format!(r#"{NAME}{{a="q\"uo}}te\\, k=v\n"}} 2"#)).0,
        labels(&[("a", "q\"uo}te\\, k=v\n")])
    );
    assert_eq!(one(&format!(r#"{NAME}{{a=""}} 2"#)).0, labels(&[("a", "")]));
    assert_eq!(one(&format!("{NAME} 2 1700000000.123")), (vec![], 2.0));
    assert_eq!(one(&format!("{NAME} 2 # {{trace=\"x\"}} 1")), (vec![], 2.0));
    assert!(one(&format!("{NAME} NaN")).1.is_nan());
    assert_eq!(one(&format!("{NAME} +Inf")), (vec![], f64::INFINITY));
}

#[test]
fn lines_that_cannot_be_read_are_counted() {
    let bad = [
        format!("{NAME}{{a=\"x}} 1"),
        format!("{NAME}{{a=\"x\",a=\"y\"}} 1"),
        format!("{NAME}{{a=x}} 1"),
        format!("{NAME} one"),
        format!("{NAME} 1 yesterday"),
        NAME.to_owned(),
        "{} 1".to_owned(),
        "5xx 1".to_owned(),
        format!("{NAME}{{\"a b\"=\"x\"}} 1"),
    ];
    for line in bad {
        let page = all(format!("up 1\nup 1\n{line}\n").as_bytes()).unwrap();
        assert_eq!(page.unreadable, Fault { count: 1, first_line: 3 }, "{line}");
        assert_eq!(page.others, 2);
    }
}

#[test]
fn other_pages_are_errors() {
    assert_eq!(all(b"<!doctype html><p>Sign in"), Err(PageError::Html));
    assert_eq!(all(b"\n <html>"), Err(PageError::Html));
    assert_eq!(all(b""), Err(PageError::NoMetrics));
    assert_eq!(all(b"# only a comment\n"), Err(PageError::NoMetrics));
    assert_eq!(all(br#"{"error": "no such page"}"#), Err(PageError::NoMetrics));
    assert_eq!(all(b"not found"), Err(PageError::NoMetrics));
    assert_eq!(all(&[0xff, 0xfe, 0x00]), Err(PageError::NotText));
}

#[test]
fn what_tells_nothing_is_counted_and_not_kept() {
    let page = read(
        b"kafka_server_BrokerTopicMetrics_Count{name=\"MessagesInPerSec\",} 1.0\n\
          kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"Vote\",} 1.0\n\
          kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"Produce\",} 2.0\n\
          kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"Vote\",} none\n",
    );
    let page = page.unwrap();
    assert_eq!((page.readings.len(), page.others, page.unreadable.count), (1, 2, 1));
    assert_eq!((page.readings[0].line, page.readings[0].labels["request"].as_str()), (3, "Produce"));
}

proptest! {
    #[test]
    fn any_label_value_comes_through(value in "[^\r]*", amount in any::<f64>()) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Control characters that end a line for the reader would end it for every reader.
        prop_assume!(format!("{NAME}{{a=\"{escaped}\"}} 1").lines().count() == 1);
        let (read, seen) = one(&format!("{NAME}{{a=\"{escaped}\"}} {amount}"));
        prop_assert_eq!(read, labels(&[("a", &value)]));
        prop_assert_eq!(seen.to_string(), amount.to_string());
    }

    #[test]
    fn arbitrary_text_never_panics_and_every_line_is_counted(text in "(kafka_server_brokertopicmetrics_|[a-z{}\"=,\\\\ \n0-9])*") {
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        if let Ok(page) = all(text.as_bytes()) {
            prop_assert_eq!(page.readings.len() + page.others + page.unreadable.count, lines);
        }
    }
}

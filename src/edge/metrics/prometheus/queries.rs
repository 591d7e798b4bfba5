//! What a server is asked, in `PromQL`: the names that `names.rs` knows, as selectors.
//!
//! Where an exporter shows a rate of Kafka's own, its last sample counts; where it shows a counter alone, the server makes
//! the rate, as it knows its scrapes and resets best. No sample older than `max-age` goes into either.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::super::names::{BUSY_MODES, Flow};

/// How long ago requests may have been timed: what clients felt earlier says nothing of how they fare now.
const LATENCY_AGE_MOST: Duration = Duration::from_secs(60);

/// What a query is about: what its series mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Bytes per second.
    Flow(Flow),
    /// Gauges that keep their names, which tell what they mean.
    Named,
    /// Cores that a process keeps busy, as the JVM's operating system bean counts them.
    ProcessCores,
    /// The same, as a page's own process counts them.
    PageCores,
    /// Cores that a machine keeps busy.
    NodeCoresUsed,
    /// Cores of a machine.
    NodeCores,
    /// What the network devices of a machine carry.
    NodeLinks,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub about: About,
    pub expression: String,
}

/// All that a server is asked in one look.
pub(super) fn all(labels: &BTreeMap<String, String>, max_age: Duration) -> Vec<Query> {
    let labels = matchers(labels);
    let window = format!("[{}ms]", max_age.as_millis());
    let latency_window = format!("[{}ms]", max_age.min(LATENCY_AGE_MOST).as_millis());
    let of = |name: &str, more: &str| format!("{{__name__=~\"(?i){name}\"{more}{labels}}}");
    let query = |about, expression| Query { about, expression };
    let node = |mode: &str| of("node_cpu_seconds_total", &format!(",mode=~\"{mode}\""));
    let mut queries: Vec<Query> = Flow::ALL
        .into_iter()
        .map(|flow| {
            let kept = last(&of(&rate_names(flow), &named(flow)), &window);
            let counted = counter_names(flow).map(|names| rate(&of(&names, &named(flow)), &window));
            query(About::Flow(flow), format!("{kept} or {}", counted.join(" or ")))
        })
        .collect();
    queries.extend([
        query(About::Named, last(&of(P99_NAMES, P99_LABELS), &latency_window)),
        query(About::Named, last(&of(GAUGE_NAMES, GAUGE_LABELS), &window)),
        query(
            About::ProcessCores,
            format!("{} / 1e9", rate(&of("java_lang_operatingsystem_processcputime", ""), &window)),
        ),
        query(About::PageCores, rate(&of("process_cpu_seconds_total", ""), &window)),
        query(
            About::NodeCoresUsed,
            format!("sum without (cpu, mode) ({})", rate(&node(&BUSY_MODES.join("|")), &window)),
        ),
        query(About::NodeCores, format!("count without (cpu, mode) ({})", last(&node("idle"), &window))),
        query(About::NodeLinks, last(&of("node_network_speed_bytes", ""), &window)),
    ]);
    queries
}

fn last(selector: &str, window: &str) -> String {
    format!("last_over_time({selector}{window})")
}

fn rate(selector: &str, window: &str) -> String {
    format!("rate({selector}{window})")
}

/// Where the name of the metric does not hold it, the bean's name is in a label.
fn named(flow: Flow) -> String {
    format!(",name=~\"(?i)({}persec)?\"", flow.word())
}

/// Rates that Kafka keeps.
fn rate_names(flow: Flow) -> String {
    format!("kafka_server_brokertopicmetrics_(oneminuterate|(total_)?{}(persec)?_oneminuterate)", flow.word())
}

/// Counters, by their endings: a rate loses its name, so one exporter that shows both must not be asked for both at once.
fn counter_names(flow: Flow) -> [String; 3] {
    ["count", "total", "count_total"].map(|end| {
        // Without a name of its own, what ends with `_total` alone would be a sum over all beans.
        let bare = if end == "total" { String::new() } else { format!("{end}|") };
        format!("kafka_server_brokertopicmetrics_({bare}(total_)?{}(persec)?_{end})", flow.word())
    })
}

const P99_NAMES: &str = "kafka_network_requestmetrics_(99thpercentile\
    |(totaltimems|requestqueuetimems|localtimems|responsequeuetimems|responsesendtimems)(_99thpercentile)?)";
const P99_LABELS: &str = ",request=~\"Produce|FetchConsumer\",quantile=~\"(0.99)?\"\
    ,name=~\"(?i)((total|requestqueue|local|responsequeue|responsesend)timems)?\"";
const GAUGE_NAMES: &str = "(java_lang_operatingsystem_(processcpuload|availableprocessors)\
    |kafka_server_kafkarequesthandlerpool_(oneminuterate\
    |(total_)?requesthandleravgidle(_percent|percent_oneminuterate)))";
const GAUGE_LABELS: &str = ",name=~\"(?i)(requesthandleravgidlepercent)?\"";

/// Labels as matchers to stand behind others. `PromQL` and JSON write text in quotes alike.
fn matchers(labels: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (label, value) in labels {
        let value = serde_json::Value::from(value.as_str());
        write!(text, ",{label}={value}").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::super::super::names::{Meaning, is_p99, meaning};
    use super::super::super::text;
    use super::*;

    const PAGES: [&str; 6] = [
        include_str!("../../../../fixtures/metrics/jmx-agent-1.0.prom"),
        include_str!("../../../../fixtures/metrics/jmx-agent-0.16.prom"),
        include_str!("../../../../fixtures/metrics/rules-strimzi-1.0.prom"),
        include_str!("../../../../fixtures/metrics/rules-community-1.0.prom"),
        include_str!("../../../../fixtures/metrics/rules-community-0.20.prom"),
        include_str!("../../../../fixtures/metrics/rules-helm-1.0.prom"),
    ];

    /// What a query is about, and the matchers of each of its selectors.
    type Selectors = (About, Vec<Vec<(String, Regex)>>);

    /// The selectors of an expression, each as matchers by label, as a server reads them.
    fn selectors(expression: &str) -> Vec<Vec<(String, Regex)>> {
        let selector = Regex::new(r"\{(.*?)\}").unwrap();
        let matcher = Regex::new("([a-z_]+)=(~?)\"([^\"]*)\"").unwrap();
        let read = |inside: &str| {
            let matchers = matcher.captures_iter(inside).map(|found| {
                let whole = if found[2].is_empty() { regex::escape(&found[3]) } else { found[3].to_owned() };
                (found[1].to_owned(), Regex::new(&format!("^(?:{whole})$")).unwrap())
            });
            matchers.collect()
        };
        selector.captures_iter(expression).map(|found| read(&found[1])).collect()
    }

    /// Which queries a reading of an exporter's page would come up in.
    fn asked(queries: &[Selectors], reading: &text::Reading) -> Vec<About> {
        let label = |key: &str| match key {
            "__name__" => reading.name.as_str(),
            key => reading.labels.get(key).map_or("", String::as_str),
        };
        let is_in = |(_, selectors): &&Selectors| {
            selectors.iter().any(|matchers| matchers.iter().all(|(key, regex)| regex.is_match(label(key))))
        };
        queries.iter().filter(is_in).map(|(about, _)| *about).collect()
    }

    #[test]
    fn a_server_is_asked_for_what_a_scrape_understands_and_nothing_else() {
        let queries: Vec<Selectors> = all(&BTreeMap::new(), Duration::from_secs(300))
            .iter()
            .map(|query| (query.about, selectors(&query.expression)))
            .collect();
        let mut understood = 0;
        for page in PAGES {
            for reading in text::read_where(page.as_bytes(), |_, _| true).unwrap().readings {
                let label = |key: &str| reading.labels.get(key).map(String::as_str);
                let expected = match meaning(&reading.name, label("name")) {
                    Some(Meaning::Rate(flow) | Meaning::Count(flow)) => vec![About::Flow(flow)],
                    Some(Meaning::RequestMs(_)) => {
                        let is_asked = is_p99(&reading.name, label("quantile"))
                            && matches!(label("request"), Some("Produce" | "FetchConsumer"));
                        if is_asked { vec![About::Named] } else { Vec::new() }
                    }
                    Some(Meaning::HandlerIdle | Meaning::ProcessCpuLoad | Meaning::Processors) => {
                        vec![About::Named]
                    }
                    Some(Meaning::ProcessCpuNanoseconds) => vec![About::ProcessCores],
                    Some(Meaning::PageCpuSeconds) => vec![About::PageCores],
                    Some(Meaning::NodeCpuSeconds | Meaning::NodeLinkSpeed) => {
                        unreachable!("these are pages of brokers")
                    }
                    None => Vec::new(),
                };
                assert_eq!(asked(&queries, &reading), expected, "{reading:?}");
                understood += expected.len();
            }
        }
        assert!(understood > 100, "{understood}");
    }

    #[test]
    fn labels_narrow_every_selector_down_and_cannot_break_out() {
        let labels = [("cluster".to_owned(), "a\"}b\\".to_owned())].into();
        for query in all(&labels, Duration::from_secs(90)) {
            let opened = query.expression.matches("__name__").count();
            assert_eq!(query.expression.matches(r#",cluster="a\"}b\\"}"#).count(), opened, "{query:?}");
        }
        let flow = &all(&BTreeMap::new(), Duration::from_secs(90))[0].expression;
        assert!(flow.contains("[90000ms]"), "{flow}");
    }
}

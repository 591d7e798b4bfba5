//! Which metrics mean what: the one place to teach evenkeel another name.
//!
//! Exporters write Kafka's `MBeans` by their own rules. Four families of names are known, in any mix of capitals:
//! the JMX exporter's default (`kafka_server_BrokerTopicMetrics_OneMinuteRate{name="BytesInPerSec",topic="t"}`), as
//! MSK's open monitoring has it; the community's rules (`kafka_server_brokertopicmetrics_bytesin_total{topic="t"}`,
//! Strimzi's among them); those of Helm charts, which put `total_` before what is about all topics
//! (`kafka_server_brokertopicmetrics_total_bytesinpersec_count`); and the node exporter's. JMX exporters from 1.0 on end
//! every counter with `_total`, so that `_count_total` is one, too. What ends with neither (`..._bytesinpersec`) is left
//! alone: some exporters mean a counter with it and some a rate.
//!
//! The same knowledge in the words of a Prometheus server's queries is in `prometheus/queries.rs`; a test keeps the two
//! together.

/// Traffic of a broker, of one topic or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// Clients write.
    In,
    /// Clients read.
    Out,
    /// Received from other brokers.
    ReplicationIn,
    /// Sent to other brokers.
    ReplicationOut,
    /// Of what is received from other brokers, what makes new replicas.
    ReassignmentIn,
    /// Of what is sent to other brokers, what makes new replicas.
    ReassignmentOut,
}

impl Flow {
    /// Every flow.
    pub const ALL: [Self; 6] = [
        Self::In,
        Self::Out,
        Self::ReplicationIn,
        Self::ReplicationOut,
        Self::ReassignmentIn,
        Self::ReassignmentOut,
    ];

    /// What Kafka calls it, in small letters and without `PerSec`.
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "bytesin",
            Self::Out => "bytesout",
            Self::ReplicationIn => "replicationbytesin",
            Self::ReplicationOut => "replicationbytesout",
            Self::ReassignmentIn => "reassignmentbytesin",
            Self::ReassignmentOut => "reassignmentbytesout",
        }
    }
}

/// Requests whose time is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    Produce,
    /// A consumer's; followers fetch too, and their time is not what clients feel.
    Fetch,
}

/// Which part of the time that a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// All of it.
    Total,
    RequestQueue,
    Local,
    ResponseQueue,
    ResponseSend,
}

/// What a metric tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Bytes per second.
    Rate(Flow),
    /// Bytes since the broker's start.
    Count(Flow),
    /// Milliseconds that requests take; which requests, and which percentile where the name does not tell, is in labels.
    RequestMs(Span),
    /// Share of time in which request handlers are idle.
    HandlerIdle,
    /// The broker process's share of all cores, 0 to 1.
    ProcessCpuLoad,
    /// Cores.
    Processors,
    /// Processor time of the broker, in nanoseconds.
    ProcessCpuNanoseconds,
    /// Processor time of whatever process serves the page, in seconds: the broker's on an agent's page.
    PageCpuSeconds,
    /// Processor time of a core of the machine in one mode, in seconds.
    NodeCpuSeconds,
    /// Bytes per second that a network device of the machine can carry in each direction; -1 Mbit/s where it does not say.
    NodeLinkSpeed,
}

const BROKER_TOPIC: &str = "kafka_server_brokertopicmetrics_";
const REQUESTS: &str = "kafka_network_requestmetrics_";
const HANDLER_POOL: &str = "kafka_server_kafkarequesthandlerpool_";
const OPERATING_SYSTEM: &str = "java_lang_operatingsystem_";

/// Whether a metric may be one of those that are known; most of a page is not, and is skipped at this.
pub(super) fn is_wanted(name: &str) -> bool {
    let starts = |prefix: &str| {
        name.len() >= prefix.len() && name.as_bytes()[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
    };
    let is_known = |suffixes: &[&str]| {
        let ends = |suffix: &&str| {
            name.len() >= suffix.len()
                && name.as_bytes()[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
        };
        suffixes.iter().any(ends)
    };
    (starts(BROKER_TOPIC) && is_known(&["_oneminuterate", "_count", "_total"]))
        || (starts(REQUESTS) && is_known(&["_99thpercentile", "timems"]))
        || (starts(HANDLER_POOL) && is_known(&["_oneminuterate", "_percent"]))
        || (starts(OPERATING_SYSTEM) && is_known(&["load", "processors", "cputime"]))
        || name == "process_cpu_seconds_total"
        || name == "node_cpu_seconds_total"
        || name == "node_network_speed_bytes"
}

/// Whether a metric, by its name in small letters and its labels, is one that tells something.
pub(super) fn is_of_use<'a>(metric: &str, label: &dyn Fn(&str) -> Option<&'a str>) -> bool {
    let label = |key: &str| label(key).filter(|text| !text.is_empty());
    match meaning(metric, label("name")) {
        Some(Meaning::RequestMs(_)) => {
            label("request").is_some_and(|asked| request(asked).is_some())
                && is_p99(metric, label("quantile"))
        }
        meaning => meaning.is_some(),
    }
}

/// What a metric means, from its name in small letters and its `name` label.
pub(super) fn meaning(metric: &str, label: Option<&str>) -> Option<Meaning> {
    if let Some(rest) = metric.strip_prefix(BROKER_TOPIC) {
        let rest = as_counted(rest);
        let (flow, form) = match label {
            Some(label) => (flow(&label.to_ascii_lowercase())?, rest),
            None => {
                of_all_topics(rest).rsplit_once('_').and_then(|(name, form)| Some((flow(name)?, form)))?
            }
        };
        return match form {
            "oneminuterate" => Some(Meaning::Rate(flow)),
            "count" | "total" => Some(Meaning::Count(flow)),
            _ => None,
        };
    }
    if let Some(rest) = metric.strip_prefix(REQUESTS) {
        let name = match label {
            Some(label) if rest == "99thpercentile" => label.to_ascii_lowercase(),
            _ => rest.strip_suffix("_99thpercentile").unwrap_or(rest).to_owned(),
        };
        return span(&name).map(Meaning::RequestMs);
    }
    if let Some(rest) = metric.strip_prefix(HANDLER_POOL) {
        let bare = of_all_topics(rest);
        let is_idle = label.map_or(
            matches!(bare, "requesthandleravgidle_percent" | "requesthandleravgidlepercent_oneminuterate"),
            |label| rest == "oneminuterate" && label.eq_ignore_ascii_case("RequestHandlerAvgIdlePercent"),
        );
        return is_idle.then_some(Meaning::HandlerIdle);
    }
    match metric {
        "java_lang_operatingsystem_processcpuload" => Some(Meaning::ProcessCpuLoad),
        "java_lang_operatingsystem_availableprocessors" => Some(Meaning::Processors),
        "java_lang_operatingsystem_processcputime" => Some(Meaning::ProcessCpuNanoseconds),
        "process_cpu_seconds_total" => Some(Meaning::PageCpuSeconds),
        "node_cpu_seconds_total" => Some(Meaning::NodeCpuSeconds),
        "node_network_speed_bytes" => Some(Meaning::NodeLinkSpeed),
        _ => None,
    }
}

/// Without the `total_` of Helm charts.
fn of_all_topics(rest: &str) -> &str {
    rest.strip_prefix("total_").unwrap_or(rest)
}

/// Without the `_total` that newer exporters put behind the `_count` of a rule.
fn as_counted(rest: &str) -> &str {
    let counted = rest.strip_suffix("_total").filter(|rest| *rest == "count" || rest.ends_with("_count"));
    counted.unwrap_or(rest)
}

fn flow(name: &str) -> Option<Flow> {
    let word = name.strip_suffix("persec").unwrap_or(name);
    Flow::ALL.into_iter().find(|flow| flow.word() == word)
}

fn span(name: &str) -> Option<Span> {
    match name {
        "totaltimems" => Some(Span::Total),
        "requestqueuetimems" => Some(Span::RequestQueue),
        "localtimems" => Some(Span::Local),
        "responsequeuetimems" => Some(Span::ResponseQueue),
        "responsesendtimems" => Some(Span::ResponseSend),
        _ => None,
    }
}

/// The requests that a `request` label names.
pub(super) fn request(label: &str) -> Option<Request> {
    match label {
        "Produce" => Some(Request::Produce),
        "FetchConsumer" => Some(Request::Fetch),
        _ => None,
    }
}

/// Whether a reading is about the 99th percentile: by its name, or by its `quantile` label.
pub(super) fn is_p99(metric: &str, quantile: Option<&str>) -> bool {
    metric.ends_with("99thpercentile") || quantile.is_some_and(|quantile| quantile.parse() == Ok(0.99))
}

/// The modes of the node exporter in which a core works for the machine: guest time is counted in `user` and `nice`
/// already, and stolen time was somebody else's.
pub(super) const BUSY_MODES: [&str; 5] = ["user", "nice", "system", "irq", "softirq"];

/// Whether a core works for the machine in this mode.
pub(super) fn is_busy_mode(mode: &str) -> bool {
    BUSY_MODES.contains(&mode)
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;

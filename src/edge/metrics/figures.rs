//! [`Figures`]: what a source tells of one broker, as rates and amounts; counters are rates by now.

use std::collections::BTreeMap;

use super::names::{Flow, Request, Span};
use crate::base::{BytesPerS, Cores, Millis, TopicName};
use crate::observe::BrokerMetrics;

/// What a source tells of one broker. All amounts are finite and not negative.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    /// Bytes per second, of a topic or of all.
    pub rates: BTreeMap<(Flow, Option<TopicName>), f64>,
    /// 99th percentiles, in milliseconds.
    pub p99_ms: BTreeMap<(Request, Span), f64>,
    /// Share of time in which request handlers are idle.
    pub handler_idle: Option<f64>,
    /// Cores that the broker's process keeps busy, by its own counter.
    pub process_cores: Option<f64>,
    /// The process's share of all cores, as the JVM sees it.
    pub process_cpu_load: Option<f64>,
    /// Cores, as the JVM sees them.
    pub processors: Option<f64>,
    /// Cores that the machine keeps busy.
    pub node_cores_used: Option<f64>,
    /// Cores of the machine.
    pub node_cores: Option<f64>,
    /// Bytes per second that each network device of the machine carries.
    pub links: BTreeMap<String, f64>,
}

impl Figures {
    /// The same in the form in which they go on.
    pub fn metrics(&self) -> BrokerMetrics {
        let total =
            |flow| self.rates.get(&(flow, None)).and_then(|bytes_per_s| BytesPerS::new(*bytes_per_s).ok());
        let cores = self.processors.filter(|count| *count > 0.0).or(self.node_cores);
        BrokerMetrics {
            topic_bytes_in_per_s: self.by_topic(Flow::In),
            topic_bytes_out_per_s: self.by_topic(Flow::Out),
            bytes_in_per_s: total(Flow::In),
            bytes_out_per_s: total(Flow::Out),
            replication_in_per_s: total(Flow::ReplicationIn),
            replication_out_per_s: total(Flow::ReplicationOut),
            reassignment_in_per_s: total(Flow::ReassignmentIn),
            reassignment_out_per_s: total(Flow::ReassignmentOut),
            produce_p99_ms: self.p99_ms(Request::Produce, &[Span::Total]),
            // A consumer's fetch waits for something to fetch, half a second as a rule: that is no slowness, and counts in
            // the total. The parts that are the broker's own add up to a little more than their common percentile.
            fetch_p99_ms: self.p99_ms(
                Request::Fetch,
                &[Span::RequestQueue, Span::Local, Span::ResponseQueue, Span::ResponseSend],
            ),
            cpu_cores_used: self
                .cores_used()
                .map(|used| cores.map_or(used, |most| used.min(most)))
                .and_then(checked),
            cpu_cores: cores.and_then(checked),
            links: self
                .links
                .iter()
                .filter_map(|(device, speed)| Some((device.clone(), BytesPerS::new(*speed).ok()?)))
                .collect(),
            // Kafka's meter overshoots 1 by a little.
            request_handler_idle_ratio: self.handler_idle.map(|ratio| ratio.min(1.0)),
        }
    }

    /// The sum of percentiles, where all of them are told.
    fn p99_ms(&self, request: Request, spans: &[Span]) -> Option<Millis> {
        let told = spans.iter().map(|span| self.p99_ms.get(&(request, *span)).copied());
        told.sum::<Option<f64>>().and_then(|sum| Millis::new(sum).ok())
    }

    fn by_topic(&self, flow: Flow) -> BTreeMap<TopicName, BytesPerS> {
        let of_flow = self.rates.iter().filter(|((of, _), _)| *of == flow);
        of_flow
            .filter_map(|((_, topic), bytes_per_s)| {
                Some((topic.clone()?, BytesPerS::new(*bytes_per_s).ok()?))
            })
            .collect()
    }

    /// The broker's own processor time where it is told, else that of its machine.
    fn cores_used(&self) -> Option<f64> {
        // The JVM says 0 until it has measured for the first time.
        let load = self.process_cpu_load.filter(|load| *load > 0.0);
        self.process_cores.or_else(|| Some(load? * self.processors?)).or(self.node_cores_used)
    }
}

fn checked(amount: f64) -> Option<Cores> {
    Cores::new(amount).ok()
}

/// Whether a label can be the name of a topic.
pub(super) fn is_topic_name(name: &str) -> bool {
    name.len() <= 249 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

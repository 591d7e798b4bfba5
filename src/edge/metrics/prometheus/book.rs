//! [`Book`]: what the answers tell of each broker. Each amount has one series; where two tell the same, or one tells what is no
//! amount, nothing is summed up and nothing picked: the amount counts as unknown, and the book says why.

use std::collections::{BTreeMap, BTreeSet};

use super::super::figures::{Figures, is_topic_name};
use super::super::names::{Flow, Meaning, Request, Span, is_p99, meaning, request};
use super::answer::Series;
use super::directory::{Directory, Stranger};
use super::queries::About;
use crate::base::{BrokerId, TopicName, one_line};
use crate::observe::GapKind;

/// How many letters of a label are told at most.
const SHOWN: usize = 100;

/// An amount of a broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Flow(Flow, Option<TopicName>),
    P99(Request, Span),
    HandlerIdle,
    ProcessCores,
    PageCores,
    ProcessCpuLoad,
    Processors,
    NodeCoresUsed,
    NodeCores,
    NodeLink(String),
}

/// What is unknown when an amount of it is: of a flow all, since a topic that is left out would count as silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whole {
    Flow(Flow),
    P99(Request),
    HandlerIdle,
    ProcessCpu,
    NodeCpu,
    NodeLinks,
}

impl Slot {
    fn whole(&self) -> Whole {
        match self {
            Self::Flow(flow, _) => Whole::Flow(*flow),
            Self::P99(request, _) => Whole::P99(*request),
            Self::HandlerIdle => Whole::HandlerIdle,
            Self::ProcessCores | Self::PageCores | Self::ProcessCpuLoad | Self::Processors => {
                Whole::ProcessCpu
            }
            Self::NodeCoresUsed | Self::NodeCores => Whole::NodeCpu,
            Self::NodeLink(_) => Whole::NodeLinks,
        }
    }
}

impl Whole {
    fn words(self) -> &'static str {
        match self {
            Self::Flow(Flow::In) => "bytes in",
            Self::Flow(Flow::Out) => "bytes out",
            Self::Flow(Flow::ReplicationIn | Flow::ReplicationOut) => "replication traffic",
            Self::Flow(Flow::ReassignmentIn | Flow::ReassignmentOut) => "reassignment traffic",
            Self::P99(_) => "request times",
            Self::HandlerIdle => "request handlers",
            Self::ProcessCpu => "processor time",
            Self::NodeCpu => "machine's processor time",
            Self::NodeLinks => "machine's link speeds",
        }
    }

    fn gap_kind(self) -> GapKind {
        match self {
            Self::ProcessCpu | Self::NodeCpu => GapKind::CpuLoad,
            Self::NodeLinks => GapKind::LoadCapacity,
            _ => GapKind::NetworkLoad,
        }
    }
}

/// Why an amount is unknown though something was told.
#[derive(Debug, Clone, PartialEq)]
enum Trouble {
    /// A second series tells of it.
    Twice(String),
    /// The value is none.
    NoAmount(f64),
    /// The topic is none.
    NoTopic(String),
}

/// Collects what series tell.
pub(super) struct Book<'a> {
    directory: &'a Directory<'a>,
    told: BTreeMap<(BrokerId, Slot), Series>,
    troubles: BTreeMap<(BrokerId, Whole), Vec<Trouble>>,
    /// What is scraped from brokers themselves, by the labels of the scrape: what else runs on their hosts is not theirs.
    homes: BTreeSet<(BrokerId, String, String)>,
    strangers: BTreeMap<Stranger, BTreeSet<String>>,
}

impl<'a> Book<'a> {
    pub fn new(directory: &'a Directory<'a>) -> Self {
        Self {
            directory,
            told: BTreeMap::new(),
            troubles: BTreeMap::new(),
            homes: BTreeSet::new(),
            strangers: BTreeMap::new(),
        }
    }

    /// Takes note of the answer to a query. Flows come first: they show which scrapes are brokers'.
    pub fn add(&mut self, about: About, series: Vec<Series>) {
        for series in series {
            match self.directory.find(&series.labels) {
                Ok(broker) => self.add_series(broker, about, series),
                // Only flows are brokers' alone; any machine or JVM tells of its processors.
                Err(stranger) if matches!(about, About::Flow(_)) => {
                    let name = self.directory.name(&series.labels).unwrap_or_default();
                    self.strangers.entry(stranger).or_default().insert(name.to_owned());
                }
                Err(_) => {}
            }
        }
    }

    fn add_series(&mut self, broker: BrokerId, about: About, series: Series) {
        let label = |key: &str| series.labels.get(key).map(String::as_str).filter(|text| !text.is_empty());
        let owned = |key: &str| label(key).unwrap_or_default().to_owned();
        let home = (broker, owned("instance"), owned("job"));
        let slot = match about {
            About::Flow(flow) => {
                let topic = label("topic");
                if let Some(topic) = topic.filter(|topic| !is_topic_name(topic)) {
                    let trouble = Trouble::NoTopic(one_line(topic, SHOWN));
                    self.troubles.entry((broker, Whole::Flow(flow))).or_default().push(trouble);
                    return;
                }
                let topic = topic.map(TopicName::from);
                self.homes.insert(home);
                Slot::Flow(flow, topic)
            }
            About::NodeCoresUsed => Slot::NodeCoresUsed,
            About::NodeCores => Slot::NodeCores,
            About::NodeLinks => match label("device") {
                // A link that is down, and that of most virtual machines, has no speed.
                Some(device) if series.value > 0.0 => Slot::NodeLink(device.to_owned()),
                _ => return,
            },
            _ if !self.homes.contains(&home) => return,
            About::ProcessCores => Slot::ProcessCores,
            About::PageCores => Slot::PageCores,
            About::Named => match named(&series) {
                Some(slot) => slot,
                None => return,
            },
        };
        self.note(broker, slot, series);
    }

    fn note(&mut self, broker: BrokerId, slot: Slot, series: Series) {
        let whole = (broker, slot.whole());
        if !series.value.is_finite() || series.value < 0.0 {
            // The JVM says -1, or NaN, until it has measured its load for the first time.
            if slot != Slot::ProcessCpuLoad {
                self.troubles.entry(whole).or_default().push(Trouble::NoAmount(series.value));
            }
            return;
        }
        match self.told.get(&(broker, slot.clone())) {
            Some(first) => {
                let trouble = Trouble::Twice(difference(&first.labels, &series.labels));
                self.troubles.entry(whole).or_default().push(trouble);
            }
            None => {
                self.told.insert((broker, slot), series);
            }
        }
    }

    /// What is known of each broker.
    pub fn figures(&self) -> BTreeMap<BrokerId, Figures> {
        let mut brokers: BTreeMap<BrokerId, Figures> = BTreeMap::new();
        let mut pages: BTreeMap<BrokerId, f64> = BTreeMap::new();
        for ((broker, slot), series) in &self.told {
            if self.troubles.contains_key(&(*broker, slot.whole())) {
                continue;
            }
            let (figures, value) = (brokers.entry(*broker).or_default(), series.value);
            match slot {
                Slot::Flow(flow, topic) => {
                    figures.rates.insert((*flow, topic.clone()), value);
                }
                Slot::P99(request, span) => {
                    figures.p99_ms.insert((*request, *span), value);
                }
                Slot::HandlerIdle => figures.handler_idle = Some(value),
                Slot::ProcessCores => figures.process_cores = Some(value),
                Slot::PageCores => {
                    pages.insert(*broker, value);
                }
                Slot::ProcessCpuLoad => figures.process_cpu_load = Some(value),
                Slot::Processors => figures.processors = Some(value),
                Slot::NodeCoresUsed => figures.node_cores_used = Some(value),
                Slot::NodeCores => figures.node_cores = Some(value),
                Slot::NodeLink(device) => {
                    figures.links.insert(device.clone(), value);
                }
            }
        }
        for (broker, cores) in pages {
            let process = &mut brokers.entry(broker).or_default().process_cores;
            *process = process.or(Some(cores));
        }
        brokers
    }

    /// What is unknown of brokers though something was told, and why.
    pub fn troubles(&self) -> impl Iterator<Item = (BrokerId, GapKind, String)> + '_ {
        self.troubles.iter().map(|((broker, whole), troubles)| {
            let what = whole.words();
            let said = match &troubles[0] {
                Trouble::Twice(difference) => format!(
                    "two series tell of its {what} ({difference}), so neither counts; name in `labels` which of them is meant"
                ),
                Trouble::NoAmount(value) => format!("its {what} are said to be {value}, which is no amount"),
                Trouble::NoTopic(topic) => format!("its {what} are told of `{topic}`, which is no topic"),
            };
            let more = match troubles.len() - 1 {
                0 => String::new(),
                more => format!(" ({more} more like that)"),
            };
            (*broker, whole.gap_kind(), said + &more)
        })
    }

    /// What was told of no live broker, in words.
    pub fn strangers(&self, label: &str) -> impl Iterator<Item = String> + '_ {
        let label = label.to_owned();
        self.strangers.iter().map(move |(stranger, names)| {
            let first = names.first().map(|name| one_line(name, SHOWN)).unwrap_or_default();
            let many = names.len();
            match stranger {
                Stranger::NoLabel => format!("there are series without the label `{label}`, by which brokers are told apart"),
                Stranger::NoBroker => format!(
                    "{many} of what `{label}` names are no live brokers of this cluster, `{first}` first; `labels` says which \
                     cluster is meant, `broker-label` and `broker-pattern` what brokers are called"
                ),
                Stranger::SharedHost => format!(
                    "several brokers have the host of `{first}`; name in `broker-label` a label that holds their ids"
                ),
            }
        })
    }
}

/// What a gauge that keeps its name means.
fn named(series: &Series) -> Option<Slot> {
    let label = |key: &str| series.labels.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let name = label("__name__")?.to_ascii_lowercase();
    match meaning(&name, label("name"))? {
        Meaning::RequestMs(span) if is_p99(&name, label("quantile")) => {
            Some(Slot::P99(request(label("request")?)?, span))
        }
        Meaning::HandlerIdle => Some(Slot::HandlerIdle),
        Meaning::ProcessCpuLoad => Some(Slot::ProcessCpuLoad),
        Meaning::Processors => Some(Slot::Processors),
        _ => None,
    }
}

/// Where the labels of two series differ, for whoever has to choose one.
fn difference(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> String {
    let value = |labels: &BTreeMap<String, String>, key: &str| labels.get(key).cloned().unwrap_or_default();
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = |key: &&&String| value(one, key) != value(other, key);
    match keys.iter().find(differs) {
        Some(key) => {
            let [one, other] = [one, other].map(|labels| one_line(&value(labels, key), SHOWN));
            format!("{} `{one}` and `{other}`", one_line(key, SHOWN))
        }
        None => "with the same labels".to_owned(),
    }
}

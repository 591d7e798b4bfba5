//! [`Settings`]: the whole file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::values::duration;
use super::{ClusterSettings, ConfigError, ListenAddress, nearest, parse_toml};

/// A settings file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// How often the daemon looks at each cluster. Default: five minutes.
    #[serde(default = "default_interval", deserialize_with = "interval")]
    pub interval: Duration,
    /// Where the journal of what was done is kept, relative to the settings file. Default: what is usual on the machine.
    #[serde(default)]
    pub state_dir: Option<String>,
    /// Where the daemon serves its metrics and its health (`metrics-listen = "127.0.0.1:9464"`). Default: nowhere.
    #[serde(default)]
    pub metrics_listen: Option<ListenAddress>,
    /// The clusters, by the name that people call them.
    #[serde(deserialize_with = "clusters")]
    pub clusters: BTreeMap<String, ClusterSettings>,
}

/// Placement changes over hours; five minutes notice a new broker soon and cost a large cluster next to nothing.
fn default_interval() -> Duration {
    Duration::from_secs(300)
}

/// A shorter interval would have the daemon look at a large cluster without a pause.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

fn interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let interval = duration(deserializer)?;
    if interval < INTERVAL_MIN {
        return Err(serde::de::Error::custom("an interval is at least `1s`"));
    }
    Ok(interval)
}

fn clusters<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ClusterSettings>, D::Error> {
    let clusters = BTreeMap::<String, ClusterSettings>::deserialize(deserializer)?;
    if clusters.is_empty() {
        return Err(serde::de::Error::custom("no cluster is given; add a table such as `[clusters.prod]`"));
    }
    for (name, cluster) in &clusters {
        if cluster.interval.is_some_and(|interval| interval < INTERVAL_MIN) {
            return Err(serde::de::Error::custom(format!("clusters.{name}: an interval is at least `1s`")));
        }
    }
    Ok(clusters)
}

impl Settings {
    /// Parses the text of a settings file.
    ///
    /// # Errors
    /// It is not TOML, or holds an unknown key or a wrong value; the error names the place.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        parse_toml(text)
    }

    /// The name that was most likely meant, for a cluster that is not in the file.
    pub fn nearest_cluster(&self, given: &str) -> Option<&str> {
        nearest(given, self.clusters.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BrokerId, BytesPerS};
    use crate::config::{Mode, Throttle};

    fn error(text: &str) -> ConfigError {
        Settings::parse(text).expect_err("the text is wrong")
    }

    #[test]
    fn three_lines_are_a_whole_file() {
        let settings = Settings::parse("[clusters.prod]\nbootstrap = \"b:9092\"\n").expect("valid");
        let prod = &settings.clusters["prod"];
        assert_eq!(settings.interval, Duration::from_secs(300));
        assert_eq!(prod.mode, Mode::Propose, "nothing is changed without leave");
        assert_eq!(prod.goals, "default");
        assert_eq!(settings.state_dir, None);
        assert_eq!(settings.metrics_listen, None, "no port is opened unasked");
        assert_eq!(prod.execution.throttle, Throttle::Auto);
    }

    #[test]
    fn the_shipped_example_is_valid_and_cautious() {
        let settings =
            Settings::parse(include_str!("../../deploy/evenkeel.toml")).expect("the example is valid");
        let prod = &settings.clusters["prod"];
        assert_eq!(prod.mode, Mode::Propose);
        assert_eq!(prod.execution.throttle, Throttle::Rate(BytesPerS::new(50e6).expect("a rate")));
        assert_eq!(prod.capacity.of(BrokerId(7)).cpu_cores.map(crate::base::Cores::get), Some(16.0));
        assert_eq!(prod.capacity.of(BrokerId(8)).cpu_cores.map(crate::base::Cores::get), Some(8.0));
        assert!(prod.metrics.is_some());
        assert_eq!(settings.state_dir.as_deref(), Some("/var/lib/evenkeel"));
        let listen = settings.metrics_listen.as_ref().map(ListenAddress::as_str);
        assert_eq!(listen, Some("127.0.0.1:9464"), "seen by this machine alone");
        let midnight: crate::base::TimestampMs = "2026-11-24T23:30:00Z".parse().expect("a time");
        assert!(prod.execution.windows.is_open(midnight), "00:30 there");
    }

    #[test]
    fn wrong_values_name_line_and_mend() {
        let cluster = |line: &str| format!("[clusters.a]\nbootstrap = \"b:1\"\n{line}\n");
        let wrong = error(&cluster("mode = \"acts\""));
        assert_eq!((wrong.line, wrong.hint.as_deref()), (3, Some("did you mean `act`?")));
        let wrong = error(&cluster("execution.throttle = \"50Mbit\""));
        assert!(wrong.problem.contains("`50Mbit` is not a rate"), "{wrong}");
        assert_eq!(wrong.line, 3);
        let wrong = error(&cluster("execution.moves-per-broker = 0"));
        assert!(wrong.problem.contains("0 is not a number of moves from 1"), "{wrong}");
        let wrong = error(&cluster("execution.moves-per-broker = -4"));
        assert!(wrong.problem.contains("-4"), "{wrong}");
        let wrong = error(&cluster("metrics.endpoints = [\"http://one:11001/metrics\"]"));
        assert!(wrong.problem.contains("one address for all brokers"), "{wrong}");
        let wrong = error(&cluster("metrics.timeout = \"5s\""));
        assert!(wrong.problem.contains("no source of metrics is given"), "{wrong}");
        let wrong = error(&cluster("metrics.reporter-topic = \"a b\""));
        assert!(wrong.problem.contains("`a b` is not a topic name"), "{wrong}");
        let wrong = error(&cluster("metrics.prometheus.url = \"prometheus\""));
        assert!(wrong.problem.contains("`prometheus` is not the address of a server"), "{wrong}");
        assert_eq!(wrong.line, 3);
        let wrong = error(&cluster("[clusters.a.metrics.prometheus]\nurl = \"http://p\"\ntokens = 1"));
        assert_eq!((wrong.line, wrong.problem.as_str()), (5, "unknown key `tokens`"));
        let wrong = error(&cluster("capacity.cpu-cores = -1.0"));
        assert!(wrong.problem.contains("-1"), "{wrong}");
        let wrong = error(&cluster("capacity.cpu-cores = nan"));
        assert!(wrong.problem.contains("NaN"), "{wrong}");
        let wrong = error(&cluster("capacity.brokers.x.cpu-cores = 2.0"));
        assert!(wrong.problem.contains("`x` is not a broker id"), "{wrong}");
        let wrong = error(&cluster("interval = \"10ms\""));
        assert!(wrong.problem.contains("at least `1s`"), "{wrong}");
        let wrong = error("metrics-listen = 9464\n");
        assert_eq!(wrong.line, 1, "{wrong}");
        let wrong = error("metrics-listen = \":9464\"\n");
        assert!(wrong.problem.contains("`:9464` is not an address to listen on"), "{wrong}");
        assert!(error("interval = \"5m\"\n").problem.contains("`clusters` is missing"));
        assert!(error("[clusters]\n").problem.contains("no cluster is given"));
        assert!(error("[clusters.a]\nmode = \"act\"\n").problem.contains("`bootstrap` is missing"));
    }
}

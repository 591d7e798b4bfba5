//! [`Target`]: the cluster that a command is about, put together from flags or from a settings file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::ClusterArgs;
use super::{Failure, Screen, state_dir};
use crate::config::{
    CapacitySettings, ClusterSettings, ExecutionSettings, KafkaClientSettings, LeaseMode, LeaseTopic,
    MetricsSettings, Mode, PrometheusSettings, Reference, Settings, default_load_window, parse_capacity_json,
    property,
};

/// A cluster, and what is set for it.
#[derive(Debug)]
pub struct Target {
    /// What people call it: its name in the settings, or its bootstrap addresses.
    pub name: String,
    /// How to reach it.
    pub client: KafkaClientSettings,
    /// How far the daemon may go there.
    pub mode: Mode,
    /// Where loads are asked for.
    pub metrics: Option<MetricsSettings>,
    /// How long logs are watched for what clients write, where there are no metrics.
    pub load_window: Duration,
    /// What brokers can carry, where Kafka cannot tell.
    pub capacity: CapacitySettings,
    /// How hard an execution may press.
    pub execution: ExecutionSettings,
    /// For how far ahead plans are made.
    pub plan_for: Option<Duration>,
    /// Whether Kafka itself decides which of two evenkeels acts.
    pub lease: LeaseMode,
    /// The topic that the lease is written to.
    pub lease_topic: LeaseTopic,
    /// The goal set of the settings: a name, or a path.
    pub goals: Option<String>,
    /// Where the journal is kept; absent where nothing says so and nothing is usual.
    pub state_dir: Option<PathBuf>,
    /// The flags that name the cluster, to be repeated in a hint.
    pub words: String,
}

impl Target {
    /// Reads what the flags name.
    ///
    /// # Errors
    /// No cluster is named, or a file that is named cannot be read or is wrong.
    pub fn resolve(args: &ClusterArgs, screen: &Screen) -> Result<Self, Failure> {
        if let (Some(name), Some(path)) = (&args.cluster, &args.config) {
            let settings = read_settings(path)?;
            let Some(cluster) = settings.clusters.get(name) else {
                let known: Vec<&str> = settings.clusters.keys().map(String::as_str).collect();
                let hint = match settings.nearest_cluster(name) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has: {}", known.join(", ")),
                };
                let message = format!("{} has no cluster `{name}`", path.display());
                return Err(Failure::usage(message).hint(hint));
            };
            let state_dir = state_dir::choose(args.state_dir.as_deref(), &settings, path);
            let target = Self::from_settings(name, cluster, path, screen)?;
            let load_window = args.load_window.unwrap_or(target.load_window);
            return Ok(Self { state_dir, load_window, words: args.words(), ..target });
        }
        let Some(bootstrap) = &args.bootstrap else {
            return Err(Failure::usage("no cluster is named")
                .hint("say `--bootstrap HOST:PORT`, or `--cluster NAME --config FILE`"));
        };
        Ok(Self {
            name: bootstrap.to_string(),
            client: client(&bootstrap.to_string(), args.kafka_config.as_deref(), screen)?,
            mode: Mode::default(),
            metrics: metrics(args)?,
            load_window: args.load_window.unwrap_or(default_load_window()),
            capacity: CapacitySettings::default(),
            execution: ExecutionSettings::default(),
            plan_for: None,
            lease: LeaseMode::default(),
            lease_topic: LeaseTopic::default(),
            goals: None,
            state_dir: state_dir::without_settings(args.state_dir.as_deref()),
            words: args.words(),
        })
    }

    /// Puts together what the settings file says of a cluster; paths in it are relative to the file.
    ///
    /// # Errors
    /// The client properties cannot be read or are wrong.
    pub fn from_settings(
        name: &str,
        cluster: &ClusterSettings,
        settings_path: &Path,
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let folder = settings_path.parent().unwrap_or_else(|| Path::new(""));
        let properties = cluster.kafka_config.as_ref().map(|path| folder.join(path));
        Ok(Self {
            name: name.to_owned(),
            client: client(&cluster.bootstrap.to_string(), properties.as_deref(), screen)?,
            mode: cluster.mode,
            metrics: cluster.metrics.clone().map(|metrics| metrics.relative_to(folder)),
            load_window: cluster.load_window,
            capacity: with_capacity_file(&cluster.capacity, folder)?,
            execution: cluster.execution.clone(),
            plan_for: cluster.plan_for,
            lease: cluster.lease,
            lease_topic: cluster.lease_topic.clone(),
            goals: Some(goals_of(cluster, settings_path)),
            state_dir: None,
            words: format!("--cluster {name} --config {}", settings_path.display()),
        })
    }
}

/// The capacities of the settings, with what the file says that they name.
fn with_capacity_file(settings: &CapacitySettings, folder: &Path) -> Result<CapacitySettings, Failure> {
    let Some(file) = &settings.file else { return Ok(settings.clone()) };
    let path = folder.join(file);
    let beneath = parse_capacity_json(&read_text(&path)?)
        .map_err(|error| Failure::usage(format!("capacity.file {}: {error}", path.display())))?;
    Ok(CapacitySettings { beneath: Some(Box::new(beneath)), ..settings.clone() })
}

/// Where flags say that loads are.
fn metrics(args: &ClusterArgs) -> Result<Option<MetricsSettings>, Failure> {
    let prometheus = args.prometheus_url.as_deref().map(PrometheusSettings::of).transpose();
    let prometheus = prometheus.map_err(Failure::usage)?;
    let is_given = prometheus.is_some() || !args.metrics_url.is_empty();
    Ok(is_given.then(|| MetricsSettings::of(args.metrics_url.clone()).with_prometheus(prometheus)))
}

/// The goal set of a cluster: the name of a shipped one, or the path of a file, which settings name relative to theirs.
pub fn goals_of(cluster: &ClusterSettings, settings_path: &Path) -> String {
    let goals = &cluster.goals;
    // A goal set is a file when it looks like one, else a name: `goals/own.toml` against `default`.
    if goals.contains(['/', '.']) {
        let folder = settings_path.parent().unwrap_or_else(|| Path::new(""));
        return folder.join(goals).display().to_string();
    }
    goals.clone()
}

/// Reads a settings file.
///
/// # Errors
/// It cannot be read, or is wrong.
pub fn read_settings(path: &Path) -> Result<Settings, Failure> {
    Settings::parse(&read_text(path)?).map_err(|error| Failure::in_settings(path, &error))
}

/// Reads a text file.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::in_file("read", path, &error))
}

fn client(bootstrap: &str, path: Option<&Path>, screen: &Screen) -> Result<KafkaClientSettings, Failure> {
    let text = path.map(read_text).transpose()?.unwrap_or_default();
    let (settings, warnings) = KafkaClientSettings::parse_with(&text, Some(bootstrap), &look_up)
        .map_err(|error| Failure::in_client_properties(path, &error))?;
    let place = path.map(PathBuf::from).unwrap_or_default();
    for warning in warnings {
        screen.warn(&format!("{}: {warning}", place.display()));
    }
    Ok(settings)
}

/// What a value of the client properties refers to. Never repeats it.
fn look_up(reference: Reference<'_>) -> Result<String, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read ({error})", path.display()))
    };
    match reference {
        Reference::Variable(name) => {
            std::env::var(name).map_err(|_| format!("the variable {name} is not set, or is not text"))
        }
        Reference::Property { path, key } => {
            property(&read(Path::new(path))?, key).ok_or_else(|| format!("{path} has no key `{key}`"))
        }
        // A line break at the end is an editor's, and no part of a password.
        Reference::File { folder, name } => {
            Ok(read(&Path::new(folder).join(name))?.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}

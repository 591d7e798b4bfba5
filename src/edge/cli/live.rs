//! A live cluster: the wire client, the brokers' metrics, and what the settings say that brokers can carry, as one [`World`].

use std::time::Duration;

use super::target::Target;
use super::{Failure, Screen, signals};
use crate::base::{BrokerId, format_duration};
use crate::config::{CapacitySettings, KafkaClientSettings, MetricsSettings};
use crate::control::{Scope, World, WorldError, all_but_looking};
use crate::edge::canary::CanaryWorld;
use crate::edge::kafka::{Clock, KafkaWorld};
use crate::edge::metrics::MeteredWorld;
use crate::observe::{Gap, GapKind, Observation, SeenBroker};

/// Connects to a cluster.
///
/// # Errors
/// It is out of reach, does not accept who we are, or a file that the settings name cannot be used.
pub fn open(target: &Target) -> Result<Box<dyn World>, Failure> {
    connect(target, None)
}

/// Connects to a cluster for full looks one after the other. As [`open_for_loads_telling`], and where there are metrics, logs are
/// watched from look to look: metrics tell what is written to a topic on a broker, logs to which of its partitions.
///
/// # Errors
/// As [`open`].
pub fn open_to_stay(target: &Target) -> Result<Box<dyn World>, Failure> {
    let window = if target.metrics.is_some() { Duration::ZERO } else { target.load_window };
    connect(target, (!target.load_window.is_zero()).then_some(window))
}

/// Connects to a cluster for full looks that are to know loads: where no metrics tell what clients write, logs are watched for
/// a while, and a person is told so.
///
/// # Errors
/// As [`open`].
pub fn open_for_loads_telling(target: &Target, screen: &Screen) -> Result<Box<dyn World>, Failure> {
    let watches = target.metrics.is_none() && target.load_window > Duration::ZERO;
    let world = connect(target, watches.then_some(target.load_window))?;
    if watches {
        let window = format_duration(target.load_window);
        screen.note(&format!(
            "no metrics: logs are watched for {window} to see what is written and read (`--load-window`)"
        ));
    }
    Ok(world)
}

fn connect(target: &Target, watches: Option<Duration>) -> Result<Box<dyn World>, Failure> {
    let mut kafka = KafkaWorld::connect(&target.client, Clock::default(), signals::flag())?;
    if let Some(window) = watches {
        kafka = kafka.watching_logs(window);
    }
    let metrics = target.metrics.as_ref().map(|metrics| (metrics, target.execution.adjust_interval));
    let world = assemble(kafka, &target.client, metrics, target.capacity.clone())?;
    if target.execution.has_canary() {
        return Ok(Box::new(CanaryWorld::new(world, &target.client)));
    }
    Ok(world)
}

/// Adds to what Kafka tells what the brokers' metrics and the settings tell; with the metrics goes how often they are
/// asked for while an execution runs. The client's settings are those by which Kafka is reached.
///
/// # Errors
/// A file that the settings name cannot be used.
pub fn assemble(
    kafka: KafkaWorld,
    client: &KafkaClientSettings,
    metrics: Option<(&MetricsSettings, Option<Duration>)>,
    capacity: CapacitySettings,
) -> Result<Box<dyn World>, Failure> {
    match metrics {
        Some((metrics, interval)) => {
            let mut inner =
                MeteredWorld::new(kafka, metrics).map_err(Failure::usage)?.with_interval(interval);
            if let Some(topic) = &metrics.reporter_topic {
                inner = inner.with_reporter_topic(topic, client, &capacity);
            }
            Ok(Box::new(Endowed { inner, capacity }))
        }
        None => Ok(Box::new(Endowed { inner: kafka, capacity })),
    }
}

/// A world whose brokers can carry what the settings say.
struct Endowed<W> {
    inner: W,
    capacity: CapacitySettings,
}

impl<W: World> World for Endowed<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let mut seen = self.inner.observe(scope)?;
        endow(&mut seen, &self.capacity);
        Ok(seen)
    }

    all_but_looking!(self => self.inner);
}

/// Writes what the settings say into what was seen. A disk counts as no larger than it was seen to be: the settings may
/// keep part of a volume back, but not make room where there is none. Where the network is not given, the device counts
/// that is.
fn endow(seen: &mut Observation, settings: &CapacitySettings) {
    for (id, broker) in &mut seen.brokers {
        let set = settings.of(*id);
        let link = set.network_device.as_ref().and_then(|device| broker.links.get(device)).copied();
        if let (Some(device), None, None, true) = (&set.network_device, link, set.network_in, broker.alive) {
            seen.gaps.push(no_link(*id, device, broker));
        }
        let capacity = &mut broker.capacity;
        capacity.disk_bytes = match (capacity.disk_bytes, set.disk) {
            (Some(seen), Some(set)) => Some(seen.min(set)),
            (seen, set) => seen.or(set),
        };
        capacity.network_in_bytes_per_s = set.network_in.or(link).or(capacity.network_in_bytes_per_s);
        capacity.network_out_bytes_per_s = set.network_out.or(link).or(capacity.network_out_bytes_per_s);
        capacity.cpu_cores = set.cpu_cores.or(capacity.cpu_cores);
    }
    let all = |known: fn(&crate::observe::Capacity) -> bool| {
        seen.brokers.values().all(|broker| known(&broker.capacity))
    };
    let disks = all(|capacity| capacity.disk_bytes.is_some());
    let loads = all(|capacity| {
        capacity.network_in_bytes_per_s.is_some()
            && capacity.network_out_bytes_per_s.is_some()
            && capacity.cpu_cores.is_some()
    });
    seen.gaps.retain(|gap| match gap.kind {
        GapKind::DiskCapacity => !disks,
        GapKind::LoadCapacity => !loads,
        _ => true,
    });
}

/// Nobody tells the speed of the device that the settings name.
fn no_link(id: BrokerId, device: &str, broker: &SeenBroker) -> Gap {
    let told: Vec<&str> = broker.links.keys().map(String::as_str).collect();
    let others = if told.is_empty() { "of none".to_owned() } else { format!("of {}", told.join(", ")) };
    let reason = format!(
        "no source of metrics tells the speed of network device `{device}` (but {others}): the node exporter does, on machines \
         whose link has one; else give `network-in` and `network-out`"
    );
    Gap::of_broker(id, GapKind::LoadCapacity, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Bytes, BytesPerS, Cores};
    use crate::observe::Capacity;

    #[test]
    fn settings_fill_in_what_is_not_known_and_never_make_a_disk_larger() {
        let broker = |disk: Option<u64>| SeenBroker {
            alive: true,
            capacity: Capacity { disk_bytes: disk.map(Bytes), ..Capacity::default() },
            ..SeenBroker::default()
        };
        let gap = |kind| Gap { kind, subject: String::new(), reason: String::new() };
        let mut seen = Observation {
            brokers: [(BrokerId(1), broker(Some(100))), (BrokerId(2), broker(None))].into(),
            gaps: vec![gap(GapKind::DiskCapacity), gap(GapKind::LoadCapacity)],
            ..Observation::default()
        };
        let settings = CapacitySettings {
            disk: Some(Bytes(500)),
            cpu_cores: Cores::new(8.0).ok(),
            ..CapacitySettings::default()
        };
        endow(&mut seen, &settings);
        assert_eq!(seen.brokers[&BrokerId(1)].capacity.disk_bytes, Some(Bytes(100)));
        assert_eq!(seen.brokers[&BrokerId(2)].capacity.disk_bytes, Some(Bytes(500)));
        assert_eq!(seen.brokers[&BrokerId(2)].capacity.cpu_cores, Cores::new(8.0).ok());
        // Disks are known now; the network is not.
        assert_eq!(seen.gaps, [gap(GapKind::LoadCapacity)]);
    }

    #[test]
    fn the_speed_of_a_named_device_counts_where_nothing_else_is_said() {
        let rate = |rate: f64| BytesPerS::new(rate).ok();
        let broker = |links: &[(&str, f64)]| SeenBroker {
            alive: true,
            links: links.iter().map(|(name, speed)| ((*name).to_owned(), rate(*speed).unwrap())).collect(),
            ..SeenBroker::default()
        };
        let mut seen = Observation {
            brokers: [
                (BrokerId(1), broker(&[("bond0", 2.5e9), ("docker0", 1.25e9)])),
                (BrokerId(2), broker(&[("docker0", 1.25e9)])),
                (BrokerId(3), broker(&[("bond0", 2.5e9)])),
                (BrokerId(4), SeenBroker { alive: false, ..broker(&[]) }),
            ]
            .into(),
            ..Observation::default()
        };
        let text = "network-device = \"bond0\"\n[brokers.3]\nnetwork-in = \"100MB/s\"\n";
        endow(&mut seen, &toml::from_str(text).expect("right settings"));
        let known = |id: i32| {
            let capacity = &seen.brokers[&BrokerId(id)].capacity;
            [capacity.network_in_bytes_per_s, capacity.network_out_bytes_per_s]
        };
        assert_eq!(known(1), [rate(2.5e9), rate(2.5e9)]);
        assert_eq!(known(2), [None, None], "a bridge of containers is not the way to the broker");
        assert_eq!(known(3), [rate(1e8), rate(2.5e9)], "what is given counts first");
        assert_eq!(seen.gaps.len(), 1, "{:?}", seen.gaps);
        let gap = &seen.gaps[0];
        assert_eq!((gap.kind, gap.subject.as_str()), (GapKind::LoadCapacity, "broker 2"));
        assert!(gap.reason.contains("`bond0` (but of docker0)"), "{}", gap.reason);
    }
}

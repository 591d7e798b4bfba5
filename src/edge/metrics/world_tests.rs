//! A metered world looks, acts and waits as the world inside it does, and its full looks carry loads.

use std::collections::BTreeMap;

use super::*;
use crate::base::{BrokerId, BytesPerS, Cores, TimestampMs, TopicPartition};
use crate::edge::metrics::test_server::{Server, ok};
use crate::execute::{Answer, Command};
use crate::observe::{Gap, Partition, SeenBroker, SeenTopic};

/// One topic led by broker 0 and followed by broker 1, which is dead.
struct Still;

impl World for Still {
    fn observe(&mut self, _scope: &Scope) -> Result<Observation, WorldError> {
        let mut seen = Observation::default();
        for (id, alive) in [(0, true), (1, false)] {
            let host = Some("127.0.0.1".to_owned());
            seen.brokers.insert(BrokerId(id), SeenBroker { host, alive, ..SeenBroker::default() });
        }
        let partition = Partition {
            replicas: vec![BrokerId(0), BrokerId(1)],
            leader: Some(BrokerId(0)),
            ..Partition::default()
        };
        seen.topics.insert("a".into(), SeenTopic { partitions: vec![partition], ..SeenTopic::default() });
        let gap =
            |kind, subject: &str| Gap { kind, subject: subject.to_owned(), reason: "from inside".to_owned() };
        seen.gaps = vec![gap(GapKind::NetworkLoad, ""), gap(GapKind::LogDirs, "broker 1")];
        Ok(seen)
    }

    fn perform(&mut self, _command: &Command) -> Result<Answer, WorldError> {
        Err(WorldError::refused("nothing moves here"))
    }

    fn now(&self) -> TimestampMs {
        TimestampMs(42)
    }

    fn sleep(&mut self, _duration: Duration) {}

    fn stop_requests(&self) -> u32 {
        3
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

#[test]
fn full_looks_carry_loads_and_the_rest_is_passed_through() {
    let page = "\
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 100
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\",topic=\"a\"} 100
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesOutPerSec\"} 0
java_lang_OperatingSystem_ProcessCpuLoad 0.25
java_lang_OperatingSystem_AvailableProcessors 8
";
    let server = Server::new(vec![ok(page)]);
    let settings =
        MetricsSettings { timeout: Duration::from_secs(20), ..MetricsSettings::of(vec![server.url()]) };
    let mut world = MeteredWorld::new(Still, &settings).unwrap();

    let seen = world.observe(&Scope::Full).unwrap();
    let load = seen.partition(&TopicPartition::new("a", 0)).unwrap().load;
    assert_eq!(load.produce_bytes_per_s, BytesPerS::new(100.0).ok());
    assert_eq!(load.consume_bytes_per_s, BytesPerS::new(0.0).ok());
    assert_eq!(load.leader_cpu_cores, Cores::new(2.0).ok());
    assert_eq!(seen.brokers[&BrokerId(0)].capacity.cpu_cores, Cores::new(8.0).ok());
    let subjects: Vec<_> = seen.gaps.iter().map(|gap| (gap.kind, gap.subject.as_str())).collect();
    assert_eq!(subjects, [(GapKind::LogDirs, "broker 1")], "what the metrics tell is no gap any more");
    assert_eq!(server.asked(), 1, "a dead broker is not asked");

    world.observe(&Scope::Execution([].into())).unwrap();
    assert_eq!(server.asked(), 1, "what was told a moment ago will do for an execution's look");
    assert!(world.perform(&Command::Reassign(BTreeMap::new())).is_err());
    assert_eq!((world.now(), world.stop_requests()), (TimestampMs(42), 3));
}

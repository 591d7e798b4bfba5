//! librdkafka as a stranger's tool: what it has of the requests must work with the simulated brokers.

use std::time::Duration;

use evenkeel::base::TopicName;
use evenkeel::edge::sim::{SimCluster, SimServer, SimSpec};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use crate::frozen;

const PATIENCE: Duration = Duration::from_secs(30);

fn librdkafka(server: &SimServer) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", server.bootstrap()).create().unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn librdkafka_reads_the_topology() {
    let server = frozen(SimCluster::new(&SimSpec::small(1)).unwrap());
    let client = librdkafka(&server);
    let seen = client.inner().fetch_metadata(None, PATIENCE).unwrap();
    let expected = server.with(|cluster| cluster.observe(false, None));
    assert_eq!((seen.brokers().len(), seen.topics().len()), (6, expected.topics.len()));
    for topic in seen.topics() {
        let expected = &expected.topics[&TopicName::from(topic.name())];
        for partition in topic.partitions() {
            let expected = &expected.partitions[usize::try_from(partition.id()).unwrap()];
            let ids = |list: &[evenkeel::base::BrokerId]| list.iter().map(|id| id.0).collect::<Vec<_>>();
            assert_eq!(partition.replicas(), ids(&expected.replicas));
            assert_eq!(partition.isr(), ids(&expected.isr));
            assert_eq!(Some(partition.leader()), expected.leader.map(|leader| leader.0));
        }
    }
}

#[test]
fn librdkafka_makes_describes_and_deletes_a_topic() {
    let server = frozen(SimCluster::new(&SimSpec::small(2)).unwrap());
    let client = librdkafka(&server);
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let new = NewTopic::new("made", 5, TopicReplication::Fixed(3)).set("min.insync.replicas", "2");
    let made = wait(client.create_topics(&[new], &options)).unwrap();
    assert_eq!(made, [Ok("made".to_owned())]);
    let seen = server.with(|cluster| cluster.observe(false, None));
    let topic = &seen.topics[&TopicName::from("made")];
    assert_eq!((topic.partitions.len(), topic.min_insync_replicas), (5, Some(2)));
    for partition in &topic.partitions {
        let mut racks: Vec<_> = partition.replicas.iter().map(|broker| seen.rack_of(*broker)).collect();
        racks.sort();
        racks.dedup();
        assert_eq!(racks.len(), 3);
    }
    let resource = ResourceSpecifier::Topic("made");
    let described = wait(client.describe_configs([&resource], &options)).unwrap().remove(0).unwrap();
    assert_eq!(described.get("min.insync.replicas").unwrap().value.as_deref(), Some("2"));
    let deleted = wait(client.delete_topics(&["made"], &options)).unwrap();
    assert_eq!(deleted, [Ok("made".to_owned())]);
    assert!(server.with(|cluster| cluster.topic(&TopicName::from("made")).is_none()));
}

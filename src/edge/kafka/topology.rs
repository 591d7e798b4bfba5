//! Who is in the cluster: brokers with racks and addresses, the controller, the cluster's id.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataResponse,
};

use super::code::Code;
use crate::base::{BrokerId, RackId};
use crate::config::Address;

/// Who is in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// Kafka's id of the cluster.
    pub cluster_id: Option<String>,
    /// The broker that takes the controller's requests: with `ZooKeeper` the controller itself, with `KRaft` any broker.
    pub controller: Option<BrokerId>,
    /// The brokers, alive or fenced.
    pub brokers: BTreeMap<BrokerId, KnownBroker>,
}

/// A broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBroker {
    /// Where it says that it listens.
    pub address: Address,
    /// `broker.rack`.
    pub rack: Option<RackId>,
    /// Registered but down, starting or shut down; told from Kafka 4.0 on. Earlier brokers list only living ones.
    pub fenced: bool,
}

impl Topology {
    /// The brokers that are alive.
    pub fn alive(&self) -> impl Iterator<Item = (BrokerId, &KnownBroker)> {
        self.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, broker)| (*id, broker))
    }

    /// Reads the answer of `DescribeCluster`.
    pub(super) fn of_cluster(answer: &DescribeClusterResponse) -> Result<Self, String> {
        let mut brokers = BTreeMap::new();
        for broker in &answer.brokers {
            let rack = broker.rack.as_deref();
            let found = known(broker.broker_id.0, &broker.host, broker.port, rack, broker.is_fenced)?;
            add(&mut brokers, found)?;
        }
        let cluster_id = Some(answer.cluster_id.to_string()).filter(|id| !id.is_empty());
        Ok(Self { cluster_id, controller: controller(answer.controller_id.0), brokers })
    }

    /// Reads the answer of `Metadata`.
    pub(super) fn of_metadata(answer: &MetadataResponse) -> Result<Self, String> {
        let mut brokers = BTreeMap::new();
        for broker in &answer.brokers {
            let found = known(broker.node_id.0, &broker.host, broker.port, broker.rack.as_deref(), false)?;
            add(&mut brokers, found)?;
        }
        let cluster_id = answer.cluster_id.as_ref().map(ToString::to_string);
        Ok(Self { cluster_id, controller: controller(answer.controller_id.0), brokers })
    }
}

fn controller(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn known(
    id: i32,
    host: &str,
    port: i32,
    rack: Option<&str>,
    fenced: bool,
) -> Result<(BrokerId, KnownBroker), String> {
    if id < 0 {
        return Err(format!("it names a broker {id}"));
    }
    let port = u16::try_from(port).ok().filter(|port| *port > 0 && !host.is_empty());
    // A fenced broker may have no listener of the kind that we came by.
    if port.is_none() && !fenced {
        return Err(format!("broker {id} has no usable address"));
    }
    let address = Address { host: host.to_owned(), port: port.unwrap_or(0) };
    let rack = rack.filter(|rack| !rack.is_empty()).map(RackId::from);
    Ok((BrokerId(id), KnownBroker { address, rack, fenced }))
}

fn add(brokers: &mut BTreeMap<BrokerId, KnownBroker>, found: (BrokerId, KnownBroker)) -> Result<(), String> {
    let id = found.0;
    match brokers.insert(id, found.1) {
        Some(_) => Err(format!("it names broker {id} twice")),
        None => Ok(()),
    }
}

/// Asks for everyone, fenced brokers too where the version can say so.
pub(super) fn cluster_request(version: i16) -> DescribeClusterRequest {
    DescribeClusterRequest::default().with_include_fenced_brokers(version >= 2)
}

/// Asks for brokers and no topics.
pub(super) fn metadata_request(version: i16) -> MetadataRequest {
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    // Topics are made by people and not by questions about them; versions before 4 cannot say so, but no topic is named.
    if version >= 4 { request.with_allow_auto_topic_creation(false) } else { request }
}

/// The code of an answer of `DescribeCluster`.
pub(super) fn cluster_code(answer: &DescribeClusterResponse) -> Code {
    Code(answer.error_code)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId as WireBroker;
    use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn broker(id: i32, port: i32) -> DescribeClusterBroker {
        let host = StrBytes::from_static_str("b");
        DescribeClusterBroker::default().with_broker_id(WireBroker(id)).with_host(host).with_port(port)
    }

    fn read(brokers: Vec<DescribeClusterBroker>) -> Result<Topology, String> {
        Topology::of_cluster(&DescribeClusterResponse::default().with_brokers(brokers))
    }

    #[test]
    fn a_fenced_broker_needs_no_address() {
        let found = read(vec![broker(1, 9092), broker(2, -1).with_is_fenced(true)]).expect("right");
        assert_eq!(found.alive().map(|(id, _)| id).collect::<Vec<_>>(), [BrokerId(1)]);
        assert_eq!(found.brokers.len(), 2);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (wrong, words) in [
            (vec![broker(-1, 9092)], "a broker -1"),
            (vec![broker(1, 70_000)], "no usable address"),
            (vec![broker(1, 9092), broker(1, 9093)], "broker 1 twice"),
        ] {
            let problem = read(wrong).expect_err("wrong");
            assert!(problem.contains(words), "{problem}");
        }
    }
}

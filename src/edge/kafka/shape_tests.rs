//! The shapes against the codec itself: every kind, every version, and bytes that are wrong.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable as _, Encodable, Message, Request, StrBytes};
use proptest::prelude::*;

use super::*;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// Encodes an answer in every version that we speak, as far as the version can hold it.
fn each_version<R: Request>(answer: &R::Response, mut see: impl FnMut(ApiKey, i16, Bytes)) -> usize {
    let api = ApiKey::try_from(R::KEY).expect("a known request");
    let versions = R::Response::VERSIONS;
    let mut seen = 0;
    for version in versions.min..=versions.max {
        let mut bytes = BytesMut::new();
        if answer.encode(&mut bytes, version).is_ok() {
            see(api, version, bytes.freeze());
            seen += 1;
        }
    }
    seen
}

/// The shape takes in exactly the bytes that the codec wrote: none left over, none missing.
fn fits<R: Request>(answer: &R::Response) {
    let seen = each_version::<R>(answer, |api, version, bytes| {
        let shape = shape_of(api).expect("a shape");
        let mut reader = Reader { left: &bytes, version, flexible: version >= shape.flexible_since };
        let outcome = reader.fields(shape.fields).and_then(|()| reader.tags(shape.tagged));
        assert_eq!((outcome, reader.left.len()), (Ok(()), 0), "{api:?} v{version}: {bytes:02x?}");
        let short = &bytes[..bytes.len() - 1];
        assert!(check(api, version, short).is_err(), "{api:?} v{version} cut short");
    });
    assert!(seen > 0);
}

/// The same, for a kind of which only versions up to `newest` are spoken.
fn fits_up_to<R: Request>(newest: i16, answer: &R::Response) {
    let api = ApiKey::try_from(R::KEY).expect("a known request");
    for version in R::Response::VERSIONS.min..=newest {
        let mut bytes = BytesMut::new();
        answer.encode(&mut bytes, version).expect("the version holds it");
        let shape = shape_of(api).expect("a shape");
        let mut reader = Reader { left: &bytes, version, flexible: version >= shape.flexible_since };
        assert_eq!((reader.fields(shape.fields), reader.left.len()), (Ok(()), 0), "{api:?} v{version}");
        assert!(check(api, version, &bytes[..bytes.len() - 1]).is_err(), "{api:?} v{version} cut short");
    }
}

#[test]
fn the_answers_to_tries_of_rights_fit() {
    let partition = fetch_response::PartitionData::default()
        .with_aborted_transactions(Some(Vec::new()))
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::from_static(b"records")));
    let topic = fetch_response::FetchableTopicResponse::default()
        .with_topic(TopicName(text("orders")))
        .with_partitions(vec![partition; 2]);
    let fetch = FetchResponse::default().with_responses(vec![topic; 2]);
    fits_up_to::<FetchRequest>(super::super::rights::FETCH_NEWEST, &fetch);
    let partition = produce_response::PartitionProduceResponse::default();
    let topic = produce_response::TopicProduceResponse::default()
        .with_name(TopicName(text("orders")))
        .with_partition_responses(vec![partition; 2]);
    let produce = ProduceResponse::default().with_responses(vec![topic; 2]);
    fits_up_to::<ProduceRequest>(super::super::rights::PRODUCE_NEWEST, &produce);
    fits::<EndTxnRequest>(&EndTxnResponse::default());
    let result = create_partitions_response::CreatePartitionsTopicResult::default();
    let result = result.with_name(TopicName(text("orders")));
    fits::<CreatePartitionsRequest>(&CreatePartitionsResponse::default().with_results(vec![result; 2]));
}

fn metadata() -> MetadataResponse {
    use metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic};
    let partition = MetadataResponsePartition::default()
        .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
        .with_isr_nodes(vec![BrokerId(1)]);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(text("orders"))))
        .with_partitions(vec![partition.clone(), partition]);
    let broker = MetadataResponseBroker::default().with_host(text("b1"));
    MetadataResponse::default()
        .with_brokers(vec![broker.clone(), broker])
        .with_topics(vec![topic.clone(), topic])
}

fn log_dirs() -> DescribeLogDirsResponse {
    use describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic};
    let topic = DescribeLogDirsTopic::default()
        .with_name(TopicName(text("orders")))
        .with_partitions(vec![DescribeLogDirsPartition::default(); 3]);
    let dir = DescribeLogDirsResult::default().with_log_dir(text("/d1")).with_topics(vec![topic; 2]);
    DescribeLogDirsResponse::default().with_results(vec![dir; 2])
}

#[test]
fn the_shapes_of_looks_are_those_of_the_codec() {
    fits::<MetadataRequest>(&metadata());
    fits::<DescribeLogDirsRequest>(&log_dirs());
    let broker = describe_cluster_response::DescribeClusterBroker::default().with_host(text("b1"));
    fits::<DescribeClusterRequest>(&DescribeClusterResponse::default().with_brokers(vec![broker; 2]));
    {
        use describe_topic_partitions_response::*;
        let partition = DescribeTopicPartitionsResponsePartition::default()
            .with_replica_nodes(vec![BrokerId(1)])
            .with_eligible_leader_replicas(Some(vec![BrokerId(3)]));
        let topic = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(TopicName(text("orders"))))
            .with_partitions(vec![partition; 2]);
        let answer = DescribeTopicPartitionsResponse::default().with_topics(vec![topic; 2]);
        fits::<DescribeTopicPartitionsRequest>(&answer);
        let next = Cursor::default().with_topic_name(TopicName(text("next")));
        fits::<DescribeTopicPartitionsRequest>(&answer.with_next_cursor(Some(next)));
    }
    {
        use list_partition_reassignments_response::*;
        let partition = OngoingPartitionReassignment::default().with_replicas(vec![BrokerId(1)]);
        let topic = OngoingTopicReassignment::default().with_partitions(vec![partition; 2]);
        let answer = ListPartitionReassignmentsResponse::default().with_topics(vec![topic; 2]);
        fits::<ListPartitionReassignmentsRequest>(&answer);
    }
    {
        use describe_configs_response::*;
        let config = DescribeConfigsResourceResult::default().with_name(text("min.insync.replicas"));
        let config = config.with_synonyms(vec![DescribeConfigsSynonym::default(); 2]);
        let resource = DescribeConfigsResult::default().with_configs(vec![config; 2]);
        fits::<DescribeConfigsRequest>(&DescribeConfigsResponse::default().with_results(vec![resource; 2]));
    }
    {
        use list_offsets_response::*;
        let partition = ListOffsetsPartitionResponse::default();
        let topic = ListOffsetsTopicResponse::default().with_partitions(vec![partition; 2]);
        fits::<ListOffsetsRequest>(&ListOffsetsResponse::default().with_topics(vec![topic; 2]));
    }
    {
        use describe_quorum_response::*;
        let partition = PartitionData::default().with_current_voters(vec![ReplicaState::default(); 2]);
        let topic = TopicData::default().with_partitions(vec![partition; 2]);
        let node = Node::default().with_listeners(vec![Listener::default(); 2]);
        fits::<DescribeQuorumRequest>(&DescribeQuorumResponse::default().with_topics(vec![topic.clone(); 2]));
        let answer = DescribeQuorumResponse::default().with_topics(vec![topic]).with_nodes(vec![node; 2]);
        fits::<DescribeQuorumRequest>(&answer);
    }
}

#[test]
fn the_shapes_of_groups_are_those_of_the_codec() {
    {
        use list_groups_response::*;
        let group = ListedGroup::default().with_group_id(GroupId(text("billing")));
        fits::<ListGroupsRequest>(&ListGroupsResponse::default().with_groups(vec![group; 2]));
    }
    {
        use offset_fetch_response::*;
        let partition = OffsetFetchResponsePartition::default().with_metadata(Some(text("m")));
        let topic = OffsetFetchResponseTopic::default().with_partitions(vec![partition; 2]);
        fits::<OffsetFetchRequest>(&OffsetFetchResponse::default().with_topics(vec![topic; 2]));
        let partition = OffsetFetchResponsePartitions::default().with_metadata(Some(text("m")));
        let topic = OffsetFetchResponseTopics::default().with_partitions(vec![partition; 2]);
        let group = OffsetFetchResponseGroup::default().with_topics(vec![topic; 2]);
        fits::<OffsetFetchRequest>(&OffsetFetchResponse::default().with_groups(vec![group; 2]));
    }
    {
        use describe_share_group_offsets_response::*;
        let partition = DescribeShareGroupOffsetsResponsePartition::default();
        let topic = DescribeShareGroupOffsetsResponseTopic::default().with_partitions(vec![partition; 2]);
        let group = DescribeShareGroupOffsetsResponseGroup::default().with_topics(vec![topic; 2]);
        let answer = DescribeShareGroupOffsetsResponse::default().with_groups(vec![group; 2]);
        fits::<DescribeShareGroupOffsetsRequest>(&answer);
    }
}

#[test]
fn the_shapes_of_commands_are_those_of_the_codec() {
    {
        use alter_partition_reassignments_response::*;
        let topic = ReassignableTopicResponse::default();
        let topic = topic.with_partitions(vec![ReassignablePartitionResponse::default(); 2]);
        let answer = AlterPartitionReassignmentsResponse::default().with_responses(vec![topic; 2]);
        fits::<AlterPartitionReassignmentsRequest>(&answer);
    }
    {
        use elect_leaders_response::*;
        let topic =
            ReplicaElectionResult::default().with_partition_result(vec![PartitionResult::default(); 2]);
        let answer = ElectLeadersResponse::default().with_replica_election_results(vec![topic; 2]);
        fits::<ElectLeadersRequest>(&answer);
    }
    {
        use incremental_alter_configs_response::*;
        let answer = IncrementalAlterConfigsResponse::default();
        let answer = answer.with_responses(vec![AlterConfigsResourceResponse::default(); 2]);
        fits::<IncrementalAlterConfigsRequest>(&answer);
    }
    {
        use alter_replica_log_dirs_response::*;
        let partitions = vec![AlterReplicaLogDirPartitionResult::default(); 2];
        let topic = AlterReplicaLogDirTopicResult::default().with_partitions(partitions);
        fits::<AlterReplicaLogDirsRequest>(
            &AlterReplicaLogDirsResponse::default().with_results(vec![topic; 2]),
        );
    }
    {
        use create_topics_response::*;
        let topic =
            CreatableTopicResult::default().with_configs(Some(vec![CreatableTopicConfigs::default(); 2]));
        fits::<CreateTopicsRequest>(&CreateTopicsResponse::default().with_topics(vec![topic; 2]));
        let topic = CreatableTopicResult::default();
        fits::<CreateTopicsRequest>(&CreateTopicsResponse::default().with_topics(vec![topic; 2]));
    }
    {
        use delete_topics_response::*;
        let topic = DeletableTopicResult::default().with_name(Some(TopicName(text("gone"))));
        fits::<DeleteTopicsRequest>(&DeleteTopicsResponse::default().with_responses(vec![topic; 2]));
    }
    {
        use api_versions_response::*;
        let answer = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); 3]);
        fits::<ApiVersionsRequest>(&answer);
        let feature = SupportedFeatureKey::default().with_name(text("metadata.version")).with_max_version(21);
        fits::<ApiVersionsRequest>(&answer.with_supported_features(vec![feature; 2]));
    }
    let offered = vec![text("PLAIN"), text("SCRAM-SHA-256")];
    fits::<SaslHandshakeRequest>(&SaslHandshakeResponse::default().with_mechanisms(offered));
    let answer = SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from_static(b"v=abc"));
    fits::<SaslAuthenticateRequest>(&answer);
}

#[test]
fn a_count_that_the_bytes_cannot_hold_is_refused_before_room_is_made() {
    // Metadata v0: two billion brokers announced, none there.
    let hostile = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let refused = RequestProblem::Malformed(COUNT.to_owned());
    assert_eq!(check(ApiKey::Metadata, 0, &hostile), Err(refused.clone()));
    // DescribeCluster v0 in compact form: throttle, code, null, empty id, controller, then four billion brokers.
    let hostile = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(check(ApiKey::DescribeCluster, 0, &hostile), Err(refused));
}

#[test]
fn numbers_of_more_than_their_bits_are_refused() {
    // DescribeCluster v0: throttle, code, null, empty id, controller, no brokers, operations, one tagged field of no bytes.
    let with_tag = |tag: &[u8]| [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1], tag, &[0]].concat();
    let refused = |words: &str| Err(RequestProblem::Malformed(words.to_owned()));
    assert_eq!(check(ApiKey::DescribeCluster, 0, &with_tag(&[0xff, 0xff, 0xff, 0xff, 0x07])), Ok(()));
    // The codec reads a tag of 32 bits as one below 0, and no client of Kafka's could write it again.
    assert_eq!(
        check(ApiKey::DescribeCluster, 0, &with_tag(&[0x80, 0x80, 0x80, 0x80, 0x08])),
        refused("a tag in it is none")
    );
    assert_eq!(
        check(ApiKey::DescribeCluster, 0, &with_tag(&[0x80, 0x80, 0x80, 0x80, 0x10])),
        refused("a number in it is too long")
    );
}

#[test]
fn a_part_is_there_or_is_not() {
    // DescribeTopicPartitions v0: throttle, no topics, cursor, no tagged fields.
    let with =
        |cursor: &[u8]| check(ApiKey::DescribeTopicPartitions, 0, &[&[0, 0, 0, 0, 1], cursor, &[0]].concat());
    assert_eq!(with(&[0xff]), Ok(()));
    assert_eq!(with(&[1, 2, b't', 0, 0, 0, 7, 0]), Ok(()));
    let refused = RequestProblem::Malformed("it does not say whether a part of it is there".to_owned());
    assert_eq!(with(&[0, 2, b't', 0, 0, 0, 7, 0]), Err(refused));
}

#[test]
fn a_tagged_field_that_is_known_has_the_size_of_what_it_holds() {
    // CreateTopics v5: throttle, one topic "t" without error, one partition, one copy, no configs; then its tagged fields.
    let with = |tags: &[u8]| {
        let topic: &[u8] = &[0, 0, 0, 0, 2, 2, b't', 0, 0, 0, 0, 0, 0, 1, 0, 1, 1];
        check(ApiKey::CreateTopics, 5, &[topic, tags, &[0]].concat())
    };
    assert_eq!(with(&[0]), Ok(()));
    assert_eq!(with(&[1, 0, 2, 0, 29]), Ok(()));
    assert_eq!(with(&[1, 7, 3, 0, 29, 0]), Ok(()), "of others nothing is known");
    assert!(with(&[1, 0, 1, 0]).is_err() && with(&[1, 0, 3, 0, 29, 0]).is_err());
}

proptest! {
    /// Whatever a broker sends, reading it ends, with a message or with an error.
    #[test]
    fn no_bytes_bring_the_reader_down(seed in any::<u64>(), spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        let mangle = |bytes: &Bytes| {
            let mut mangled = bytes.to_vec();
            for (at, byte) in &spots {
                let at = at.index(mangled.len());
                mangled[at] = *byte;
            }
            if seed % 4 == 0 {
                mangled.truncate(cut.index(mangled.len()));
            }
            Bytes::from(mangled)
        };
        each_version::<MetadataRequest>(&metadata(), |api, version, bytes| {
            let mut bytes = mangle(&bytes);
            if check(api, version, &bytes).is_ok() {
                drop(MetadataResponse::decode(&mut bytes, version));
            }
        });
        each_version::<DescribeLogDirsRequest>(&log_dirs(), |api, version, bytes| {
            let mut bytes = mangle(&bytes);
            if check(api, version, &bytes).is_ok() {
                drop(DescribeLogDirsResponse::decode(&mut bytes, version));
            }
        });
    }
}

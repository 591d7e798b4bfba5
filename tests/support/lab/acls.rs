//! Rights granted by commands as evenkeel lists them, and taken away one by one. Taking away goes by Kafka's protocol, for
//! its tool takes seconds each time.

use std::net::TcpStream;

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{CreateAclsRequest, DeleteAclsRequest};
use kafka_protocol::protocol::{Request, StrBytes};

use super::Lab;
use super::wire::ask;
use crate::support::words::words;

/// The codes of Kafka's `ResourceType`, `PatternType`, `AclOperation` and `AclPermissionType`.
const LITERAL: i8 = 3;
const ALLOW: i8 = 3;
const VERSION: i16 = 2;

/// A right on a resource.
#[derive(Debug, Clone)]
pub struct Acl {
    kind: i8,
    name: String,
    operation: i8,
    principal: String,
    /// In words.
    pub words: String,
}

impl Acl {
    /// The rights that a `kafka-acls` command grants.
    pub fn of_command(line: &str) -> Vec<Self> {
        let words = words(line);
        let after = |flag: &str| words.iter().position(|word| word == flag).map(|at| words[at + 1].clone());
        let (kind, name) = if words.iter().any(|word| word == "--cluster") {
            (4, "kafka-cluster".to_owned())
        } else if let Some(topic) = after("--topic") {
            (2, topic)
        } else if let Some(group) = after("--group") {
            (3, group)
        } else {
            (5, after("--transactional-id").unwrap_or_else(|| panic!("no resource in {line}")))
        };
        let principal = after("--allow-principal").expect("a principal");
        let operations = words.windows(2).filter(|pair| pair[0] == "--operation").map(|pair| pair[1].clone());
        // Of all topics and of all groups are different things.
        let what = if kind == 3 { format!("group {name}") } else { name.clone() };
        let one = |operation: String| Self {
            kind,
            name: name.clone(),
            operation: code(&operation),
            principal: principal.clone(),
            words: format!("{operation} on {what}"),
        };
        operations.map(one).collect()
    }
}

fn code(operation: &str) -> i8 {
    match operation {
        "Read" => 3,
        "Write" => 4,
        "Create" => 5,
        "Alter" => 7,
        "Describe" => 8,
        "DescribeConfigs" => 10,
        "AlterConfigs" => 11,
        other => panic!("no code is known for {other}"),
    }
}

impl Lab {
    /// Runs a `kafka-acls` command as it stands, with Kafka's own tool, over the lab's listener.
    pub fn run_acl_command(&self, line: &str) {
        let words = words(line);
        assert_eq!((words[0].as_str(), words[1].as_str()), ("kafka-acls", "--bootstrap-server"), "{line}");
        let words: Vec<&str> = words[3..].iter().map(String::as_str).collect();
        self.kafka_tool("kafka-acls", &words);
    }

    /// Takes one right away.
    pub fn take_away(&self, acl: &Acl) {
        let text = |text: &str| Some(StrBytes::from_string(text.to_owned()));
        let filter = DeleteAclsFilter::default()
            .with_resource_type_filter(acl.kind)
            .with_resource_name_filter(text(&acl.name))
            .with_pattern_type_filter(LITERAL)
            .with_principal_filter(text(&acl.principal))
            .with_host_filter(text("*"))
            .with_operation(acl.operation)
            .with_permission_type(ALLOW);
        let answer = self.administer(&DeleteAclsRequest::default().with_filters(vec![filter]));
        let result = &answer.filter_results[0];
        assert_eq!((result.error_code, result.matching_acls.len()), (0, 1), "{acl:?}: {answer:?}");
    }

    /// Gives it back.
    pub fn give_back(&self, acl: &Acl) {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let made = AclCreation::default()
            .with_resource_type(acl.kind)
            .with_resource_name(text(&acl.name))
            .with_resource_pattern_type(LITERAL)
            .with_principal(text(&acl.principal))
            .with_host(text("*"))
            .with_operation(acl.operation)
            .with_permission_type(ALLOW);
        let answer = self.administer(&CreateAclsRequest::default().with_creations(vec![made]));
        assert_eq!(answer.results[0].error_code, 0, "{acl:?}: {answer:?}");
    }

    /// One request over the lab's own listener.
    fn administer<R: Request>(&self, request: &R) -> R::Response {
        let bootstrap = self.internal_bootstrap();
        let address = bootstrap.split(',').next().expect("a broker runs");
        let mut stream = TcpStream::connect(address).expect("the broker listens");
        ask(&mut stream, VERSION, request)
    }
}

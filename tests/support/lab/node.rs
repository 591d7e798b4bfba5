//! What one node is told: `server.properties` and the formatted log directories.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{
    CLIENT_PORT, CONTROLLER, CONTROLLER_HOST, CONTROLLER_PORT, INTERNAL_PORT, Lab, ONE_WAY_PORT,
    OPEN_SASL_PORT, PASSWORD, Security, host_of, open_sasl,
};

/// Formats a log directory by hand, which saves a JVM per node. The broker adds what else it wants to know.
pub fn format_log_dir(dir: &Path, node: i32, cluster_id: &str) {
    fs::create_dir_all(dir).expect("the lab's folder is writable");
    let text = format!("version=1\ncluster.id={cluster_id}\nnode.id={node}\n");
    fs::write(dir.join("meta.properties"), text).expect("the lab's folder is writable");
}

/// The same, unless it was formatted before: a node that starts again finds what it left.
pub fn format_if_new(dir: &Path, node: i32, cluster_id: &str) {
    if !dir.join("meta.properties").exists() {
        format_log_dir(dir, node, cluster_id);
    }
}

/// Tokens are taken that nobody signed (Kafka's own validator for tests), and sessions by token end soon.
const TOKENS: &str = "\
listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";
listener.name.client.oauthbearer.connections.max.reauth.ms=4000
";

/// Small buffers for small heaps, and the durable settings that the tests stand on.
/// Consumers that say their rack read from the replica there; the others read from leaders.
const COMMON: &str = "\
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
offsets.topic.num.partitions=6
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=3
default.replication.factor=3
min.insync.replicas=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
auto.leader.rebalance.enable=false
controlled.shutdown.enable=true
log.segment.bytes=8388608
log.index.size.max.bytes=1048576
log.segment.delete.delay.ms=1000
file.delete.delay.ms=1000
replica.lag.time.max.ms=10000
replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector
";

/// A follower asks for all partitions of a leader at once, and what it replicates waits for what it copies in the same answer.
/// Kafka's 1 MB of each partition and 10 MB in all go through a usual network in milliseconds, these through a slow one.
const SLOW_NETWORK: &str = "replica.fetch.response.max.bytes=262144\nreplica.fetch.max.bytes=65536\n";

impl Lab {
    /// The properties of the controller; on old versions those of `ZooKeeper`, which stands in its place.
    pub(super) fn controller_properties(&self) -> String {
        if self.jars.needs_zookeeper() {
            return format!(
                "dataDir={}\nclientPort={CONTROLLER_PORT}\nclientPortAddress={}\nmaxClientCnxns=0\n\
                 tickTime=1000\nadmin.enableServer=false\n",
                self.log_dirs(CONTROLLER)[0].display(),
                self.net.host(CONTROLLER_HOST)
            );
        }
        let voter = self.net.address(CONTROLLER_HOST, CONTROLLER_PORT);
        let mut text = format!(
            "process.roles=controller\nnode.id={CONTROLLER}\ncontroller.quorum.voters={CONTROLLER}@{voter}\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://{voter}\nlog.dirs={}\n{COMMON}",
            self.log_dirs(CONTROLLER)[0].display()
        );
        text.push_str(&self.authorizer_properties());
        text
    }

    /// The properties of a broker.
    pub(super) fn broker_properties(&self, id: i32) -> String {
        let host = host_of(id);
        let voter = self.net.address(CONTROLLER_HOST, CONTROLLER_PORT);
        let internal = self.net.address(host, INTERNAL_PORT);
        let mut listeners = format!("INTERNAL://{internal}");
        let mut protocols = "INTERNAL:PLAINTEXT".to_owned();
        let protocol = match self.security {
            Security::Plaintext => None,
            Security::MutualTls => Some("SSL"),
            Security::ScramOverTls => Some("SASL_SSL"),
        };
        if let Some(protocol) = protocol {
            write!(listeners, ",CLIENT://{}", self.net.address(host, CLIENT_PORT)).expect("text");
            write!(listeners, ",ONE_WAY://{}", self.net.address(host, ONE_WAY_PORT)).expect("text");
            write!(protocols, ",CLIENT:{protocol},ONE_WAY:SSL").expect("text");
        }
        if self.security == Security::ScramOverTls {
            write!(listeners, ",OPEN_SASL://{}", self.net.address(host, OPEN_SASL_PORT)).expect("text");
            protocols.push_str(",OPEN_SASL:SASL_PLAINTEXT");
        }
        let log_dirs: Vec<String> = self.log_dirs(id).iter().map(|dir| dir.display().to_string()).collect();
        let mut text = if self.jars.needs_zookeeper() {
            format!("broker.id={id}\nzookeeper.connect={voter}\nzookeeper.connection.timeout.ms=60000\n")
        } else {
            protocols.push_str(",CONTROLLER:PLAINTEXT");
            format!(
                "process.roles=broker\nnode.id={id}\ncontroller.quorum.voters={CONTROLLER}@{voter}\n\
                 controller.listener.names=CONTROLLER\n"
            )
        };
        write!(
            text,
            "broker.rack={}\nlisteners={listeners}\nadvertised.listeners={listeners}\n\
             listener.security.protocol.map={protocols}\ninter.broker.listener.name=INTERNAL\n\
             log.dirs={}\n{COMMON}",
            self.rack_of(id),
            log_dirs.join(",")
        )
        .expect("text");
        if self.slow_network {
            text.push_str(SLOW_NETWORK);
        }
        text.push_str(&self.authorizer_properties());
        text.push_str(&self.listener_properties(id));
        text
    }

    /// Kafka's own authorizer, deny by default. The brokers among themselves and the lab's own requests come in
    /// over the plain listener without a name, so that "no name" has to be a super user.
    fn authorizer_properties(&self) -> String {
        if !self.acls {
            return String::new();
        }
        let class = if self.jars.needs_zookeeper() {
            "kafka.security.authorizer.AclAuthorizer"
        } else {
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        };
        format!(
            "authorizer.class.name={class}\nsuper.users=User:ANONYMOUS;User:traffic\n\
             allow.everyone.if.no.acl.found=false\n"
        )
    }

    /// TLS and SASL of the clients' listener.
    fn listener_properties(&self, id: i32) -> String {
        let Some(certificates) = &self.certificates else { return String::new() };
        let prefix = "listener.name.client";
        let mut text = format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\n\
             ssl.truststore.type=PEM\nssl.truststore.location={}\n\
             ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/,DEFAULT\n",
            certificates.file(&format!("broker-{id}.pem")).display(),
            certificates.file("ca.pem").display(),
        );
        let client_auth = if self.security == Security::MutualTls { "required" } else { "none" };
        writeln!(text, "{prefix}.ssl.client.auth={client_auth}").expect("text");
        if self.security == Security::ScramOverTls {
            writeln!(text, "{prefix}.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER")
                .expect("text");
            text.push_str(TOKENS);
            for mechanism in ["scram-sha-256", "scram-sha-512"] {
                let module = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
                writeln!(text, "{prefix}.{mechanism}.sasl.jaas.config={module}").expect("text");
            }
            text.push_str(open_sasl::PROPERTIES);
            let module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
            let user = format!("user_evenkeel=\"{PASSWORD}\"");
            writeln!(text, "{prefix}.plain.sasl.jaas.config={module} {user};").expect("text");
        }
        text
    }
}

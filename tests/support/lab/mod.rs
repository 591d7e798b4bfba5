//! A real Kafka cluster for tests: one KRaft controller and brokers in racks, each a JVM of its own on loopback,
//! any version that Maven Central has. No container, nothing left behind.
//!
//! The lab looks at the cluster with other eyes than evenkeel's: librdkafka's metadata, Kafka's own tools, and the
//! brokers' folders on this machine's disk.

mod acls;
mod disks;
mod faults;
mod folders;
mod jars;
mod load;
mod net;
mod node;
mod open_sasl;
mod process;
mod prometheus;
mod reading;
mod seen;
mod shape;
mod steady;
mod tls;
mod tools;
mod traffic;
mod volumes;
mod watch;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use folders::{data_dir, sweeper};
use jars::{COUNTERS, EVERY_BEAN, Exporter, Jars};
use net::Net;
use open_sasl::OPEN_SASL_PORT;
use process::Guarded;
use tls::Certificates;
use volumes::Mount;

pub use acls::Acl;
pub use prometheus::Prometheus;
pub use reading::Reading;
pub use seen::{Seen, SeenPartition};
pub use shape::{Shape, is_inside};
pub use steady::Steady;
pub use traffic::Traffic;
pub use volumes::Volume;
pub use watch::{Sightings, Watch};

/// Brokers and the lab itself talk here, in the clear.
const INTERNAL_PORT: u16 = 9092;
const CONTROLLER_PORT: u16 = 9093;
/// Clients talk here when the lab has TLS.
const CLIENT_PORT: u16 = 9094;
/// TLS without a client certificate and without SASL.
const ONE_WAY_PORT: u16 = 9095;
const PORTS: [u16; 6] =
    [INTERNAL_PORT, CONTROLLER_PORT, CLIENT_PORT, ONE_WAY_PORT, OPEN_SASL_PORT, METRICS_PORT];
/// The brokers' JMX exporters, on the port that managed clusters use.
const METRICS_PORT: u16 = 11001;
/// Brokers go to this many racks in turn.
const RACKS: i32 = 3;
/// Log directories of each broker.
const LOG_DIRS: usize = 2;
/// The controller's node id.
const CONTROLLER: i32 = 101;
const CONTROLLER_HOST: u8 = 101;

const PASSWORD: &str = "right-horse-battery";

/// Labs run one at a time: seven JVMs are enough for two cores.
static TURN: Mutex<()> = Mutex::new(());

fn host_of(node: i32) -> u8 {
    u8::try_from(node).expect("node ids of a lab fit the last byte of an address")
}

/// How clients reach the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In the clear.
    Plaintext,
    /// TLS, and the client shows a certificate.
    MutualTls,
    /// SCRAM-SHA-512 (and 256) over TLS.
    ScramOverTls,
}

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The tool under test.
    Evenkeel,
    /// The producer and the consumer.
    Traffic,
    /// A certificate that another authority signed.
    Stranger,
    /// The right user with a wrong password.
    WrongPassword,
}

/// What kind of cluster is wanted.
pub struct Builder {
    version: String,
    brokers: i32,
    security: Security,
    acls: bool,
    metrics: bool,
    counting: Vec<i32>,
    small_disks: Vec<(i32, u64)>,
    slow_network: bool,
}

/// A running cluster. Dropping it ends all its processes and removes its files; after a failed test the logs stay.
pub struct Lab {
    jars: Jars,
    tools: Jars,
    dir: PathBuf,
    data: PathBuf,
    net: Net,
    racks: BTreeMap<i32, String>,
    security: Security,
    acls: bool,
    exporter: Option<Exporter>,
    counting: Vec<i32>,
    slow_network: bool,
    certificates: Option<Certificates>,
    controller: Option<Guarded>,
    brokers: BTreeMap<i32, Guarded>,
    mounts: Vec<Mount>,
    sweeper: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Builder {
    /// How many brokers start; their ids begin at 1.
    pub fn brokers(mut self, brokers: i32) -> Self {
        self.brokers = brokers;
        self
    }

    /// How clients reach the brokers.
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Kafka's authorizer, deny by default.
    pub fn acls(mut self) -> Self {
        self.acls = true;
        self
    }

    /// Every broker gets the JMX exporter.
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// This broker's disk has only so many bytes, shared out evenly among its log directories. Needs root.
    pub fn small_disk(mut self, broker: i32, bytes: u64) -> Self {
        self.small_disks.push((broker, bytes));
        self
    }

    /// What followers get with one answer is as much smaller as a network that is [`Lab::shape`]d is slower.
    pub fn slow_network(mut self) -> Self {
        self.slow_network = true;
        self
    }

    /// Brokers go to the racks in turn; a spare one, not started, has the rack of the last one.
    fn racks_of_brokers(&self) -> BTreeMap<i32, String> {
        let rack = |id: i32| format!("rack-{}", (id - 1) % RACKS);
        let spare = (self.brokers + 1, rack(self.brokers));
        (1..=self.brokers).map(|id| (id, rack(id))).chain([spare]).collect()
    }

    /// Starts the cluster and waits until every broker serves.
    pub fn start(self) -> Lab {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let jars = Jars::fetch(&self.version);
        let tools = jars.tools();
        let net = Net::reserve();
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(parent).expect("the target folder is writable");
        let dir =
            tempfile::Builder::new().prefix("lab-").tempdir_in(parent).expect("a folder for the lab").keep();
        let data = data_dir(&dir);
        let hosts: Vec<_> = (1..=self.brokers + 1).map(|id| (id, net.host(host_of(id)))).collect();
        let certificates =
            (self.security != Security::Plaintext).then(|| Certificates::make(&dir.join("tls"), &hosts));
        let mut lab = Lab {
            sweeper: sweeper(&[&dir, &data]),
            jars,
            tools,
            dir,
            data,
            net,
            racks: self.racks_of_brokers(),
            security: self.security,
            acls: self.acls,
            exporter: self.metrics.then(Exporter::fetch),
            counting: self.counting,
            slow_network: self.slow_network,
            certificates,
            controller: None,
            brokers: BTreeMap::new(),
            mounts: Vec::new(),
            _turn: turn,
        };
        lab.mount_small_disks(&self.small_disks);
        let started = Instant::now();
        lab.start_controller();
        let ids: Vec<i32> = (1..=self.brokers).collect();
        for id in &ids {
            lab.spawn_broker(*id);
        }
        lab.wait_up(&ids);
        eprintln!(
            "lab: Kafka {} with {} brokers is up after {:.1?}",
            self.version,
            self.brokers,
            started.elapsed()
        );
        if self.security == Security::ScramOverTls {
            lab.add_scram_users();
        }
        lab
    }
}

impl Lab {
    /// A lab of six brokers in three racks with two log directories each, without TLS, unless told otherwise.
    pub fn builder(version: &str) -> Builder {
        Builder {
            version: version.to_owned(),
            brokers: 6,
            security: Security::Plaintext,
            acls: false,
            metrics: false,
            counting: Vec::new(),
            small_disks: Vec::new(),
            slow_network: false,
        }
    }

    /// The rack of a broker.
    pub fn rack_of(&self, broker: i32) -> &str {
        self.racks.get(&broker).unwrap_or_else(|| panic!("the lab has no broker {broker}"))
    }

    /// The brokers that run.
    pub fn running(&self) -> BTreeSet<i32> {
        self.brokers.iter().filter(|(_, node)| node.is_running()).map(|(id, _)| *id).collect()
    }

    fn node_dir(&self, node: i32) -> PathBuf {
        self.dir.join(format!("node-{node}"))
    }

    fn log_dirs(&self, node: i32) -> Vec<PathBuf> {
        (1..=LOG_DIRS).map(|index| self.data.join(format!("node-{node}-d{index}"))).collect()
    }

    fn spawn_node(&self, node: i32, class: &str, properties: &str) -> Guarded {
        let dir = self.node_dir(node);
        fs::create_dir_all(&dir).expect("the lab's folder is writable");
        let file = dir.join("server.properties");
        fs::write(&file, properties).expect("the lab's folder is writable");
        let mut words = self.jars.java(false);
        if let Some(exporter) = self.exporter.as_ref().filter(|_| node != CONTROLLER) {
            let rules = if self.counting.contains(&node) { COUNTERS } else { EVERY_BEAN };
            words.insert(1, exporter.word(&self.net.address(host_of(node), METRICS_PORT), rules));
        }
        words.extend([class.to_owned(), file.display().to_string()]);
        Guarded::spawn(&words, &dir.join("server.log"))
    }

    fn start_controller(&mut self) {
        let class = if self.jars.needs_zookeeper() {
            "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        } else {
            node::format_if_new(&self.log_dirs(CONTROLLER)[0], CONTROLLER, CLUSTER_ID);
            "kafka.Kafka"
        };
        self.controller = Some(self.spawn_node(CONTROLLER, class, &self.controller_properties()));
    }

    fn spawn_broker(&mut self, id: i32) {
        for dir in self.log_dirs(id) {
            if !self.jars.needs_zookeeper() {
                node::format_if_new(&dir, id, CLUSTER_ID);
            }
        }
        let node = self.spawn_node(id, "kafka.Kafka", &self.broker_properties(id));
        self.brokers.insert(id, node);
    }

    fn wait_up(&self, ids: &[i32]) {
        for id in ids {
            self.brokers[id].wait_for_line(self.jars.started_line(), Duration::from_secs(180));
        }
        self.wait_until("every broker is in the metadata", Duration::from_secs(60), |seen| {
            ids.iter().all(|id| seen.brokers.contains(id))
        });
    }

    /// Starts a broker that was stopped or killed, or the spare one, and waits until it serves.
    pub fn start_broker(&mut self, id: i32) {
        self.spawn_broker(id);
        self.wait_up(&[id]);
    }

    fn broker(&mut self, id: i32) -> &mut Guarded {
        self.brokers.get_mut(&id).unwrap_or_else(|| panic!("the lab has no broker {id}"))
    }

    /// Kills a broker without a goodbye.
    pub fn kill(&mut self, id: i32) {
        self.broker(id).kill();
    }

    /// Stops a broker in order: it hands over its leaderships first.
    pub fn stop(&mut self, id: i32) {
        self.broker(id).stop(Duration::from_secs(60));
    }

    /// `host:port` of brokers 1 to 3, for clients.
    pub fn bootstrap(&self) -> String {
        let port = if self.security == Security::Plaintext { INTERNAL_PORT } else { CLIENT_PORT };
        (1..=3).map(|host| self.net.address(host, port)).collect::<Vec<_>>().join(",")
    }

    /// `host:port` of brokers 1 to 3 where TLS is spoken and nobody is asked for a name.
    pub fn one_way_bootstrap(&self) -> String {
        assert!(self.certificates.is_some(), "the lab has no TLS");
        (1..=3).map(|host| self.net.address(host, ONE_WAY_PORT)).collect::<Vec<_>>().join(",")
    }

    /// An address of the lab's own on which nobody listens.
    pub fn nobodys_address(&self) -> String {
        self.net.address(200, INTERNAL_PORT)
    }

    /// `host:port` of every broker that runs, for the lab's own eyes.
    pub fn internal_bootstrap(&self) -> String {
        let running = self.running();
        let addresses = running.iter().map(|id| self.net.address(host_of(*id), INTERNAL_PORT));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// librdkafka's settings for the lab's own eyes.
    fn internal_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.internal_bootstrap());
        config.set("topic.metadata.refresh.interval.ms", "-1");
        config.set("log_level", "3");
        config
    }

    /// The connection settings of a client, as librdkafka names them.
    pub fn client_settings(&self, who: Who) -> BTreeMap<&'static str, String> {
        let mut settings = BTreeMap::new();
        let Some(certificates) = &self.certificates else { return settings };
        let path = |name: &str| certificates.file(name).display().to_string();
        settings.insert("ssl.ca.location", path("ca.pem"));
        let user = match who {
            Who::Evenkeel | Who::WrongPassword => "evenkeel",
            Who::Traffic => "traffic",
            Who::Stranger => "stranger",
        };
        if self.security == Security::MutualTls {
            settings.insert("security.protocol", "SSL".to_owned());
            settings.insert("ssl.certificate.location", path(&format!("{user}.pem")));
            settings.insert("ssl.key.location", path(&format!("{user}.key")));
        } else {
            let password = if who == Who::WrongPassword { "wrong-horse" } else { PASSWORD };
            settings.insert("security.protocol", "SASL_SSL".to_owned());
            settings.insert("sasl.mechanism", "SCRAM-SHA-512".to_owned());
            settings.insert("sasl.username", user.to_owned());
            settings.insert("sasl.password", password.to_owned());
        }
        settings
    }

    /// The words that tell evenkeel where the cluster is and who asks.
    pub fn cluster_words(&self, who: Who) -> Vec<String> {
        let mut words = vec!["--bootstrap".to_owned(), self.bootstrap()];
        // A lab's clusters have few ids, and what was begun on one is nothing to another.
        words.extend(["--state-dir".to_owned(), self.file("state").display().to_string()]);
        let settings = self.client_settings(who);
        if !settings.is_empty() {
            let file = self.properties_file(&format!("client-{who:?}.properties"), &settings);
            words.extend(["--kafka-config".to_owned(), file.display().to_string()]);
        }
        words
    }

    /// Writes client settings to a file of the lab.
    pub fn properties_file(&self, name: &str, settings: &BTreeMap<&'static str, String>) -> PathBuf {
        let file = self.file(name);
        let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        fs::write(&file, lines.concat()).expect("the lab's folder is writable");
        file
    }

    /// The path of a file in the lab's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What librdkafka sees now.
    pub fn look(&self) -> Seen {
        let consumer: BaseConsumer = self.internal_config().create().expect("a client of librdkafka");
        Seen::ask(&consumer).unwrap_or_else(|error| panic!("the lab cannot see its own cluster: {error}"))
    }

    /// Looks until the cluster is as wanted; ends the test when that takes too long.
    pub fn wait_until(&self, what: &str, at_most: Duration, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let consumer: BaseConsumer = self.internal_config().create().expect("a client of librdkafka");
        let until = Instant::now() + at_most;
        loop {
            let seen = Seen::ask(&consumer);
            if let Ok(seen) = &seen
                && is_so(seen)
            {
                return seen.clone();
            }
            assert!(Instant::now() < until, "waited {at_most:?} in vain until {what}; last look: {seen:?}");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The id of every lab that has no `ZooKeeper`.
pub const CLUSTER_ID: &str = "bGFiLWxhYi1sYWItbGFiLQ";

impl Drop for Lab {
    fn drop(&mut self) {
        self.brokers.clear();
        self.controller = None;
        self.mounts.clear();
        // One line tells the sweeper that there is nothing for it to do.
        if let Some(mut stdin) = self.sweeper.stdin.take() {
            use std::io::Write as _;
            if writeln!(stdin, "done").is_err() {
                eprintln!("lab: the sweeper ended before its time");
            }
        }
        if let Err(error) = self.sweeper.wait() {
            eprintln!("lab: the sweeper cannot be waited for: {error}");
        }
        let mut gone = vec![&self.data];
        if thread::panicking() {
            eprintln!("lab: the logs of the failed test stay in {}", self.dir.display());
        } else {
            gone.push(&self.dir);
        }
        for dir in gone.into_iter().filter(|dir| dir.exists()) {
            if let Err(error) = fs::remove_dir_all(dir) {
                eprintln!("lab: {} stays behind: {error}", dir.display());
            }
        }
    }
}

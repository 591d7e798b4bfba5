//! Kafka's jars from Maven Central, one folder per version under the target folder, with a class archive that
//! halves the time a broker takes to boot. A missing JDK or Maven is a loud failure: these tests are never skipped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Guarded;

/// Kafka 4.4.0 published its brokers but not `kafka-tools`; the tools of the release before serve it.
const TOOLS_OF: [(&str, &str); 1] = [("4.4.0", "4.3.1")];

/// Why the plugin has a version: the one that an old Maven would pick by itself cannot read newer repositories.
const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// Runs a goal of Maven's dependency plugin.
fn maven(pom: &Path, goal: &[&str]) {
    let mut report = String::new();
    // A registry that stumbles once is not a failed test.
    for _ in 0..3 {
        let output = Command::new("mvn")
            .args(["-B", "-q", "-f"])
            .arg(pom)
            .arg(format!("{DEPENDENCY_PLUGIN}:{}", goal[0]))
            .args(&goal[1..])
            .output()
            .expect("Maven is installed (`mvn`; Debian: apt-get install maven)");
        if output.status.success() {
            return;
        }
        report = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    panic!("Maven could not fetch ({goal:?}):\n{report}");
}

/// The folder for all of Kafka's jars, and a lock on it by name: two test processes may want the same at once.
fn folder(name: &str) -> (PathBuf, File) {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = tmp.parent().expect("the target folder holds tmp").join("kafka");
    fs::create_dir_all(&root).expect("the target folder is writable");
    let lock = File::create(root.join(format!("{name}.lock"))).expect("a lock file in the target folder");
    lock.lock().expect("the lock file can be locked");
    (root.join(name), lock)
}

/// The JMX exporter's agent.
#[derive(Debug)]
pub struct Exporter {
    dir: PathBuf,
}

const EXPORTER_VERSION: &str = "1.0.1";

/// How an exporter writes beans, and the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct Rules(&'static str, &'static str);

/// As managed clusters have it: every bean under its own name.
pub const EVERY_BEAN: Rules = Rules(
    "rules.yaml",
    "lowercaseOutputName: false\nlowercaseOutputLabelNames: false\nrules:\n- pattern: \".*\"\n",
);

/// Counters of traffic and nothing else, under the names that Strimzi's rules give them.
pub const COUNTERS: Rules = Rules(
    "counters.yaml",
    "lowercaseOutputName: true\n\
     whitelistObjectNames: [\"kafka.server:type=BrokerTopicMetrics,*\"]\n\
     rules:\n\
     - pattern: kafka.server<type=BrokerTopicMetrics, name=(\\w+)PerSec, topic=(.+)><>Count\n\
     \u{20} name: kafka_server_brokertopicmetrics_$1_total\n\
     \u{20} type: COUNTER\n\
     \u{20} labels: { topic: \"$2\" }\n\
     - pattern: kafka.server<type=BrokerTopicMetrics, name=(\\w+)PerSec><>Count\n\
     \u{20} name: kafka_server_brokertopicmetrics_$1_total\n\
     \u{20} type: COUNTER\n",
);

impl Exporter {
    /// Fetches the agent unless it is there already.
    pub fn fetch() -> Self {
        let (dir, _lock) = folder(&format!("jmx-exporter-{EXPORTER_VERSION}"));
        let exporter = Self { dir };
        if !exporter.jar().is_file() {
            fs::create_dir_all(&exporter.dir).expect("the target folder is writable");
            let pom = exporter.dir.join("pom.xml");
            fs::write(&pom, PROJECT.replace("DEPENDENCIES", "")).expect("the target folder is writable");
            let artifact =
                format!("-Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:{EXPORTER_VERSION}");
            maven(&pom, &["copy", &artifact, &format!("-DoutputDirectory={}", exporter.dir.display())]);
        }
        for Rules(name, text) in [EVERY_BEAN, COUNTERS] {
            fs::write(exporter.dir.join(name), text).expect("the target folder is writable");
        }
        exporter
    }

    fn jar(&self) -> PathBuf {
        self.dir.join(format!("jmx_prometheus_javaagent-{EXPORTER_VERSION}.jar"))
    }

    /// The JVM's word for the agent, serving at this address by these rules.
    pub fn word(&self, address: &str, rules: Rules) -> String {
        let rules = self.dir.join(rules.0);
        format!("-javaagent:{}={address}:{}", self.jar().display(), rules.display())
    }
}

const PROJECT: &str = "<project><modelVersion>4.0.0</modelVersion><groupId>lab</groupId><artifactId>lab</artifactId>\
                       <version>1</version><dependencies>DEPENDENCIES</dependencies></project>";

/// Everything needed to run the brokers and the tools of one Kafka version.
#[derive(Debug, Clone)]
pub struct Jars {
    version: String,
    dir: PathBuf,
}

impl Jars {
    /// Fetches the jars unless they are there already, and makes the class archive.
    pub fn fetch(version: &str) -> Self {
        let (dir, _lock) = folder(version);
        let jars = Self { version: version.to_owned(), dir };
        if !jars.libs().is_dir() {
            jars.resolve();
        }
        if !jars.archive().is_file() && !jars.needs_zookeeper() {
            jars.make_archive();
        }
        jars
    }

    /// The jars whose tools go with these brokers.
    pub fn tools(&self) -> Self {
        TOOLS_OF
            .iter()
            .find(|(brokers, _)| *brokers == self.version)
            .map_or_else(|| self.clone(), |(_, tools)| Self::fetch(tools))
    }

    /// Whether this version logs through log4j 2 (from 4.0 on).
    fn has_log4j2(&self) -> bool {
        !self.version.starts_with("3.") && !self.version.starts_with("2.")
    }

    /// Whether the lab runs this version with `ZooKeeper`: it has no `KRaft`, or none for production.
    pub fn needs_zookeeper(&self) -> bool {
        ["2.", "3.0.", "3.1.", "3.2."].iter().any(|series| self.version.starts_with(series))
    }

    /// What a broker logs when it serves.
    pub fn started_line(&self) -> &'static str {
        if self.needs_zookeeper() { "started (kafka.server.KafkaServer)" } else { "Kafka Server started" }
    }

    fn libs(&self) -> PathBuf {
        self.dir.join("libs")
    }

    fn archive(&self) -> PathBuf {
        self.dir.join("classes.jsa")
    }

    /// The command line of a JVM up to the main class: small heap, the class archive, logging to stdout
    /// (`tool` false) or errors to stderr (`tool` true).
    pub fn java(&self, tool: bool) -> Vec<String> {
        let mut words = self.java_without_archive(tool);
        if self.archive().is_file() {
            words.insert(1, format!("-XX:SharedArchiveFile={}", self.archive().display()));
        }
        words
    }

    fn java_without_archive(&self, tool: bool) -> Vec<String> {
        let logging = self.dir.join(if tool { "log-tool.properties" } else { "log-broker.properties" });
        let logging = if self.has_log4j2() {
            format!("-Dlog4j2.configurationFile={}", logging.display())
        } else {
            format!("-Dlog4j.configuration=file:{}", logging.display())
        };
        let heap = if tool { "-Xmx128m" } else { "-Xmx256m" };
        let fixed = ["java", "-Xms64m", heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"];
        let fixed = fixed.iter().map(ToString::to_string);
        let class_path = ["-cp".to_owned(), format!("{}/*", self.libs().display())];
        fixed.chain(["-XX:MaxMetaspaceSize=192m".to_owned(), logging]).chain(class_path).collect()
    }

    /// The main class of a tool such as `kafka-acls`: it moved between jars over the versions.
    pub fn class_of(&self, tool: &str) -> &'static str {
        let candidates: &[&'static str] = match tool {
            "kafka-reassign-partitions" => &[
                "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
                "kafka.admin.ReassignPartitionsCommand",
            ],
            "kafka-configs" => &["org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand"],
            "kafka-leader-election" => {
                &["org.apache.kafka.tools.LeaderElectionCommand", "kafka.admin.LeaderElectionCommand"]
            }
            "kafka-acls" => &["org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"],
            other => panic!("no class is known for the tool {other}"),
        };
        candidates
            .iter()
            .find(|class| self.holds_class(class))
            .unwrap_or_else(|| panic!("no jar of Kafka {} holds any of {candidates:?}", self.version))
    }

    /// A jar lists its files by name, uncompressed, so that no archive reader is needed to find one.
    fn holds_class(&self, class: &str) -> bool {
        let file = format!("{}.class", class.replace('.', "/"));
        let jars =
            fs::read_dir(self.libs()).expect("the jars are there").map(|jar| jar.expect("a jar").path());
        let of_kafka =
            |jar: &PathBuf| jar.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kafka"));
        jars.filter(of_kafka).any(|jar| {
            let bytes = fs::read(&jar).expect("a jar can be read");
            bytes.windows(file.len()).any(|window| window == file.as_bytes())
        })
    }

    fn resolve(&self) {
        let part = self.dir.join("libs.part");
        if part.exists() {
            fs::remove_dir_all(&part).expect("half a download can be removed");
        }
        fs::create_dir_all(&self.dir).expect("the target folder is writable");
        let has_tools = !TOOLS_OF.iter().any(|(brokers, _)| *brokers == self.version);
        let artifacts: &[&str] = if has_tools { &["kafka_2.13", "kafka-tools"] } else { &["kafka_2.13"] };
        let dependency = |artifact: &&str| {
            format!(
                "<dependency><groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId>\
                 <version>{}</version></dependency>",
                self.version
            )
        };
        let dependencies = artifacts.iter().map(dependency).collect::<Vec<_>>().concat();
        let pom = PROJECT.replace("DEPENDENCIES", &dependencies);
        fs::write(self.dir.join("pom.xml"), pom).expect("the target folder is writable");
        let to = format!("-DoutputDirectory={}", part.display());
        maven(&self.dir.join("pom.xml"), &["copy-dependencies", "-DincludeScope=runtime", &to]);
        if self.has_log4j2() {
            // Kafka 4 has log4j 2 on its class path but nothing that leads slf4j to it: it would log nothing.
            let log4j = fs::read_dir(&part)
                .expect("the jars are there")
                .filter_map(|jar| jar.expect("a jar").file_name().into_string().ok())
                .find_map(|name| Some(name.strip_prefix("log4j-core-")?.strip_suffix(".jar")?.to_owned()))
                .expect("Kafka 4 comes with log4j-core");
            maven(
                &self.dir.join("pom.xml"),
                &["copy", &format!("-Dartifact=org.apache.logging.log4j:log4j-slf4j-impl:{log4j}"), &to],
            );
        }
        self.write_logging();
        fs::rename(&part, self.libs()).expect("the jars can take their place");
    }

    fn write_logging(&self) {
        for (name, level, target) in
            [("log-broker.properties", "INFO", "SYSTEM_OUT"), ("log-tool.properties", "ERROR", "SYSTEM_ERR")]
        {
            let text = if self.has_log4j2() {
                format!(
                    "status=ERROR\nrootLogger.level={level}\nrootLogger.appenderRef.console.ref=CONSOLE\n\
                     appender.console.type=Console\nappender.console.name=CONSOLE\n\
                     appender.console.target={target}\nappender.console.layout.type=PatternLayout\n\
                     appender.console.layout.pattern=[%d] %p %m (%c)%n\n"
                )
            } else {
                let target = if target == "SYSTEM_OUT" { "System.out" } else { "System.err" };
                format!(
                    "log4j.rootLogger={level}, console\nlog4j.appender.console=org.apache.log4j.ConsoleAppender\n\
                     log4j.appender.console.target={target}\n\
                     log4j.appender.console.layout=org.apache.log4j.PatternLayout\n\
                     log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n\n"
                )
            };
            fs::write(self.dir.join(name), text).expect("the target folder is writable");
        }
    }

    /// Boots a throw-away node that writes the classes it loaded to an archive as it ends.
    fn make_archive(&self) {
        let scratch = tempfile::tempdir_in(&self.dir).expect("a scratch folder");
        let data = scratch.path().join("d");
        super::node::format_log_dir(&data, 1, "archive");
        let net = super::net::Net::reserve();
        let (broker, controller) = (net.address(1, 9092), net.address(1, 9093));
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@{controller}\n\
             controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://{broker},CONTROLLER://{controller}\n\
             log.dirs={}\noffsets.topic.replication.factor=1\nlog.cleaner.dedupe.buffer.size=2097152\n",
            data.display()
        );
        let file = scratch.path().join("server.properties");
        fs::write(&file, properties).expect("the scratch folder is writable");
        let part = self.dir.join("classes.jsa.part");
        let mut words = self.java_without_archive(false);
        words.insert(1, format!("-XX:ArchiveClassesAtExit={}", part.display()));
        words.extend(["kafka.Kafka".to_owned(), file.display().to_string()]);
        let log = self.dir.join("archive.log");
        let mut node = Guarded::spawn(&words, &log);
        node.wait_for_line(self.started_line(), Duration::from_secs(120));
        node.stop(Duration::from_secs(120));
        assert!(part.is_file(), "the JVM wrote no class archive; see {}", log.display());
        fs::rename(&part, self.archive()).expect("the archive can take its place");
    }
}

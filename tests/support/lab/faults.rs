//! What goes wrong on purpose, beside killed brokers: the controller, topics that vanish, other people's hands.

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, Producer};

use super::load::noise;
use super::{Lab, Seen, watch};

/// The bytes of a record of [`Lab::fill`].
const RECORD: usize = 15_000;

impl Lab {
    /// Kills the controller without a goodbye.
    pub fn kill_controller(&mut self) {
        self.controller.as_mut().expect("the lab has a controller").kill();
    }

    /// Whether the controller's process is there.
    pub fn controller_runs(&self) -> bool {
        self.controller.as_ref().is_some_and(super::process::Guarded::is_running)
    }

    /// Starts the controller again and waits until it serves.
    pub fn restart_controller(&mut self) {
        self.start_controller();
        let line = self.jars.started_line();
        let controller = self.controller.as_ref().expect("it was started");
        controller.wait_for_line(line, Duration::from_secs(120));
    }

    /// Suspends a broker's process: its connections stay open, and nothing comes through them.
    pub fn suspend(&mut self, id: i32) {
        self.broker(id).suspend();
    }

    /// Lets a suspended broker go on.
    pub fn wake(&mut self, id: i32) {
        self.broker(id).wake();
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.internal_config().create().expect("an admin client")
    }

    /// Deletes a topic, as a person would.
    pub fn delete_topic(&self, name: &str) {
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let results = runtime.block_on(self.admin().delete_topics(&[name], &options));
        for result in results.expect("the request is answered") {
            result.unwrap_or_else(|(topic, code)| panic!("topic {topic} was not deleted: {code}"));
        }
    }

    /// Creates a topic with these replica lists and this much data in each partition.
    pub fn add_topic(&self, name: &str, lists: &[Vec<i32>], bytes: usize) {
        self.create_topic(name, lists);
        self.wait_until("the topic is there", Duration::from_secs(30), |seen| {
            let there = seen.partitions.iter().filter(|((topic, _), _)| topic == name);
            there.count() == lists.len() && seen.all_in_sync()
        });
        for partition in 0..i32::try_from(lists.len()).expect("a partition count") {
            self.fill(name, partition, bytes);
        }
    }

    /// Creates a topic that is skewed, and large enough to be copied under a throttle: what takes less than some seconds at
    /// a rate is not. It is so much that no rebalance leaves all of it where it is.
    pub fn add_long_topic(&self) {
        self.add_topic("long", &vec![vec![1, 2, 3]; 8], 6_000_000);
    }

    /// Writes so many bytes to a partition, with `acks=all`.
    pub fn fill(&self, topic: &str, partition: i32, bytes: usize) {
        let producer = self.writer();
        let record = noise(RECORD, 11);
        for _ in 0..bytes.div_ceil(RECORD) {
            let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&record);
            producer.send(record).unwrap_or_else(|(error, _)| panic!("{topic}-{partition}: {error}"));
        }
        producer.flush(Duration::from_secs(60)).expect("all data is written in time");
    }

    /// Replication throttle rates that stand on the brokers now, by librdkafka: quicker than Kafka's own tool.
    pub fn throttle_rates(&self) -> Vec<String> {
        watch::throttles(&self.admin(), &self.running())
    }

    /// Has Kafka's own tool begin a reassignment beside those that run, without waiting for its end.
    pub fn reassign_by_hand(&self, plan: &std::path::Path) -> String {
        let file = plan.display().to_string();
        let words = ["--reassignment-json-file", &file, "--execute", "--additional"];
        self.kafka_tool("kafka-reassign-partitions", &words)
    }

    /// Has Kafka's own tool cancel a reassignment.
    pub fn cancel_by_hand(&self, plan: &std::path::Path) -> String {
        let file = plan.display().to_string();
        let words = ["--reassignment-json-file", &file, "--cancel", "--preserve-throttles"];
        self.kafka_tool("kafka-reassign-partitions", &words)
    }

    /// Where the data of a node stands.
    pub fn log_dir_paths(&self, node: i32) -> Vec<PathBuf> {
        self.log_dirs(node)
    }
}

impl Seen {
    /// Partitions to which a replica is being added: longer lists than at rest.
    pub fn moving(&self) -> Vec<(String, i32)> {
        let moving = self.partitions.iter().filter(|(_, partition)| partition.replicas.len() > 3);
        moving.map(|(key, _)| key.clone()).collect()
    }

    /// Whether every partition has three replicas in sync, moves that are under way apart.
    pub fn in_sync_but_for_moves(&self) -> bool {
        self.partitions.values().all(|partition| partition.leader >= 0 && partition.isr.len() >= 3)
    }
}

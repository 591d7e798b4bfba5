//! A producer (`acks=all`) and a consumer that run throughout a test. At the end every record that Kafka
//! acknowledged must have been consumed, and no send may have failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use time::OffsetDateTime;

use super::{Lab, Who};

/// Pause between two records: two hundred a second at most, a load that a busy two-core machine bears.
const PAUSE: Duration = Duration::from_millis(5);

/// Where the next record of a partition stands: at most one is under way. librdkafka sends each partition's records in a
/// request of its own and a broker answers those of a connection one after the other, so that without this limit the
/// queue towards a broker that leads most partitions grows by itself on a busy machine, to tens of seconds, whatever the
/// cluster does; and a partition that stands still would hide behind it.
#[derive(Clone)]
struct UnderWay(Arc<Vec<AtomicBool>>);

impl UnderWay {
    fn of(partitions: usize) -> Self {
        Self(Arc::new((0..partitions).map(|_| AtomicBool::new(false)).collect()))
    }

    /// Takes the place of a partition's record; false where the one before is not acknowledged yet.
    fn take(&self, slot: usize) -> bool {
        !self.0[slot].swap(true, Ordering::SeqCst)
    }

    fn give_back(&self, slot: usize) {
        self.0[slot].store(false, Ordering::SeqCst);
    }
}

/// A record on its way.
struct Sent {
    sequence: usize,
    at: Instant,
    slot: usize,
    under_way: UnderWay,
}

/// A record that waits longer for its acknowledgement is told of.
const SLOW: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Deliveries {
    acked: BTreeSet<usize>,
    errors: Vec<String>,
    slowest_ack: Duration,
    /// Of each partition that made a record wait for longer than [`SLOW`], the longest such wait and when it ended.
    waits: BTreeMap<(String, i32), (Duration, OffsetDateTime)>,
}

#[derive(Clone, Default)]
struct Counter {
    deliveries: Arc<Mutex<Deliveries>>,
}

impl Counter {
    fn with<T>(&self, work: impl FnOnce(&mut Deliveries) -> T) -> T {
        work(&mut self.deliveries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Counter {}

impl ProducerContext for Counter {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Self::DeliveryOpaque) {
        let Sent { sequence, at, slot, under_way } = *sent;
        under_way.give_back(slot);
        self.with(|deliveries| match result {
            Ok(message) => {
                deliveries.acked.insert(sequence);
                let waited = at.elapsed();
                deliveries.slowest_ack = deliveries.slowest_ack.max(waited);
                if waited > SLOW {
                    let key = (message.topic().to_owned(), message.partition());
                    let now = (waited, OffsetDateTime::now_utc());
                    let longest = deliveries.waits.entry(key).or_insert(now);
                    *longest = now.max(*longest);
                }
            }
            Err((error, message)) => {
                deliveries.errors.push(format!("{}-{}: {error}", message.topic(), message.partition()));
            }
        });
    }
}

/// What the traffic saw.
pub struct Report {
    /// Records that Kafka acknowledged.
    pub acked: usize,
    /// Sends that failed.
    pub errors: Vec<String>,
    /// Acknowledged records that the consumer never got.
    pub lost: usize,
    /// The longest time from send to acknowledgement.
    pub slowest_ack: Duration,
    /// Waits that were long: where, how long, and when they ended.
    pub waits: Vec<String>,
}

impl Report {
    /// Ends the test unless all went well.
    pub fn expect_clean(&self) {
        assert!(
            self.errors.is_empty(),
            "{} sends failed, such as {:?}",
            self.errors.len(),
            &self.errors[..1]
        );
        assert_eq!(self.lost, 0, "acknowledged records were never consumed");
        assert!(self.acked > 100, "only {} records were acknowledged: that is no traffic", self.acked);
        eprintln!(
            "lab: {} records acknowledged and consumed, slowest after {:.1?}",
            self.acked, self.slowest_ack
        );
        for wait in &self.waits {
            eprintln!("lab: a record for {wait}");
        }
    }
}

/// The running producer and consumer.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    producer: Option<JoinHandle<()>>,
    consumer: Option<JoinHandle<BTreeSet<usize>>>,
    counter: Counter,
}

impl Lab {
    pub(super) fn traffic_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap()).set("log_level", "0");
        for (key, value) in self.client_settings(Who::Traffic) {
            config.set(key, value);
        }
        config
    }
}

impl Traffic {
    /// Starts to write to and read from every partition that the lab's topics have.
    pub fn start(lab: &Lab) -> Self {
        let partitions: Vec<(String, i32)> =
            lab.look().partitions.into_keys().filter(|(topic, _)| !topic.starts_with("__")).collect();
        assert!(!partitions.is_empty(), "there is no topic to write to");
        let consumer: BaseConsumer =
            lab.traffic_config().set("group.id", "traffic").create().expect("a consumer");
        // The ends are taken before the first record is sent, so that no record can be missed.
        let mut from = TopicPartitionList::new();
        for (topic, partition) in &partitions {
            let (_, end) = consumer
                .fetch_watermarks(topic, *partition, Duration::from_secs(30))
                .unwrap_or_else(|error| panic!("no end of {topic}-{partition}: {error}"));
            from.add_partition_offset(topic, *partition, Offset::Offset(end)).expect("an offset");
        }
        consumer.assign(&from).expect("partitions can be assigned");
        let counter = Counter::default();
        let stop = Arc::new(AtomicBool::new(false));
        let produced_all = Arc::new(AtomicBool::new(false));
        let mut config = lab.traffic_config();
        config.set("acks", "all").set("linger.ms", "5").set("message.timeout.ms", "60000");
        let producer: ThreadedProducer<Counter> =
            config.create_with_context(counter.clone()).expect("a producer");
        Self {
            producer: Some(thread::spawn({
                let (stop, counter, produced_all) = (stop.clone(), counter.clone(), produced_all.clone());
                move || {
                    produce(&producer, &partitions, &stop, &counter);
                    produced_all.store(true, Ordering::SeqCst);
                }
            })),
            consumer: Some(thread::spawn({
                let counter = counter.clone();
                move || consume(&consumer, &produced_all, &counter)
            })),
            stop,
            counter,
        }
    }

    /// Ends the producer, lets the consumer catch up, and tells what they saw.
    pub fn stop(mut self) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        self.producer.take().expect("stopped once").join().expect("the producer's thread ended well");
        let consumed =
            self.consumer.take().expect("stopped once").join().expect("the consumer's thread ended well");
        self.counter.with(|deliveries| Report {
            acked: deliveries.acked.len(),
            errors: deliveries.errors.clone(),
            lost: deliveries.acked.difference(&consumed).count(),
            slowest_ack: deliveries.slowest_ack,
            waits: (deliveries.waits.iter())
                .map(|((topic, partition), (waited, at))| {
                    format!("{topic}-{partition} waited {waited:.1?} until {}", at.time())
                })
                .collect(),
        })
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn produce(
    producer: &ThreadedProducer<Counter>,
    partitions: &[(String, i32)],
    stop: &AtomicBool,
    counter: &Counter,
) {
    let under_way = UnderWay::of(partitions.len());
    let mut sequence = 0;
    for slot in (0..partitions.len()).cycle() {
        thread::sleep(PAUSE);
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if !under_way.take(slot) {
            continue;
        }
        let (topic, partition) = &partitions[slot];
        let mut payload = vec![b'.'; 200];
        payload[..8].copy_from_slice(&(sequence as u64).to_be_bytes());
        let sent = Sent { sequence, at: Instant::now(), slot, under_way: under_way.clone() };
        sequence += 1;
        let record = BaseRecord::<(), _, _>::with_opaque_to(topic, Box::new(sent))
            .partition(*partition)
            .payload(&payload);
        if let Err((error, _)) = producer.send(record) {
            under_way.give_back(slot);
            counter.with(|deliveries| deliveries.errors.push(format!("{topic}-{partition}: {error}")));
        }
    }
    if let Err(error) = producer.flush(Duration::from_secs(90)) {
        counter.with(|deliveries| deliveries.errors.push(format!("flush: {error}")));
    }
}

/// Reads until all that was acknowledged has come, or nothing more comes for half a minute.
fn consume(consumer: &BaseConsumer, produced_all: &AtomicBool, counter: &Counter) -> BTreeSet<usize> {
    let mut got = BTreeSet::new();
    let mut last = Instant::now();
    loop {
        // A broker that goes away is no loss: what counts is whether the records arrive in the end.
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            let payload = message.payload().unwrap_or_default();
            if let Some(sequence) = payload.first_chunk::<8>() {
                got.insert(usize::try_from(u64::from_be_bytes(*sequence)).expect("a 64-bit machine"));
            }
            last = Instant::now();
        }
        if produced_all.load(Ordering::SeqCst) {
            let complete = counter.with(|deliveries| deliveries.acked.is_subset(&got));
            if complete || last.elapsed() > Duration::from_secs(30) {
                return got;
            }
        }
    }
}

//! [`Canary`]: the thread that writes and reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tracing::{debug, info, warn};

use super::topic;
use super::window::{Measured, Window};
use crate::base::BrokerId;
use crate::config::KafkaClientSettings;
use crate::control::CANARY_TOPIC as TOPIC;
use crate::edge::librdkafka::{Ears, Words, properties};

/// Between two records of a partition.
const EVERY: Duration = Duration::from_millis(100);

/// Between two lines of the log.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// After this time without a look it ends: nobody carries anything out any more.
const UNASKED: Duration = Duration::from_secs(60);

/// After a failure, such as a missing right.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What the looks and the thread tell one another.
#[derive(Debug)]
struct Board {
    /// The leader of each partition of the topic, by the last look.
    leaders: BTreeMap<i32, BrokerId>,
    /// Partitions to be made.
    missing: Vec<Vec<BrokerId>>,
    asked_at: Instant,
    stops: bool,
    measured: Measured,
    has_ended: bool,
}

/// A canary that sings.
#[derive(Debug)]
pub(super) struct Canary {
    board: Arc<Mutex<Board>>,
}

fn with<T>(board: &Mutex<Board>, work: impl FnOnce(&mut Board) -> T) -> T {
    work(&mut board.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Canary {
    /// Begins.
    pub(super) fn start(client: &KafkaClientSettings) -> std::io::Result<Self> {
        let board = Arc::new(Mutex::new(Board {
            leaders: BTreeMap::new(),
            missing: Vec::new(),
            asked_at: Instant::now(),
            stops: false,
            measured: Measured::default(),
            has_ended: false,
        }));
        let (client, shared) = (client.clone(), Arc::clone(&board));
        std::thread::Builder::new().name("canary".to_owned()).spawn(move || {
            while !is_over(&shared) {
                if let Err(problem) = sing(&client, &shared) {
                    warn!("the canary cannot measure: {problem}");
                    with(&shared, |board| board.measured = Measured::default());
                    let until = Instant::now() + AGAIN_AFTER;
                    while Instant::now() < until && !is_over(&shared) {
                        std::thread::sleep(EVERY);
                    }
                }
            }
            with(&shared, |board| (board.has_ended, board.measured) = (true, Measured::default()));
        })?;
        Ok(Self { board })
    }

    /// Tells what was seen of the topic, and asks what was measured.
    pub(super) fn ask(&self, leaders: BTreeMap<i32, BrokerId>, missing: Vec<Vec<BrokerId>>) -> Measured {
        with(&self.board, |board| {
            (board.leaders, board.missing, board.asked_at) = (leaders, missing, Instant::now());
            board.measured.clone()
        })
    }

    /// Whether it has ended, since nobody asked.
    pub(super) fn has_ended(&self) -> bool {
        with(&self.board, |board| board.has_ended)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // The thread sees it within a tenth of a second; what it holds is nobody else's.
        with(&self.board, |board| board.stops = true);
    }
}

fn is_over(board: &Mutex<Board>) -> bool {
    with(board, |board| board.stops || board.asked_at.elapsed() > UNASKED)
}

/// Writes and reads until it is over.
fn sing(client: &KafkaClientSettings, board: &Mutex<Board>) -> Result<(), String> {
    let config = properties(client);
    let mut song = Song::begin(client, &config)?;
    let mut next = Instant::now();
    while !is_over(board) {
        let (leaders, missing) =
            with(board, |board| (board.leaders.clone(), std::mem::take(&mut board.missing)));
        if !missing.is_empty() {
            info!(partitions = missing.len(), "the canary's topic gets partitions");
            topic::make(client, &missing, leaders.len())?;
            // The looks of a moment ago do not show them yet.
            std::thread::sleep(Duration::from_secs(2));
            with(board, |board| board.missing.clear());
            continue;
        }
        song.read(&leaders)?;
        song.write(&leaders);
        next = (next + EVERY).max(Instant::now());
        song.listen(next)?;
        let measured = song.measured();
        with(board, |board| board.measured = measured);
    }
    Ok(())
}

/// A producer, a consumer, and what is between them.
struct Song {
    producer: ThreadedProducer<Ears>,
    consumer: BaseConsumer<Ears>,
    assigned: Vec<i32>,
    /// Tells this run's records from another's.
    session: u64,
    number: u64,
    window: Window,
    told_at: Instant,
}

impl Song {
    fn begin(client: &KafkaClientSettings, properties: &ClientConfig) -> Result<Self, String> {
        let words = |error: KafkaError| Words(&error).to_string();
        let mut writes = properties.clone();
        writes.set("acks", "all").set("linger.ms", "0").set("message.timeout.ms", "30000");
        let mut reads = properties.clone();
        // The group is never joined: librdkafka wants a name.
        reads.set("group.id", "evenkeel-canary").set("enable.auto.commit", "false");
        reads
            .set("auto.offset.reset", "latest")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "100");
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs() << 30;
        let ears = Ears::of(client);
        let consumer = reads.create_with_context(ears.clone()).map_err(words)?;
        ears.let_in(&consumer);
        Ok(Self {
            producer: writes.create_with_context(Ears::of(client)).map_err(words)?,
            consumer,
            assigned: Vec::new(),
            session: seconds ^ u64::from(since.subsec_nanos()) ^ (u64::from(std::process::id()) << 20),
            number: 0,
            window: Window::default(),
            told_at: Instant::now(),
        })
    }

    /// Reads the partitions that are there, from their ends on.
    fn read(&mut self, leaders: &BTreeMap<i32, BrokerId>) -> Result<(), String> {
        let partitions: Vec<i32> = leaders.keys().copied().collect();
        // A partition without a leader for a moment is not forgotten.
        if partitions.iter().all(|partition| self.assigned.contains(partition)) {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for partition in &partitions {
            list.add_partition_offset(TOPIC, *partition, Offset::End)
                .map_err(|error| Words(&error).to_string())?;
        }
        self.consumer.assign(&list).map_err(|error| Words(&error).to_string())?;
        self.assigned = partitions;
        self.window = Window::default();
        Ok(())
    }

    fn write(&mut self, leaders: &BTreeMap<i32, BrokerId>) {
        for (partition, leader) in leaders {
            if self.window.waits(*partition, Instant::now()) {
                continue;
            }
            self.number += 1;
            let payload = [self.session.to_be_bytes(), self.number.to_be_bytes()].concat();
            let record: BaseRecord<'_, (), _> = BaseRecord::to(TOPIC).partition(*partition).payload(&payload);
            let at = Instant::now();
            match self.producer.send(record) {
                Ok(()) => self.window.sent(*partition, self.number, *leader, at),
                Err((error, _)) => debug!("the canary's record was not taken: {}", Words(&error)),
            }
        }
    }

    /// Takes in what comes until `next`.
    fn listen(&mut self, next: Instant) -> Result<(), String> {
        loop {
            let left = next.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                None => {}
                Some(Ok(message)) => {
                    let at = Instant::now();
                    if let Some(number) = number_in(message.payload(), self.session) {
                        self.window.came_back(message.partition(), number, at);
                    }
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(code) if crate::edge::librdkafka::is_denial(code) => {
                        return Err(Words(&error).to_string());
                    }
                    _ => debug!("the canary hears nothing: {}", Words(&error)),
                },
            }
            if Instant::now() >= next {
                return Ok(());
            }
        }
    }

    fn measured(&mut self) -> Measured {
        let now = Instant::now();
        self.window.forget(now);
        let measured = self.window.measured(now);
        if self.told_at.elapsed() >= TOLD_EVERY && !measured.brokers.is_empty() {
            self.told_at = now;
            for (broker, times) in &measured.brokers {
                let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
                info!(%broker, p50_ms = ms(times.p50), p99_ms = ms(times.p99), "canary");
            }
        }
        measured
    }
}

/// The number of a record, where it is one of this run.
fn number_in(payload: Option<&[u8]>, session: u64) -> Option<u64> {
    let (own, number) = payload?.split_at_checked(8)?;
    (own == session.to_be_bytes()).then(|| number.try_into().ok().map(u64::from_be_bytes))?
}

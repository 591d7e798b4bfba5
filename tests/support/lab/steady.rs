//! [`Steady`]: a producer that writes to each partition of a topic at a rate of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseRecord, Producer};

use super::Lab;
use super::load::noise;

/// Writes until it is dropped.
pub struct Steady {
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Steady {
    /// Bytes of one record.
    pub const RECORD: usize = 5_000;

    /// Writes to partition `n` of a topic at `rates[n]` bytes per second.
    pub fn start(lab: &Lab, topic: &str, rates: &[usize]) -> Self {
        let producer = lab.writer();
        let (topic, rates, stop) = (topic.to_owned(), rates.to_vec(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let writer = thread::spawn(move || {
            let (record, began) = (noise(Self::RECORD, 13), Instant::now());
            let mut written = vec![0_usize; rates.len()];
            while !stopped.load(Ordering::Relaxed) {
                let elapsed_ms = usize::try_from(began.elapsed().as_millis()).expect("a short test");
                for (partition, (written, rate)) in written.iter_mut().zip(&rates).enumerate() {
                    while *written < rate * elapsed_ms / 1000 {
                        let index = i32::try_from(partition).expect("a partition");
                        let record = BaseRecord::<(), [u8]>::to(&topic).partition(index).payload(&record);
                        producer.send(record).unwrap_or_else(|(error, _)| panic!("{topic}-{index}: {error}"));
                        *written += Self::RECORD;
                    }
                }
                thread::sleep(Duration::from_millis(20));
            }
            producer.flush(Duration::from_secs(30)).expect("all is written in time");
        });
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.writer.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the producer failed");
        }
    }
}

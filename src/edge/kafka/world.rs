//! [`KafkaWorld`]: a real cluster behind the one door, [`World`].

use std::time::Duration;

use tokio::runtime::Runtime;

use super::AdminClient;
use super::clock::{Clock, StopFlag};
use super::error::KafkaError;
use super::hint::world_error;
use super::observe::{self, Memory};
use super::perform::{perform, perform_all};
use super::written::Watched;
use crate::base::TimestampMs;
use crate::config::KafkaClientSettings;
use crate::control::{Permit, Scope, World, WorldError};
use crate::execute::{Answer, Command};
use crate::observe::Observation;

/// A real cluster. Owns the runtime on which its client runs.
pub struct KafkaWorld {
    runtime: Runtime,
    client: AdminClient,
    clock: Clock,
    stop: StopFlag,
    memory: Memory,
    /// Absent where nobody asks what clients write and read.
    watched: Option<Watched>,
}

impl KafkaWorld {
    /// Connects to a cluster. `stop` is shared with whoever hears a person's wish to stop.
    ///
    /// # Errors
    /// A setting names something that cannot be used, or the cluster cannot be reached, or does not know us.
    pub fn connect(settings: &KafkaClientSettings, clock: Clock, stop: StopFlag) -> Result<Self, WorldError> {
        // Two threads: the work is waiting, and one broker's large answer must not hold up the reading of others.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("kafka-client")
            .enable_all()
            .build()
            .map_err(|error| WorldError::refused(format!("no runtime for the Kafka client: {error}")))?;
        let client = runtime.block_on(AdminClient::connect(settings));
        let client = client.map_err(|error| world_error(&error, settings))?;
        Ok(Self { runtime, client, clock, stop, memory: Memory::default(), watched: None })
    }

    /// Tells from now on what clients write to and read of each partition: the first full look takes this much longer, later
    /// ones compare themselves with those before.
    #[must_use]
    pub fn watching_logs(mut self, window: Duration) -> Self {
        self.watched = Some(Watched::new(window));
        self
    }

    fn look(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let taken_at = self.clock.now();
        let look = observe::observe(&self.client, scope, &mut self.memory, taken_at);
        self.runtime.block_on(look).map_err(|error| world_error(&error, self.client.settings()))
    }

    /// Adds to a full look what clients write, where somebody asks for that. Returns for how long to wait for another look
    /// where there was none to compare it with.
    fn measure(&mut self, seen: &mut Observation) -> Option<Duration> {
        let watched = self.watched.as_mut()?;
        let is_first = watched.meter.is_new();
        self.runtime.block_on(watched.take_in(&self.client, self.clock.now(), seen));
        is_first.then_some(watched.window).filter(|window| !window.is_zero())
    }

    /// Waits, and looks at what groups commit meanwhile: that they do so in bursts shows in nothing else.
    fn wait_watching(&mut self, window: Duration) {
        let (until, stops) = (self.clock.now().after(window), self.stop.count());
        loop {
            let left = until.since(self.clock.now());
            if left.is_zero() || self.stop.is_leaving() || self.stop.count() != stops {
                return;
            }
            let pause = self.watched.as_ref().map_or(window, |watched| watched.reads.pause());
            self.stop.wait(pause.min(self.clock.on_the_wall(left)));
            let now = self.clock.now();
            if let Some(watched) = self.watched.as_mut().filter(|_| now < until) {
                self.runtime.block_on(watched.reads.peek(&self.client, now));
            }
        }
    }

    /// The client, for what is no matter of the loop.
    pub fn client(&self) -> &AdminClient {
        &self.client
    }

    /// Runs a question to the client to its end.
    ///
    /// # Errors
    /// That of the question, in the words of the door.
    pub fn ask<T>(&self, question: impl Future<Output = Result<T, KafkaError>>) -> Result<T, WorldError> {
        self.runtime.block_on(question).map_err(|error| world_error(&error, self.client.settings()))
    }
}

impl World for KafkaWorld {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let mut seen = self.look(scope)?;
        if *scope == Scope::Full
            && let Some(window) = self.measure(&mut seen)
        {
            self.wait_watching(window);
            seen = self.look(scope)?;
            self.measure(&mut seen);
        }
        Ok(seen)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        let done = self.runtime.block_on(perform(&self.client, command));
        done.map_err(|error| world_error(&error, self.client.settings()))
    }

    fn perform_all(&mut self, commands: &[Command], permit: &Permit) -> Vec<Result<Answer, WorldError>> {
        let client = self.client.permitted_by(permit);
        let done = self.runtime.block_on(perform_all(&client, commands));
        done.into_iter().map(|done| done.map_err(|error| world_error(&error, client.settings()))).collect()
    }

    fn now(&self) -> TimestampMs {
        self.clock.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.stop.wait(self.clock.on_the_wall(duration));
    }

    fn stop_requests(&self) -> u32 {
        self.stop.count()
    }

    fn is_leaving(&self) -> bool {
        self.stop.is_leaving()
    }
}

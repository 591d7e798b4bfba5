//! [`SimServer`]: the wire face. One port per broker on 127.0.0.1 and one for the controller; virtual time passes
//! with the wall clock, times a factor. What the requests do is in `wire`; this file knows sockets and clocks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::num::whole;
use super::wire::{self, Node};
use super::{SimCluster, http};
use crate::base::BrokerId;

const LOOPBACK: &str = "127.0.0.1";

/// Larger frames are a stranger's: Kafka's own limit is 100 MiB (`socket.request.max.bytes`).
const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// No request waits longer than this for virtual time to catch up with the wall clock.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

/// Why the simulated cluster cannot be reached over the wire.
#[derive(Debug, thiserror::Error)]
pub enum SimServerError {
    /// There is no runtime for its tasks.
    #[error("cannot start the simulated brokers' runtime: {0}")]
    Runtime(#[source] io::Error),
    /// There is no port for a broker.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Listen(#[source] io::Error),
    /// The factor makes no sense.
    #[error("the speed {0} is not a finite number of at least 0")]
    Speed(f64),
}

/// A simulated cluster that listens. Dropping it ends it.
pub struct SimServer {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    controller_port: u16,
    metrics_port: u16,
    ports: BTreeMap<BrokerId, u16>,
}

struct Shared {
    running: Mutex<Running>,
}

/// The cluster and how its clock goes.
struct Running {
    cluster: SimCluster,
    speed: f64,
    since: Instant,
    since_ms: u64,
}

impl Running {
    /// Brings virtual time to what the wall clock says it is. On a machine that is too slow for the speed asked for,
    /// virtual time goes slower instead: requests must be answered, whatever the speed.
    fn catch_up(&mut self) {
        let begun = Instant::now();
        let passed = self.since.elapsed().as_secs_f64() * 1000.0 * self.speed;
        let until_ms = self.since_ms.saturating_add(whole(passed));
        while self.cluster.step_until(until_ms) {
            if begun.elapsed() > CATCH_UP_MAX {
                self.since = Instant::now();
                self.since_ms = self.cluster.now_ms;
                break;
            }
        }
        drop(self.cluster.take_events());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Running> {
        // A panic under the lock is a bug of the simulator; the cluster may still be looked at.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.catch_up();
        running
    }
}

impl SimServer {
    /// Starts listening. Virtual time runs `speed` times as fast as the wall clock; 0 lets it stand still.
    ///
    /// # Errors
    /// No ports or threads can be had, or the speed is not a finite number of at least 0.
    pub fn start(cluster: SimCluster, speed: f64) -> Result<Self, SimServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("simulated-brokers")
            .enable_all()
            .build()
            .map_err(SimServerError::Runtime)?;
        let since_ms = cluster.now_ms;
        let running = Running { cluster, speed: checked(speed)?, since: Instant::now(), since_ms };
        let shared = Arc::new(Shared { running: Mutex::new(running) });
        let controller_port = listen(&runtime, &shared, Node::Controller)?;
        shared.lock().cluster.controller_port = Some(controller_port);
        let mut ports = BTreeMap::new();
        let brokers: Vec<BrokerId> = shared.lock().cluster.brokers().map(|(id, _)| id).collect();
        for id in brokers {
            let port = listen(&runtime, &shared, Node::Broker(id))?;
            shared.lock().cluster.advertise(id, LOOPBACK, port);
            ports.insert(id, port);
        }
        let metrics_port = listen_for_scrapes(&runtime, &shared)?;
        Ok(Self { runtime: Some(runtime), shared, controller_port, metrics_port, ports })
    }

    /// `host:port` of every broker, with commas between.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.ports.values().map(|port| format!("{LOOPBACK}:{port}")).collect();
        addresses.join(",")
    }

    /// `host:port` of the `KRaft` controller (`bootstrap.controllers`).
    pub fn controller_bootstrap(&self) -> String {
        format!("{LOOPBACK}:{}", self.controller_port)
    }

    /// Where the brokers' metrics pages are, `{id}` in the place of a broker's id.
    pub fn metrics_endpoint(&self) -> String {
        format!("http://{LOOPBACK}:{}/brokers/{{id}}/metrics", self.metrics_port)
    }

    /// Does something with the cluster, at its present virtual time: looks at it, injects a fault.
    pub fn with<R>(&self, work: impl FnOnce(&mut SimCluster) -> R) -> R {
        work(&mut self.shared.lock().cluster)
    }

    /// Adds a broker and listens for it.
    ///
    /// # Errors
    /// The id is taken, or there is no port for it.
    pub fn add_broker(&mut self, spec: &super::BrokerSpec) -> Result<(), AddBrokerError> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let (listener, port) = bind(runtime)?;
        // In one go: a client that learns of the broker learns where it listens.
        self.with(|cluster| {
            cluster.add_broker(spec)?;
            cluster.advertise(spec.id, LOOPBACK, port);
            Ok::<(), super::SpecError>(())
        })?;
        runtime.spawn(accept(listener, Arc::clone(&self.shared), Node::Broker(spec.id)));
        self.ports.insert(spec.id, port);
        Ok(())
    }

    /// Lets virtual time run at another speed from now on.
    ///
    /// # Errors
    /// The speed is not a finite number of at least 0.
    pub fn set_speed(&self, speed: f64) -> Result<(), SimServerError> {
        let speed = checked(speed)?;
        let mut running = self.shared.lock();
        running.since_ms = running.cluster.now_ms;
        running.since = Instant::now();
        running.speed = speed;
        Ok(())
    }
}

/// Why a broker cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddBrokerError {
    /// The cluster cannot take it.
    #[error(transparent)]
    Spec(#[from] super::SpecError),
    /// There is no port for it.
    #[error(transparent)]
    Server(#[from] SimServerError),
}

impl Drop for SimServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn checked(speed: f64) -> Result<f64, SimServerError> {
    if speed.is_finite() && speed >= 0.0 { Ok(speed) } else { Err(SimServerError::Speed(speed)) }
}

fn bind(runtime: &Runtime) -> Result<(TcpListener, u16), SimServerError> {
    let listener = runtime.block_on(TcpListener::bind((LOOPBACK, 0))).map_err(SimServerError::Listen)?;
    let port = listener.local_addr().map_err(SimServerError::Listen)?.port();
    Ok((listener, port))
}

fn listen(runtime: &Runtime, shared: &Arc<Shared>, node: Node) -> Result<u16, SimServerError> {
    let (listener, port) = bind(runtime)?;
    runtime.spawn(accept(listener, Arc::clone(shared), node));
    Ok(port)
}

fn listen_for_scrapes(runtime: &Runtime, shared: &Arc<Shared>) -> Result<u16, SimServerError> {
    let (listener, port) = bind(runtime)?;
    let shared = Arc::clone(shared);
    let page = move |broker| shared.lock().cluster.metrics_page(broker);
    runtime.spawn(http::serve_metrics(listener, page));
    Ok(port)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, node: Node) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &shared, node).await {
                        tracing::debug!(%peer, ?node, %error, "a connection to a simulated broker ended");
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be given back.
                tracing::warn!(?node, %error, "a simulated broker cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared, node: Node) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut length = [0; 4];
        match stream.read_exact(&mut length).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is larger than Kafka allows"));
        }
        let mut frame = BytesMut::zeroed(length);
        stream.read_exact(&mut frame).await?;
        let Some(answer) = reply(shared, node, frame.freeze())? else { return Ok(()) };
        stream.write_all(&answer).await?;
    }
}

/// The framed answer to one request; nothing where the broker is down or the answer gets lost.
fn reply(shared: &Shared, node: Node, frame: Bytes) -> io::Result<Option<Bytes>> {
    let bad = |error: wire::WireError| io::Error::new(io::ErrorKind::InvalidData, error);
    let request = wire::read(frame).map_err(bad)?;
    let answer = {
        let mut running = shared.lock();
        wire::answer(&mut running.cluster, node, &request)
    };
    let Some(answer) = answer else { return Ok(None) };
    let mut framed = BytesMut::new();
    framed.put_i32(0);
    wire::write(&request, &answer, &mut framed).map_err(bad)?;
    let length = i32::try_from(framed.len() - 4)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the answer is too large for a frame"))?;
    framed[..4].copy_from_slice(&length.to_be_bytes());
    Ok(Some(framed.freeze()))
}

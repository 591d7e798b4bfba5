//! [`Connection`]: one connection to one broker: TCP, TLS where asked for, version negotiation, SASL where asked for,
//! then requests one at a time. Kafka answers the requests of a connection in order anyway.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};
use kafka_protocol::protocol::{Request, StrBytes};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::call::{Ask, api_of};
use super::code::Code;
use super::codec::{self, FRAME_BYTES_MAX};
use super::error::{ConnectError, ConnectProblem, Peer, RequestProblem};
use super::tls::{self, Tls, TlsFiles};
use super::versions::Versions;
use super::{probe, sasl};
use crate::config::{KafkaClientSettings, SaslSettings};
use crate::edge::token::TokenSource;

/// What is needed to open connections to any broker of a cluster.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) tls: Option<TlsFiles>,
    pub(super) sasl: Option<SaslSettings>,
    /// Where tokens come from, where one logs in by them.
    pub(super) tokens: Option<Arc<TokenSource>>,
    pub(super) client_id: StrBytes,
    pub(super) connect_timeout: Duration,
}

impl Dialer {
    pub(super) fn new(settings: &KafkaClientSettings) -> Result<Self, super::KafkaError> {
        Ok(Self {
            tls: settings.tls.as_ref().map(TlsFiles::load).transpose()?,
            sasl: settings.sasl.clone(),
            tokens: TokenSource::of(settings),
            client_id: StrBytes::from_string(settings.client_id.clone()),
            connect_timeout: settings.connect_timeout,
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection. When a call fails or is given up half way, the connection is done for: the next answer
/// on it would be that of another request.
pub(super) struct Connection {
    peer: Peer,
    stream: Box<dyn Stream>,
    /// What the broker offers.
    pub(super) versions: Versions,
    /// The version of TLS, and the broker's certificate.
    pub(super) encrypted: Option<(String, CertificateDer<'static>)>,
    client_id: StrBytes,
    correlation: i32,
    tls: Option<Tls>,
    sasl: Option<SaslSettings>,
    tokens: Option<Arc<TokenSource>>,
    /// When to log in anew (KIP-368), where the broker limits sessions.
    renew_at: Option<Instant>,
}

impl Connection {
    /// Opens a connection, ready for requests.
    pub(super) async fn open(peer: Peer, dialer: &Dialer) -> Result<Self, ConnectError> {
        let mut phase = "opening a TCP connection";
        let opened =
            tokio::time::timeout(dialer.connect_timeout, Self::steps(&peer, dialer, &mut phase)).await;
        let problem = match opened {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(problem)) => problem,
            Err(_) => ConnectProblem::TimedOut { limit_ms: dialer.connect_timeout.as_millis(), phase },
        };
        let problem = probe::clarify(&peer.address, dialer, problem).await;
        Err(ConnectError { peer, problem })
    }

    async fn steps(peer: &Peer, dialer: &Dialer, phase: &mut &'static str) -> Result<Self, ConnectProblem> {
        let tcp = connect_tcp(peer).await?;
        let mut encrypted = None;
        let tls = dialer.tls.as_ref().map(TlsFiles::now);
        let stream: Box<dyn Stream> = match &tls {
            None => Box::new(tcp),
            Some(tls) => {
                *phase = "shaking hands over TLS";
                let name = Tls::server_name(&peer.address.host)?;
                let connected = tls.connector.connect(name, tcp).await;
                let connected = connected.map_err(|error| {
                    let problem = error.to_string();
                    tls.explain(&error).unwrap_or(ConnectProblem::Broken { phase, problem })
                })?;
                encrypted = tls::seen(connected.get_ref().1);
                Box::new(connected)
            }
        };
        let mut connection = Self {
            peer: peer.clone(),
            stream,
            versions: Versions::default(),
            encrypted,
            client_id: dialer.client_id.clone(),
            correlation: 0,
            tls,
            sasl: dialer.sasl.clone(),
            tokens: dialer.tokens.clone(),
            renew_at: None,
        };
        *phase = "negotiating versions";
        connection.negotiate(phase).await?;
        if dialer.sasl.is_some() {
            *phase = "logging in over SASL";
            connection.log_in().await?;
        }
        Ok(connection)
    }

    /// Asks what the broker offers, in version 3, or 0 where the broker does not know 3 (before Kafka 2.4).
    async fn negotiate(&mut self, phase: &'static str) -> Result<(), ConnectProblem> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("evenkeel"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let failed = |connection: &Self, error| connection.explain(phase, ApiKey::ApiVersions, error);
        let body = self.send(&request, 3).await.map_err(|error| failed(self, error))?;
        // An error comes in version 0 whatever was asked, with the code first.
        let code = if body.len() >= 2 { Code(body.clone().get_i16()) } else { Code::NONE };
        let response = if code == Code::UNSUPPORTED_VERSION {
            let request = ApiVersionsRequest::default();
            let body = self.send(&request, 0).await.map_err(|error| failed(self, error))?;
            codec::decode::<ApiVersionsRequest>(body, 0)
        } else {
            codec::decode::<ApiVersionsRequest>(body, 3)
        }
        .map_err(|problem| ConnectProblem::NotKafka(problem.to_string()))?;
        if !Code(response.error_code).is_ok() {
            return Err(ConnectProblem::NotKafka(Code(response.error_code).to_string()));
        }
        self.versions = Versions::of(&response);
        Ok(())
    }

    /// Logs in, or logs in anew on the same connection.
    async fn log_in(&mut self) -> Result<(), ConnectProblem> {
        let Some(settings) = self.sasl.clone() else { return Ok(()) };
        let tokens = self.tokens.clone();
        let lifetime = sasl::authenticate(self, &settings, tokens.as_deref()).await?;
        // Java's clients renew at 85 to 95 % of the lifetime; the first of these leaves the most room.
        self.renew_at = lifetime.map(|lifetime| Instant::now() + lifetime.mul_f64(0.85));
        Ok(())
    }

    /// Logs in anew when the session nears its end: a broker drops the connections of sessions that have ended.
    pub(super) async fn renew_session(&mut self) -> Result<(), ConnectProblem> {
        if self.renew_at.is_some_and(|at| Instant::now() >= at) {
            tracing::debug!(peer = %self.peer, "logging in anew before the session ends");
            self.log_in().await?;
        }
        Ok(())
    }

    /// Sends a request on the way to a usable connection, and waits for the answer.
    pub(super) async fn call<R: Request + Sync>(&mut self, request: &R) -> Result<R::Response, CallError> {
        let api = api_of::<R>();
        let version = self.versions.pick(api, R::VERSIONS)?;
        let body = self.send(request, version).await?;
        Ok(codec::decode::<R>(body, version)?)
    }

    async fn send<R: Request + Sync>(&mut self, request: &R, version: i16) -> Result<Bytes, CallError> {
        let encode = |version, correlation, id: &StrBytes| codec::encode(request, version, correlation, id);
        self.exchange(&Ask { api: api_of::<R>(), ours: R::VERSIONS, encode: &encode }, version).await
    }

    /// Sends a request and gives the body of its answer.
    pub(super) async fn exchange(&mut self, ask: &Ask<'_>, version: i16) -> Result<Bytes, CallError> {
        self.correlation = self.correlation.wrapping_add(1) & i32::MAX;
        let frame = (ask.encode)(version, self.correlation, &self.client_id)?;
        self.stream.write_all(&frame).await?;
        self.stream.flush().await?;
        let mut answer = self.read_frame().await?;
        codec::check_correlation(&mut answer, ask.api, version, self.correlation)?;
        Ok(answer)
    }

    async fn read_frame(&mut self) -> Result<Bytes, CallError> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await?;
        let size_bytes = u32::from_be_bytes(head);
        if size_bytes > FRAME_BYTES_MAX {
            return Err(CallError::NotAFrame(head));
        }
        // The buffer grows with what arrives, not with what is announced.
        let mut frame = BytesMut::new();
        let mut rest = (&mut self.stream).take(u64::from(size_bytes));
        while frame.len() < size_bytes as usize {
            if rest.read_buf(&mut frame).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(frame.freeze())
    }

    /// Puts a failed exchange in the words of one that fails while connecting.
    pub(super) fn explain(&self, phase: &'static str, api: ApiKey, error: CallError) -> ConnectProblem {
        match error {
            CallError::Io(error) => match self.tls.as_ref().and_then(|tls| tls.explain(&error)) {
                Some(problem) => problem,
                None => ConnectProblem::Broken { phase, problem: error.to_string() },
            },
            // A TLS alert: content type 21, version 3.x.
            CallError::NotAFrame([0x15, 3, ..]) if self.tls.is_none() => ConnectProblem::PortWithTls,
            CallError::NotAFrame(head) => ConnectProblem::NotKafka(format!("it begins with {head:02x?}")),
            CallError::Problem(problem) => ConnectProblem::Request { api, problem },
        }
    }

    /// Puts a failed exchange in the words of a request on a connection that had been good.
    pub(super) fn explain_call(&self, error: CallError) -> Explained {
        match error {
            CallError::Io(error) => match self.tls.as_ref().and_then(|tls| tls.explain(&error)) {
                Some(problem) => Explained::Connect(problem),
                None => Explained::Request(RequestProblem::Broken(error.to_string())),
            },
            CallError::NotAFrame(head) => Explained::Request(RequestProblem::TooLarge {
                size_bytes: u32::from_be_bytes(head),
                limit_bytes: FRAME_BYTES_MAX,
            }),
            CallError::Problem(problem) => Explained::Request(problem),
        }
    }
}

/// A failed exchange, still in the words of the socket.
#[derive(Debug)]
pub(super) enum CallError {
    Io(io::Error),
    /// The first four bytes announce more than any answer has.
    NotAFrame([u8; 4]),
    Problem(RequestProblem),
}

/// A failed exchange, told apart: about the connection, or about this request.
pub(super) enum Explained {
    Connect(ConnectProblem),
    Request(RequestProblem),
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<RequestProblem> for CallError {
    fn from(problem: RequestProblem) -> Self {
        Self::Problem(problem)
    }
}

/// Resolves the name and tries its addresses in turn.
pub(super) async fn connect_tcp(peer: &Peer) -> Result<TcpStream, ConnectProblem> {
    let target = (peer.address.host.as_str(), peer.address.port);
    let resolved = tokio::net::lookup_host(target).await;
    let addresses: Vec<_> = resolved.map_err(|error| ConnectProblem::Resolve(error.to_string()))?.collect();
    let mut last = ConnectProblem::Resolve("the name has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| ConnectProblem::Tcp(error.to_string()))?;
                return Ok(stream);
            }
            Err(error) => last = ConnectProblem::Tcp(error.to_string()),
        }
    }
    Err(last)
}

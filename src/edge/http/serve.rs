//! [`HttpServer`]: a listener, and a thread of its own that answers.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};

use super::{Told, answer};
use crate::config::ListenAddress;

/// How long a client may take to send a request. One that is kept waiting for longer than that is closed too.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// Connections at once: a Prometheus or two, a supervisor, a person. More wait for their turn.
const CONNECTIONS_MOST: usize = 32;

/// After a connection could not be taken, most often for want of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is another process's, or none of this machine's.
    #[error("cannot listen on {address}: {problem}")]
    Listen {
        /// The address as set.
        address: ListenAddress,
        /// What the operating system says.
        problem: io::Error,
    },
    /// There is no thread or no runtime to answer in.
    #[error("cannot serve on {address}: {problem}")]
    Start {
        /// The address as set.
        address: ListenAddress,
        /// What the operating system says.
        problem: io::Error,
    },
}

/// A server at work; dropping it ends it.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    over: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens, and answers with what is told from now on.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn start(address: &ListenAddress, told: Arc<dyn Told>) -> Result<Self, HttpError> {
        let listen = || {
            let listener = TcpListener::bind(address.as_str())?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let (bound, listener) =
            listen().map_err(|problem| HttpError::Listen { address: address.clone(), problem })?;
        let (over, ends) = watch::channel(false);
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let listener = {
                let _inside = runtime.enter();
                tokio::net::TcpListener::from_std(listener)?
            };
            let serve = move || runtime.block_on(serve(listener, told, ends));
            std::thread::Builder::new().name("http".to_owned()).spawn(serve)
        };
        let thread = start().map_err(|problem| HttpError::Start { address: address.clone(), problem })?;
        Ok(Self { address: bound, over, thread: Some(thread) })
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.over.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that serves metrics has panicked");
        }
    }
}

/// Takes connections until it is over; those that are open then are cut.
async fn serve(listener: tokio::net::TcpListener, told: Arc<dyn Told>, mut ends: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accept => accepted,
            _ = ends.wait_for(|over| *over) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a scrape could not be answered");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(request.method(), request.uri().path(), told.as_ref());
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let mut http = http1::Builder::new();
            // Idle connections are closed after that time too, so that nobody keeps a place for nothing.
            http.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    struct Page;

    impl Told for Page {
        fn metrics(&self) -> String {
            "evenkeel_test 1\n".to_owned()
        }

        fn ailments(&self) -> Vec<String> {
            Vec::new()
        }

        fn troubles(&self) -> Vec<String> {
            Vec::new()
        }
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        stream.write_all(request.as_bytes()).expect("it can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    #[test]
    fn it_answers_at_the_port_that_it_got_until_it_is_dropped() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let server = HttpServer::start(&any, Arc::new(Page)).expect("a port can be had");
        let address = server.address();
        let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = ask(address, request);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("evenkeel_test 1\n"),
            "{answer}"
        );
        assert!(ask(address, "what?\r\n\r\n").starts_with("HTTP/1.1 400 "), "that is not HTTP");

        let taken = address.to_string().parse().expect("an address");
        let refused = HttpServer::start(&taken, Arc::new(Page)).expect_err("the port is taken");
        assert!(refused.to_string().starts_with(&format!("cannot listen on {address}: ")), "{refused}");

        // A client that says nothing keeps nobody from ending.
        let _silent = TcpStream::connect(address).expect("it listens");
        drop(server);
        HttpServer::start(&taken, Arc::new(Page)).expect("the port is free again");
    }
}

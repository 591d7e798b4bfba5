//! An HTTP server for the tests of this room: on loopback, on a free port, gone when dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Makes an answer of the number of a request, from 0, and of the request itself.
type Answers = Box<dyn Fn(usize, &str) -> String + Send>;

pub(super) struct Server {
    at: SocketAddr,
    asked: Arc<AtomicUsize>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers the n-th request with the n-th of its answers, and all later ones with the last.
    pub fn new(answers: Vec<String>) -> Self {
        Self::with_tls(answers, None)
    }

    /// Answers each request, head and body, by itself.
    pub fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        Self::start(Box::new(move |_, request| answer(request)), None)
    }

    pub fn with_tls(answers: Vec<String>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let in_turn = move |turn: usize, _: &str| answers[turn.min(answers.len() - 1)].clone();
        Self::start(Box::new(in_turn), tls)
    }

    fn start(answers: Answers, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (asked, stops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (asked.clone(), stops.clone());
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let turn = counter.fetch_add(1, Ordering::SeqCst);
                let answers = |request: &str| answers(turn, request);
                // A client that hangs up half-way is a part of these tests.
                let _ = match &tls {
                    None => answer(socket, answers),
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(tls.clone()).unwrap();
                        answer(rustls::StreamOwned::new(session, socket), answers)
                    }
                };
            }
        });
        Self { at, asked, stops, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The address as settings have it.
    pub fn url(&self) -> String {
        format!("http://{{host}}:{}/metrics", self.at.port())
    }
}

fn answer(
    mut stream: impl std::io::Read + std::io::Write,
    answer: impl Fn(&str) -> String,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let mut request = String::from_utf8(request).unwrap();
    let length =
        request.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    request.push_str(std::str::from_utf8(&body).unwrap());
    stream.write_all(answer(&request).as_bytes())?;
    stream.flush()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        // Wakes the server up, so that it sees that it is to stop.
        drop(TcpStream::connect(self.at));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

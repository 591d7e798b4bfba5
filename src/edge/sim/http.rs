//! The simulated brokers' metrics over HTTP: just enough of it for a scraper.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::base::BrokerId;

/// A scraper's request is a few hundred bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Answers `GET /brokers/ID/metrics` with the page of that broker, for ever.
pub(super) async fn serve_metrics(
    listener: TcpListener,
    page: impl Fn(BrokerId) -> Option<String> + Send + Sync + 'static,
) {
    let page = Arc::new(page);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &*page).await {
                        tracing::debug!(%peer, %error, "a scrape of a simulated broker failed");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the simulated metrics pages cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, page: &impl Fn(BrokerId) -> Option<String>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST_BYTES_MAX || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match broker_asked_for(&request) {
        None => ("404 Not Found", "ask for /brokers/ID/metrics\n".to_owned()),
        Some(broker) => match page(broker) {
            Some(body) => ("200 OK", body),
            None => ("503 Service Unavailable", format!("broker {broker} is not up\n")),
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn broker_asked_for(request: &[u8]) -> Option<BrokerId> {
    let line = request.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let path = words.next().filter(|method| *method == "GET").and_then(|_| words.next())?;
    let id = path.strip_prefix("/brokers/")?.strip_suffix("/metrics")?;
    id.parse().ok().map(BrokerId)
}

//! The daemon's own pages, over HTTP/1 in the clear: metrics for Prometheus, and whether it is alive and ready for
//! whoever supervises it. They are read only, and say nothing that whoever may reach the port must not know.
//!
//! One file for each family of routes; `serve.rs` knows sockets. What they tell comes from [`Told`].

mod health;
mod metrics;
mod serve;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

pub use serve::{HttpError, HttpServer};

/// What the pages tell.
pub trait Told: Send + Sync {
    /// The metrics, in Prometheus's text format 0.0.4.
    fn metrics(&self) -> String;

    /// What is wrong in a way that a restart would mend: a line each. Empty while all is well.
    fn ailments(&self) -> Vec<String>;

    /// What does not work now: a line each. Empty while all is well.
    fn troubles(&self) -> Vec<String>;
}

/// Plain text for people.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers a request.
fn answer(method: &Method, path: &str, told: &dyn Told) -> Response<String> {
    let page: fn(&dyn Told) -> Response<String> = match path {
        "/metrics" => metrics::page,
        "/healthz" => health::is_alive,
        "/readyz" => health::is_ready,
        _ => {
            let body = "there are /metrics, /healthz and /readyz\n";
            return response(StatusCode::NOT_FOUND, PLAIN, body.to_owned());
        }
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "GET it\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    page(told)
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells what it was made of: metrics, ailments, troubles.
    struct Fixed(&'static str, &'static [&'static str], &'static [&'static str]);

    impl Told for Fixed {
        fn metrics(&self) -> String {
            self.0.to_owned()
        }

        fn ailments(&self) -> Vec<String> {
            self.1.iter().map(|line| (*line).to_owned()).collect()
        }

        fn troubles(&self) -> Vec<String> {
            self.2.iter().map(|line| (*line).to_owned()).collect()
        }
    }

    fn get(path: &str, told: &Fixed) -> (u16, String) {
        let answer = answer(&Method::GET, path, told);
        (answer.status().as_u16(), answer.into_body())
    }

    #[test]
    fn pages_say_what_is_told() {
        let well = Fixed("x 1\n", &[], &[]);
        assert_eq!(get("/metrics", &well), (200, "x 1\n".to_owned()));
        assert_eq!(get("/healthz", &well), (200, "ok\n".to_owned()));
        assert_eq!(get("/readyz", &well), (200, "ok\n".to_owned()));
        let kind = answer(&Method::GET, "/metrics", &well).headers()[CONTENT_TYPE].clone();
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let troubled = Fixed("", &[], &["prod: not seen yet"]);
        assert_eq!(get("/healthz", &troubled).0, 200, "a restart mends no cluster that is out of reach");
        assert_eq!(get("/readyz", &troubled), (503, "prod: not seen yet\n".to_owned()));
        let ailing = Fixed("", &["prod: given up"], &[]);
        assert_eq!(get("/healthz", &ailing), (503, "prod: given up\n".to_owned()));
        assert_eq!(get("/readyz", &ailing), (503, "prod: given up\n".to_owned()));
    }

    #[test]
    fn anything_else_is_refused() {
        let well = Fixed("", &[], &[]);
        assert_eq!(get("/", &well).0, 404);
        assert_eq!(get("/metrics/", &well).0, 404);
        let posted = answer(&Method::POST, "/metrics", &well);
        assert_eq!(
            (posted.status().as_u16(), &posted.headers()[ALLOW]),
            (405, &"GET, HEAD".parse().unwrap())
        );
    }
}

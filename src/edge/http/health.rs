//! `GET /healthz` and `GET /readyz`: 200 with `ok`, or 503 with what is wrong, a line each.

use hyper::{Response, StatusCode};

use super::{PLAIN, Told, response};

/// Whether to let it run: a supervisor starts it anew otherwise.
pub(super) fn is_alive(told: &dyn Told) -> Response<String> {
    page(&told.ailments())
}

/// Whether it does its work now.
pub(super) fn is_ready(told: &dyn Told) -> Response<String> {
    page(&[told.ailments(), told.troubles()].concat())
}

fn page(wrong: &[String]) -> Response<String> {
    if wrong.is_empty() {
        return response(StatusCode::OK, PLAIN, "ok\n".to_owned());
    }
    response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, wrong.join("\n") + "\n")
}

//! `GET /metrics`: what the daemon knows in numbers.

use hyper::{Response, StatusCode};

use super::{Told, response};

/// Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn page(told: &dyn Told) -> Response<String> {
    response(StatusCode::OK, EXPOSITION, told.metrics())
}

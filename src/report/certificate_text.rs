//! The certificate of a plan as text: how far it is from the best, a line for bytes, time and each large resource.

use std::time::Duration;

use super::Style;
use super::layout::{count, prose};
use crate::base::format_duration;
use crate::model::Resource;
use crate::solve::{BalanceBound, Certificate, Yardstick};

/// Resources that have a line of their own; the rest is in the JSON.
const SHOWN: [Resource; 4] = [Resource::Disk, Resource::NetworkIn, Resource::NetworkOut, Resource::Cpu];

/// Renders a certificate for people; nothing where nothing is bounded.
pub(super) fn certificate_text(certificate: &Certificate, style: Style) -> String {
    let mut lines = Vec::new();
    if let Some(bytes) = certificate.bytes.as_ref().filter(|bytes| bytes.moved.0 > 0) {
        lines.push(format!(
            "bytes            {} moved, at least {} by any plan that meets the same goals{}",
            bytes.moved,
            bytes.least,
            over(bytes.gap_percent)
        ));
    }
    if let Some(time) = &certificate.time {
        let show = |seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_or_else(|_| "not known".to_owned(), format_duration)
        };
        lines.push(format!(
            "time             {}, at least {} for what broker {} {}{}",
            show(time.forecast_s),
            show(time.least_s),
            time.broker,
            if time.receives { "receives" } else { "sends" },
            over(time.gap_percent)
        ));
    }
    let is_shown = |row: &&BalanceBound| row.yardstick == Yardstick::Mean && SHOWN.contains(&row.resource);
    let shown: Vec<&BalanceBound> = certificate.balances.iter().filter(is_shown).collect();
    for row in &shown {
        lines.push(format!(
            "{:<17}fullest broker {:.3} of the mean, {:.3} is the least possible ({})",
            row.resource.name(),
            row.reached,
            row.bound,
            row.argument.in_words()
        ));
    }
    let rest = certificate.balances.len() - shown.len();
    if rest > 0 && !lines.is_empty() {
        lines.push(format!(
            "and {} in the JSON, with the prices that prove them",
            count(rest, "more bound", "more bounds")
        ));
    }
    if lines.is_empty() { String::new() } else { prose(style, &lines.join("\n")) }
}

fn over(gap_percent: Option<f64>) -> String {
    gap_percent.map_or_else(String::new, |gap| format!(" ({gap:.1} % over)"))
}

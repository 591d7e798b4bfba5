//! [`StatusView`] as text.

use std::time::Duration;

use super::layout::{Page, Side, count, indent, prose, table};
use super::leave::leave_text;
use super::outlook_text::outlook_text;
use super::plan_text::{gap_name, gaps_text};
use super::standing::known_text;
use super::{ReassignmentStatus, StatusView, Style};
use crate::base::Bytes;
use crate::observe::Absent;

/// How many unhealthy partitions, reassignments and throttles are listed on a terminal.
const LISTED_MAX: usize = 20;

/// Renders the state of a cluster for people.
pub fn status_text(view: &StatusView, style: Style) -> String {
    let cluster = view.cluster_id.as_deref().unwrap_or("without an id");
    let version =
        view.kafka_version.as_ref().map_or_else(String::new, |version| format!(", Kafka {version}"));
    let counts = format!(
        "seen {}; {}, {}, {}",
        view.taken_at,
        count(view.counts.topics, "topic", "topics"),
        count(view.counts.partitions, "partition", "partitions"),
        count(view.counts.replicas, "replica", "replicas"),
    );
    let mut page = Page::new(style, &format!("Cluster {cluster}{version}"), &counts);
    page.section("Brokers", &brokers(view, style));
    page.section("Health", &health(view, style));
    let outlook = view.outlook.as_ref().map(|outlook| outlook_text(outlook, style)).unwrap_or_default();
    page.section("Disks to come", &outlook);
    let (execution, apart) = known_text(&view.known, style);
    page.section("Execution", &execution);
    let leave = leave_text(view.known.proposed.as_ref(), &view.known.approved, style);
    page.section("Plans and leave", &leave);
    page.section("Set apart by operators", &apart);
    page.section("Reassignments in flight", &reassignments(view, style));
    page.section("Replication throttles", &throttles(view, style));
    page.section("Not seen", &gaps_text(&view.gaps, style));
    page.section("Lacking at the daemon's last look", &lacking(view, style));
    page.finish()
}

fn brokers(view: &StatusView, style: Style) -> String {
    let rows = view.brokers.iter().map(|broker| {
        let mut state = vec![if broker.alive { "alive" } else { "DEAD" }.to_owned()];
        if view.controller == Some(broker.broker) {
            state.push("controller".to_owned());
        }
        if !broker.offline_log_dirs.is_empty() {
            state.push(format!("OFFLINE {}", broker.offline_log_dirs.join(" ")));
        }
        let share = match (broker.disk_bytes, broker.disk_capacity_bytes) {
            (Some(held), Some(capacity)) if capacity > Bytes::ZERO => {
                format!("{:.0}", held.as_f64() / capacity.as_f64() * 100.0)
            }
            _ => "?".to_owned(),
        };
        let unknown = || "?".to_owned();
        vec![
            broker.broker.to_string(),
            broker.rack.to_string(),
            state.join(", "),
            broker.replicas.to_string(),
            broker.leaders.to_string(),
            broker.disk_bytes.map_or_else(unknown, |bytes| bytes.to_string()),
            broker.disk_capacity_bytes.map_or_else(unknown, |bytes| bytes.to_string()),
            share,
        ]
    });
    let columns = [
        ("broker", Side::Right),
        ("rack", Side::Left),
        ("state", Side::Left),
        ("replicas", Side::Right),
        ("leaders", Side::Right),
        ("disk", Side::Right),
        ("capacity", Side::Right),
        ("full %", Side::Right),
    ];
    table(style, &columns, rows)
}

fn health(view: &StatusView, style: Style) -> String {
    if view.unhealthy.is_empty() {
        return indent(&style.good("every partition has a leader and all its replicas in sync"));
    }
    let under_min = view.unhealthy.iter().filter(|partition| partition.under_min_isr).count();
    let leaderless = view.unhealthy.iter().filter(|partition| partition.leader.is_none()).count();
    let mut text = prose(
        style,
        &style.bad(&format!(
            "{} not fully in sync, {under_min} under min.insync.replicas, {leaderless} without a leader",
            count(view.unhealthy.len(), "partition", "partitions"),
        )),
    );
    let rows = view.unhealthy.iter().take(LISTED_MAX).map(|partition| {
        let list = |brokers: &[crate::base::BrokerId]| {
            brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let verdict = match (partition.leader, partition.under_min_isr) {
            (None, _) => "NO LEADER",
            (_, true) => "UNDER MIN ISR",
            _ => "under-replicated",
        };
        vec![
            partition.partition.to_string(),
            list(&partition.replicas),
            list(&partition.isr),
            partition.min_insync_replicas.map_or_else(|| "?".to_owned(), |min| min.to_string()),
            verdict.to_owned(),
        ]
    });
    let columns = [
        ("partition", Side::Left),
        ("replicas", Side::Left),
        ("in sync", Side::Left),
        ("min", Side::Right),
        ("state", Side::Left),
    ];
    text += &table(style, &columns, rows);
    text + &rest(view.unhealthy.len())
}

/// Says how many were left out of a list.
fn rest(all: usize) -> String {
    if all <= LISTED_MAX {
        return String::new();
    }
    indent(&format!("... and {} more; `--format json` holds them all", all - LISTED_MAX))
}

fn reassignments(view: &StatusView, style: Style) -> String {
    if view.reassignments.is_empty() {
        return indent("none");
    }
    let list = |sign: char, brokers: &[crate::base::BrokerId]| {
        brokers.iter().map(|broker| format!("{sign}{broker}")).collect::<Vec<_>>()
    };
    let progress = |moving: &ReassignmentStatus| match (moving.copied_bytes, moving.total_bytes) {
        (Some(copied), Some(total)) if total > Bytes::ZERO => {
            let share = (copied.as_f64() / total.as_f64() * 100.0).min(100.0);
            format!("{share:.0} % of {total}")
        }
        _ => "?".to_owned(),
    };
    let rows = view.reassignments.iter().take(LISTED_MAX).map(|moving| {
        let mut change = list('+', &moving.adding);
        change.extend(list('-', &moving.removing));
        vec![moving.partition.to_string(), change.join(" "), progress(moving)]
    });
    let columns = [("partition", Side::Left), ("brokers", Side::Left), ("copied", Side::Left)];
    table(style, &columns, rows) + &rest(view.reassignments.len())
}

/// What is lacking, goals first, and for how long.
fn lacking(view: &StatusView, style: Style) -> String {
    let lines = view.lacking.iter().take(LISTED_MAX).map(|absence| {
        let what = match &absence.what {
            Absent::Goal { goal, .. } => format!("{goal} held back"),
            Absent::Sight { kind, subject } if subject.is_empty() => format!("{} not seen", gap_name(*kind)),
            Absent::Sight { kind, subject } => format!("{} of {subject} not seen", gap_name(*kind)),
        };
        let lasted = in_two_units(view.taken_at.since(absence.since));
        prose(style, &format!("{what} since {} ({lasted}): {}", absence.since, absence.reason))
    });
    lines.collect::<String>() + &rest(view.lacking.len())
}

/// How long something has lasted, to the minute or rougher.
fn in_two_units(lasted: Duration) -> String {
    let minutes = lasted.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn throttles(view: &StatusView, style: Style) -> String {
    if view.throttles.is_empty() {
        return indent("none");
    }
    let rows = view
        .throttles
        .iter()
        .take(LISTED_MAX)
        .map(|throttle| vec![throttle.subject.clone(), throttle.key.to_owned(), throttle.value.clone()]);
    let columns = [("on", Side::Left), ("setting", Side::Left), ("value", Side::Left)];
    let mut text = table(style, &columns, rows) + &rest(view.throttles.len());
    if view.throttles.iter().any(|throttle| throttle.leftover) {
        text = prose(style, &style.bad(
            "LEFT OVER? nothing is being reassigned, yet these throttles stand and slow replication down;",
        )) + &indent(
            "unless someone set them on purpose, remove them with kafka-configs --delete-config",
        ) + &text;
    }
    text
}

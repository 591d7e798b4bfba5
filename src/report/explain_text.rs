//! An explanation of one partition as text.

use super::Style;
use super::layout::{Page, Side, indent, prose, table};
use crate::ask::{Explanation, Fate, GoalEffect, Ground, Obstacle, ReplicaView, Stay};
use crate::base::BrokerId;

/// Renders an explanation for people.
pub fn explain_text(view: &Explanation, style: Style) -> String {
    let size = view.size_bytes.map_or("size not known".to_owned(), |size| format!("{size} a replica"));
    let cluster = view.cluster_id.as_deref().unwrap_or("without an id");
    let origin = format!(
        "cluster {cluster}, seen {}; {size}, min.insync.replicas {}, {}",
        view.taken_at, view.min_insync_replicas, view.health
    );
    let mut page = Page::new(style, &format!("Partition {}", view.partition), &origin);
    page.section("Where it stands, and what it weighs there", &replicas_text(&view.replicas, style));
    page.section("What these loads rest on", &grounds_text(&view.grounds, style));
    let title = format!("What the proposal does with it ({}, goals `{}`)", view.operation, view.goal_set);
    page.section(&title, &fate_text(&view.fate, style));
    if let Fate::Stays { replicas, leadership } = &view.fate {
        for stay in replicas {
            let title = format!("Why broker {} (rack {}) keeps its replica", stay.broker, stay.rack);
            page.section(&title, &stay_text(stay, style));
        }
        page.section("Why its leader stays", &obstacles_text(leadership, false, style));
    }
    page.finish()
}

fn grounds_text(grounds: &[Ground], style: Style) -> String {
    let name = |load: &str| match load {
        "produce" => "written".to_owned(),
        "consume" => "read".to_owned(),
        other => other.to_owned(),
    };
    let line = |ground: &Ground| prose(style, &format!("{}: {}", name(ground.load), ground.words));
    grounds.iter().map(line).collect()
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.05 => "< 0.1 %".to_owned(),
        p if p < 0.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

fn replicas_text(replicas: &[ReplicaView], style: Style) -> String {
    let mut columns = vec![("broker", Side::Right), ("rack", Side::Left), ("state", Side::Left)];
    let resources: Vec<&str> =
        replicas.first().map(|first| first.shares.iter().map(|s| s.resource).collect()).unwrap_or_default();
    columns.extend(resources.iter().map(|resource| (*resource, Side::Left)));
    let rows = replicas.iter().enumerate().map(|(at, replica)| {
        let state = match (replica.alive, replica.in_sync, replica.leads) {
            (false, ..) => "DEAD".to_owned(),
            (_, false, _) => "out of sync".to_owned(),
            (_, _, true) if at == 0 => "leads, preferred".to_owned(),
            (_, _, true) => "leads".to_owned(),
            (..) if at == 0 => "preferred".to_owned(),
            (..) => "in sync".to_owned(),
        };
        let mut row = vec![replica.broker.to_string(), replica.rack.to_string(), state];
        row.extend(replica.shares.iter().map(|share| format!("{}, {}", share.shown, percent(share.of_load))));
        row
    });
    let shares = if resources.is_empty() { "" } else { "shares are of what the broker carries" };
    table(style, &columns, rows) + &if shares.is_empty() { String::new() } else { indent(shares) }
}

fn list(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn fate_text(fate: &Fate, style: Style) -> String {
    match fate {
        Fate::Changes { from, to, leader_before, leader_after, wave, bytes, reason, effects } => {
            let mut lines = Vec::new();
            if from == to {
                lines.push(format!("the list stays {}", list(from)));
            } else {
                lines.push(format!("replicas  {} → {}", list(from), list(to)));
            }
            let name =
                |leader: &Option<BrokerId>| leader.map_or("none".to_owned(), |leader| leader.to_string());
            if leader_before != leader_after {
                lines.push(format!("leader    {} → {}", name(leader_before), name(leader_after)));
            }
            lines.push(format!("price     {bytes} to copy, in wave {wave}"));
            lines.push(format!("why       {reason}"));
            prose(style, &lines.join("\n")) + &effects_text(effects, style)
        }
        Fate::LeftOut { reason, mend } => prose(
            style,
            &format!(
                "{}: {reason}\n  mend: {mend}",
                style.warning("it was to change, and is left out of the plan")
            ),
        ),
        Fate::Held { reason, mend } => prose(
            style,
            &format!("{}: {reason}\n  mend: {mend}", style.warning("nothing, it may not be touched")),
        ),
        Fate::Stays { .. } => indent("nothing: it stays as it is"),
    }
}

fn effects_text(effects: &[GoalEffect], style: Style) -> String {
    if effects.is_empty() {
        return indent(
            "by itself it changes no goal beyond its bounds: it makes room for, or goes with, other moves",
        );
    }
    let mut effects: Vec<&GoalEffect> = effects.iter().collect();
    // `must` sorts behind the digits, and comes first.
    effects.sort_by_key(|effect| (effect.tier != "must", effect.tier.clone(), !effect.gains));
    let words = |effect: &GoalEffect| {
        let verb = if effect.gains { style.good("gains") } else { style.bad("loses") };
        format!("{} (tier {}) {verb}", effect.goal, effect.tier)
    };
    let words: Vec<String> = effects.into_iter().map(words).collect();
    prose(style, &format!("goals     with all other moves done: {}", words.join(", ")))
}

fn stay_text(stay: &Stay, style: Style) -> String {
    if stay.obstacles.is_empty() {
        return indent("every broker holds a replica of it already");
    }
    obstacles_text(&stay.obstacles, true, style)
}

/// How many brokers of a kind are named.
const NAMED_MAX: usize = 6;

fn obstacles_text(obstacles: &[Obstacle], racks: bool, style: Style) -> String {
    obstacles.iter().map(|obstacle| prose(style, &obstacle_text(obstacle, racks, style))).collect()
}

fn obstacle_text(obstacle: &Obstacle, racks: bool, style: Style) -> String {
    let named: Vec<String> = obstacle.brokers.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = obstacle.brokers.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let noun = if obstacle.brokers.len() == 1 { "broker" } else { "brokers" };
    let rack = match (racks, obstacle.same_rack) {
        (false, _) => "",
        (true, true) => " (same rack)",
        (true, false) => " (other racks)",
    };
    let goal = match (&obstacle.goal, &obstacle.tier) {
        (Some(goal), Some(tier)) => format!("{goal} (tier {tier})"),
        _ => String::new(),
    };
    let text = &obstacle.text;
    let why = match obstacle.kind {
        "breaks-must" => format!("{} {goal}: {text}", style.bad("would break")),
        "worse" => format!("{} {goal}: {text}", style.warning("would spoil")),
        "gains" => format!("{goal}: {text}"),
        _ => text.clone(),
    };
    let example = if obstacle.brokers.len() > 1 && matches!(obstacle.kind, "breaks-must" | "worse") {
        " (the worst of them)"
    } else {
        ""
    };
    format!("{noun} {}{more}{rack}: {why}{example}", named.join(", "))
}

//! What would be, as text: goals and loads in three states, what a loss does, and what a rebalance takes.

use std::time::Duration;

use super::Style;
use super::layout::{Page, Side, count, indent, prose, table};
use crate::ask::{GoalRow, Judged, Load, LossView, Named, Outcome, Remaining, WhatIf};
use crate::base::{Bytes, format_duration};
use crate::model::Resource;
use crate::solve::Shortfall;

/// Renders the answer for people.
pub fn what_if_text(view: &WhatIf, style: Style) -> String {
    let cluster = view.cluster_id.as_deref().unwrap_or("without an id");
    let origin = format!("cluster {cluster}, seen {}; goals `{}`", view.taken_at, view.goal_set);
    let mut page = Page::new(style, &format!("What if: {}", view.supposed.join("; ")), &origin);
    if let Some(loss) = &view.loss {
        page.section("The loss, before anything is moved", &loss_text(loss, style));
        page.section("Brokers that remain, now → then", &remaining_text(&loss.brokers, style));
    }
    page.section("Goals", &goals_text(&view.goals, style));
    page.section("Load per broker", &loads_text(view, style));
    page.section("What a rebalance takes", &outcome_text(&view.outcome, style));
    page.section("Not met in the end, and what would help", &shortfalls_text(&view.shortfalls, style));
    let remarks: String = view.remarks.iter().map(|line| prose(style, &style.warning(line))).collect();
    page.section("Mind", &remarks);
    page.finish()
}

fn named(named: &Named) -> String {
    if named.count == 0 {
        return "none".to_owned();
    }
    let more = if named.count > named.first.len() { ", ..." } else { "" };
    format!("{} ({}{more})", named.count, named.first.join(", "))
}

fn loss_text(loss: &LossView, style: Style) -> String {
    let bad = |of: &Named| if of.count == 0 { style.good("none") } else { style.bad(&named(of)) };
    let copies = count(loss.copies, "replica", "replicas");
    let fits = match (loss.fits, loss.room_bytes) {
        _ if loss.too_many_replicas.count > 0 => style.bad("too few brokers are left to hold them"),
        (Some(true), Some(room)) => style.good(&format!("fits: the remaining disks may take {room}")),
        (Some(false), Some(room)) => style.bad(&format!("does not fit: the remaining disks may take {room}")),
        _ => "whether it fits is not known".to_owned(),
    };
    let mut lines = vec![
        format!("without a leader        {}", bad(&loss.without_leader)),
        format!("under min.insync        {}", bad(&loss.under_min_isr)),
        format!("with another leader     {}", loss.leaders_moved),
        format!("to be copied again      {copies}, {}; {fits}", loss.copy_bytes),
    ];
    if loss.too_many_replicas.count > 0 {
        lines.push(format!(
            "more replicas than brokers are left: {}",
            style.bad(&named(&loss.too_many_replicas))
        ));
    }
    prose(style, &lines.join("\n"))
}

fn remaining_text(brokers: &[Remaining], style: Style) -> String {
    let pair = |resource: Resource, now: Option<f64>, left: Option<f64>| match (now, left) {
        (Some(now), Some(left)) => {
            let (now, left) = (resource.show(now), resource.show(left));
            if now == left { left } else { format!("{now} → {left}") }
        }
        _ => "?".to_owned(),
    };
    let rows = brokers.iter().map(|row| {
        let leaders = (format!("{:.0}", row.leaders_now), format!("{:.0}", row.leaders_left));
        vec![
            row.broker.to_string(),
            row.rack.to_string(),
            if leaders.0 == leaders.1 { leaders.1 } else { format!("{} → {}", leaders.0, leaders.1) },
            pair(Resource::NetworkOut, row.network_out_now, row.network_out_left),
            pair(Resource::Cpu, row.cpu_now, row.cpu_left),
        ]
    });
    let columns = [
        ("broker", Side::Right),
        ("rack", Side::Left),
        ("leaders", Side::Right),
        ("network-out", Side::Right),
        ("cpu", Side::Right),
    ];
    table(style, &columns, rows)
}

/// A state in a word, with the place where it is not met.
fn words(judged: &Judged) -> String {
    match judged.met {
        Some(true) => "met".to_owned(),
        Some(false) => format!("NOT MET: {}", judged.words),
        None => "not known".to_owned(),
    }
}

fn goals_text(goals: &[GoalRow], style: Style) -> String {
    let rows = goals.iter().map(|row| {
        let short = |judged: &Judged| match judged.met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "not known",
        };
        let after = row.after.as_ref().map_or_else(|| "-".to_owned(), words);
        vec![
            row.tier.clone(),
            row.goal.clone(),
            short(&row.now).to_owned(),
            short(&row.left).to_owned(),
            after,
        ]
    });
    let columns = [
        ("tier", Side::Left),
        ("goal", Side::Left),
        ("now", Side::Left),
        ("then, as left", Side::Left),
        ("then, after a rebalance", Side::Left),
    ];
    table(style, &columns, rows)
}

fn loads_text(view: &WhatIf, style: Style) -> String {
    let show = |resource: Resource, load: &Load| {
        let share = load.max_share.map(|share| format!(" ({:.0} %)", 100.0 * share)).unwrap_or_default();
        let over = if load.mean > 0.0 {
            format!(", {:.2} of the mean", load.max / load.mean)
        } else {
            String::new()
        };
        format!("{}{share}{over}", resource.show(load.max))
    };
    let rows = view.loads.iter().map(|row| {
        let after = row.after.as_ref().map_or_else(|| "-".to_owned(), |load| show(row.resource, load));
        vec![
            row.resource.name().to_owned(),
            show(row.resource, &row.now),
            show(row.resource, &row.left),
            after,
        ]
    });
    let columns = [
        ("fullest broker in", Side::Left),
        ("now", Side::Left),
        ("then, as left", Side::Left),
        ("then, after a rebalance", Side::Left),
    ];
    table(style, &columns, rows)
}

fn outcome_text(outcome: &Outcome, style: Style) -> String {
    match outcome {
        Outcome::Refused { reason } => prose(style, &format!("{}: {reason}", style.bad("it is refused"))),
        Outcome::Plan { price, throttle_bytes_per_s, refusals } => {
            let time = Duration::try_from_secs_f64(price.forecast_s)
                .map_or_else(|_| "not known".to_owned(), format_duration);
            let lines = [
                format!(
                    "bytes to move    {} in {}",
                    price.bytes,
                    count(price.replica_moves, "replica", "replicas")
                ),
                format!("leader changes   {}", price.leader_changes),
                format!(
                    "time             {time} at {}/s per broker and direction",
                    Bytes(*throttle_bytes_per_s)
                ),
            ];
            let nothing = price.replica_moves == 0 && price.leader_changes == 0;
            let mut text =
                if nothing { indent("nothing is to be moved") } else { prose(style, &lines.join("\n")) };
            for refused in refusals {
                text += &prose(style, &format!("{}: {}", style.warning(&refused.subject), refused.reason));
                if !refused.mend.is_empty() {
                    text += &prose(style, &format!("  mend: {}", refused.mend));
                }
            }
            text
        }
    }
}

/// Goals that are not met, each with what it lacks and what would help.
pub(super) fn shortfalls_text(shortfalls: &[Shortfall], style: Style) -> String {
    let mut text = String::new();
    for together in shortfalls.chunk_by(|one, next| one.mend == next.mend) {
        for lacking in together {
            let goal = style.warning(&format!("goal {} (tier {})", lacking.goal, lacking.tier));
            text += &prose(style, &format!("{goal}: {}", lacking.reason));
        }
        text += &together
            .first()
            .map_or_else(String::new, |lacking| prose(style, &format!("  mend: {}", lacking.mend)));
    }
    text
}

//! Measures of proposals as text: one table for each snapshot.

use serde::Serialize;

use super::Style;
use super::layout::{Page, Side, prose, table};
use crate::ask::{Measured, Spreads};
use crate::solve::Yardstick;

/// A proposal with what it took to make it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The snapshot file.
    pub file: String,
    /// What was asked for, in words.
    pub operation: String,
    /// Name of the goal set.
    pub goal_set: String,
    /// Wall and processor time of each stage, in order.
    pub stages: Vec<Stage>,
    /// Peak memory of the process since it started, in bytes; absent where the system does not tell.
    pub peak_memory_bytes: Option<crate::base::Bytes>,
    /// The proposal in numbers.
    pub measured: Measured,
}

/// What one stage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// Its name.
    pub stage: &'static str,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Processor time in seconds.
    pub cpu_s: f64,
}

/// Renders one measurement for people.
pub fn measurement_text(row: &Measurement, style: Style) -> String {
    let m = &row.measured;
    let origin = format!(
        "{}, goals `{}`; {} brokers, {} partitions, {} replicas",
        row.operation, row.goal_set, m.brokers, m.partitions, m.replicas
    );
    let mut page = Page::new(style, &row.file, &origin);
    let mut lines = vec![times(row)];
    let memory = row.peak_memory_bytes.map_or("not known".to_owned(), |bytes| bytes.to_string());
    lines.push(format!("peak memory      {memory}, since the command began"));
    lines.push(format!("replica moves    {} in {} steps", m.replica_moves, m.steps));
    let least = match (m.bytes_lower_bound, m.gap_percent) {
        (Some(least), Some(gap)) => format!("at least {least}, {gap:.1} % above that"),
        (Some(least), None) => format!("at least {least}"),
        _ => "the least is not known".to_owned(),
    };
    lines.push(format!("bytes to move    {} ({least})", m.bytes));
    lines.push(format!("leader changes   {}", m.leader_changes));
    lines.push(format!("violated before  {}", names(&m.violated_before)));
    lines.push(format!("violated after   {}", names(&m.violated_after)));
    if !m.out_of_reach.is_empty() {
        lines.push(format!(
            "out of reach     {}: only moves that the operation forbids would help",
            m.out_of_reach.join(", ")
        ));
    }
    lines.push(format!("cannot be judged {}", names(&m.not_ready)));
    page.section("Proposal", &prose(style, &lines.join("\n")));
    page.section("Fullest broker against the least possible", &balances(m, style));
    page.section("Utilisation in %, before → after", &utilisation(m, style));
    page.finish()
}

fn times(row: &Measurement) -> String {
    let stage =
        |stage: &Stage| format!("{} {:.3} s ({:.3} s of processor)", stage.stage, stage.wall_s, stage.cpu_s);
    format!("time             {}", row.stages.iter().map(stage).collect::<Vec<_>>().join(", "))
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { format!("{}: {}", names.len(), names.join(", ")) }
}

fn balances(measured: &Measured, style: Style) -> String {
    let rows: Vec<Vec<String>> = measured
        .balances
        .iter()
        .map(|row| {
            let gap = row.gap_percent.map_or_else(|| "-".to_owned(), |gap| format!("{gap:.1}"));
            let of = match row.yardstick {
                Yardstick::Mean => "the mean",
                Yardstick::RackMean => "its rack's mean",
                Yardstick::Capacity(_) | Yardstick::Count(_) => "its limit",
            };
            vec![
                row.goal.clone(),
                of.to_owned(),
                format!("{:.3}", row.reached),
                format!("{:.3}", row.bound),
                gap,
                row.argument.in_words(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = [
        ("goal", Side::Left),
        ("of", Side::Left),
        ("fullest", Side::Right),
        ("least", Side::Right),
        ("gap in %", Side::Right),
        ("because of", Side::Left),
    ];
    table(style, &columns, rows)
}

fn utilisation(measured: &Measured, style: Style) -> String {
    let rows = measured.utilisation.iter().map(|(resource, spreads)| {
        let Spreads { of_capacity, max_before, max_after, mean_after, deviation_before, deviation_after } =
            spreads;
        vec![
            (*resource).to_owned(),
            if *of_capacity { "capacity" } else { "the mean" }.to_owned(),
            format!("{max_before:.1} → {max_after:.1}"),
            format!("{mean_after:.1}"),
            format!("{deviation_before:.2} → {deviation_after:.2}"),
        ]
    });
    let columns = [
        ("resource", Side::Left),
        ("of", Side::Left),
        ("fullest", Side::Right),
        ("mean after", Side::Right),
        ("standard deviation", Side::Right),
    ];
    table(style, &columns, rows)
}

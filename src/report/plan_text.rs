//! A plan as text: load before and after, goals, price, moves with their reasons, and what cannot be had.

use std::time::Duration;

use super::Style;
use super::brokers::{brokers_text, spread_text};
use super::certificate_text::certificate_text;
use super::layout::{Page, Side, count, indent, prose, table};
use crate::base::{BrokerId, Bytes, format_duration};
use crate::observe::{Gap, GapKind};
use crate::plan::{GoalOutcome, Plan, Step};

/// What the face knows beside the plan.
#[derive(Debug, Clone, Default)]
pub struct PlanNotes<'a> {
    /// What could not be seen of the cluster.
    pub gaps: &'a [Gap],
    /// How many moves to list; all when absent.
    pub moves_max: Option<usize>,
    /// How to see the rest of the moves, and how to carry the plan out.
    pub next: Vec<String>,
}

/// Renders a plan for people.
pub fn plan_text(plan: &Plan, notes: &PlanNotes<'_>, style: Style) -> String {
    let cluster = plan.cluster_id.as_deref().unwrap_or("without an id");
    let origin = format!(
        "cluster {cluster}, seen {}; goals `{}`, seed {}",
        plan.observed_at, plan.goal_set, plan.seed
    );
    let mut page = Page::new(style, &format!("Plan {}: {}", plan.id, plan.operation), &origin);
    let spread = spread_text(&plan.brokers).map(|line| prose(style, &line)).unwrap_or_default();
    page.section("Load per broker, before → after", &(brokers_text(style, &plan.brokers) + &spread));
    page.section("Goals", &goals_text(style, &plan.goals));
    page.section("Price", &price_text(plan, style));
    let certificate = plan.certificate.as_ref().map(|certificate| certificate_text(certificate, style));
    page.section("How far from the best", &certificate.unwrap_or_default());
    page.section(&moves_title(plan), &moves_text(plan, notes, style));
    page.section("Wanted, and not to be had", &refusals_text(plan, style));
    page.section("Not seen", &gaps_text(notes.gaps, style));
    page.close(&notes.next);
    page.finish()
}

/// `met`, `not met` or `not known`.
fn met(state: Option<bool>) -> &'static str {
    match state {
        Some(true) => "met",
        Some(false) => "not met",
        None => "not known",
    }
}

fn goals_text(style: Style, goals: &[GoalOutcome]) -> String {
    let with_words = |state: Option<bool>, words: &str| {
        // Why a goal cannot be judged is said once, with the mend, among what is not to be had.
        if state.is_none() || words.is_empty() || words == met(state) {
            return met(state).to_owned();
        }
        // Words that say the state themselves are not prefixed with it once more.
        if words.starts_with(met(state)) { words.to_owned() } else { format!("{}: {words}", met(state)) }
    };
    let rows: Vec<Vec<String>> = goals
        .iter()
        .map(|goal| {
            let before = with_words(goal.met_before, &goal.before);
            let after = with_words(goal.met_after, &goal.after);
            vec![goal.tier.clone(), goal.goal.clone(), before, after]
        })
        .collect();
    let columns = [("tier", Side::Left), ("goal", Side::Left), ("before", Side::Left), ("after", Side::Left)];
    let number = |state| goals.iter().filter(|goal| goal.met_after == state).count();
    let (yes, no, unknown) = (number(Some(true)), number(Some(false)), number(None));
    let mut summary = vec![style.good(&format!("{yes} of {} met after", goals.len()))];
    if no > 0 {
        let beyond = goals.iter().filter(|goal| goal.out_of_reach).count();
        let of_which = match beyond {
            0 => String::new(),
            _ if beyond == no => ", for which only moves that the operation forbids would help".to_owned(),
            _ => format!(", for {beyond} of which only moves that the operation forbids would help"),
        };
        summary.push(style.bad(&format!("{no} not met{of_which}")));
    }
    if unknown > 0 {
        summary.push(style.warning(&format!("{unknown} not known")));
    }
    table(style, &columns, rows) + &indent(&summary.join(", "))
}

fn price_text(plan: &Plan, style: Style) -> String {
    let price = &plan.price;
    let bound = match price.bytes_lower_bound {
        Some(bound) if bound.0 == 0 || bound >= price.bytes => {
            format!("no plan that reaches the same can do with less than {bound}")
        }
        Some(bound) => format!(
            "no plan that reaches the same can do with less than {bound}: {:.2} times that",
            price.bytes.as_f64() / bound.as_f64()
        ),
        None => "the least that would do is not known".to_owned(),
    };
    let pace = format!("at {}/s per broker and direction", Bytes(plan.limits.throttle_bytes_per_s));
    let time = Duration::try_from_secs_f64(price.forecast_s)
        .map_or_else(|_| "not known".to_owned(), format_duration);
    let waves = plan.waves.len();
    let mut lines = vec![
        format!("bytes to move    {} ({bound})", price.bytes),
        format!("replicas copied  {}", price.replica_moves),
        format!("leader changes   {}", price.leader_changes),
        format!("time             {time} {pace}, in {}", count(waves, "wave", "waves")),
    ];
    if price.log_dir_moves > 0 {
        let moves = count(price.log_dir_moves, "replica", "replicas");
        lines.insert(2, format!("log directories  {} of {moves}, within their brokers", price.log_dir_bytes));
    }
    if plan.is_empty { indent("nothing to move") } else { prose(style, &lines.join("\n")) }
}

fn moves_title(plan: &Plan) -> String {
    let steps: usize = plan.waves.iter().map(|wave| wave.steps.len()).sum();
    format!("Moves ({})", count(steps, "step", "steps"))
}

fn list(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn moves_text(plan: &Plan, notes: &PlanNotes<'_>, style: Style) -> String {
    let numbered = plan
        .waves
        .iter()
        .enumerate()
        .flat_map(|(wave, steps)| steps.steps.iter().map(move |step| (wave + 1, step)));
    let steps: usize = plan.waves.iter().map(|wave| wave.steps.len()).sum();
    let shown = notes.moves_max.unwrap_or(steps).min(steps);
    let rows = numbered.take(shown).map(|(wave, step)| {
        let (change, size) = match step {
            Step::Move(step) if step.added().next().is_none() => {
                (format!("{} → {}", list(&step.from), list(step.target())), "order".to_owned())
            }
            Step::Move(step) => {
                (format!("{} → {}", list(&step.from), list(step.target())), step.bytes().to_string())
            }
            Step::Leader(step) => (
                format!("{} leads", step.replicas.first().map_or_else(String::new, ToString::to_string)),
                "-".to_owned(),
            ),
            Step::LogDir(step) => {
                (format!("{}: {} → {}", step.broker, step.from, step.to), step.size_bytes.to_string())
            }
        };
        vec![wave.to_string(), step.partition().to_string(), change, size, step.reason().to_owned()]
    });
    let columns = [
        ("wave", Side::Right),
        ("partition", Side::Left),
        ("replicas", Side::Left),
        ("bytes", Side::Right),
        ("why", Side::Left),
    ];
    if steps == 0 {
        return String::new();
    }
    let mut text = table(style, &columns, rows);
    if shown < steps {
        text += &indent(&format!("... and {} more; `--all` lists them", steps - shown));
    }
    text
}

fn refusals_text(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    // Several that the same would mend stand together, with one mend below them.
    for together in plan.refusals.chunk_by(|one, next| one.mend == next.mend) {
        for refused in together {
            text += &prose(style, &format!("{}: {}", style.warning(&refused.subject), refused.reason));
        }
        if let Some(refused) = together.first().filter(|refused| !refused.mend.is_empty()) {
            text += &prose(style, &format!("  mend: {}", refused.mend));
        }
    }
    text
}

/// What could not be seen, one line each; of a kind that is missing in many places, the first few.
pub fn gaps_text(gaps: &[Gap], style: Style) -> String {
    const OF_A_KIND_MAX: usize = 5;
    let mut by_kind = std::collections::BTreeMap::<GapKind, Vec<&Gap>>::new();
    for gap in gaps {
        by_kind.entry(gap.kind).or_default().push(gap);
    }
    let mut text = String::new();
    for (kind, gaps) in by_kind {
        for gap in gaps.iter().take(OF_A_KIND_MAX) {
            let place = if gap.subject.is_empty() { String::new() } else { format!(" of {}", gap.subject) };
            text +=
                &indent(&format!("{}: {}", style.warning(&format!("{}{place}", gap_name(kind))), gap.reason));
        }
        if gaps.len() > OF_A_KIND_MAX {
            text += &indent(&format!("... and {} more of this kind", gaps.len() - OF_A_KIND_MAX));
        }
    }
    text
}

/// What a kind of gap keeps from being seen, in a word or two.
pub(super) fn gap_name(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Topics => "topics",
        GapKind::LogDirs => "replica sizes",
        GapKind::DiskCapacity => "disk capacity",
        GapKind::TopicConfig => "topic settings",
        GapKind::BrokerConfig => "broker settings",
        GapKind::Reassignments => "reassignments",
        GapKind::NetworkLoad => "network load",
        GapKind::CpuLoad => "processor load",
        GapKind::LoadCapacity => "network and processor capacity",
    }
}

#[cfg(test)]
#[path = "plan_text_tests.rs"]
mod tests;

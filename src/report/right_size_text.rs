//! How many brokers each rack needs, as text.

use super::Style;
use super::layout::{Page, Side, prose, table};
use crate::ask::{Demand, Horizon, RackNeed, Sizing};

/// Renders a sizing for people.
pub fn right_size_text(view: &Sizing, style: Style) -> String {
    let cluster = view.cluster_id.as_deref().unwrap_or("without an id");
    let racks = if view.full_copy_per_rack {
        "every rack holds one full copy, so each is sized on its own"
    } else {
        "replicas may stand in more racks than one; what each rack holds at least is sized on its own, the rest together"
    };
    let origin = format!(
        "cluster {cluster}, seen {}; goals `{}`, growth {} % in 30 days, {} % of each limit kept free\n{racks}",
        view.taken_at, view.goal_set, view.growth_percent_per_month, view.headroom_percent
    );
    let mut page = Page::new(style, "Brokers that are needed", &origin);
    for horizon in &view.horizons {
        let title = match horizon.days {
            0 => "Today".to_owned(),
            days => format!("In {days} days, loads and sizes times {:.2}", horizon.factor),
        };
        page.section(&title, &horizon_text(horizon, style));
    }
    let left_out: String = view.left_out.iter().map(|line| prose(style, &style.warning(line))).collect();
    page.section("Not counted for", &left_out);
    let remarks: String = view.remarks.iter().map(|line| prose(style, &style.warning(line))).collect();
    page.section("Mind", &remarks);
    page.finish()
}

fn horizon_text(horizon: &Horizon, style: Style) -> String {
    let rows = horizon.racks.iter().map(|need| {
        let binding = need.binding.as_deref().unwrap_or("copies of a partition").to_owned();
        let demand = tightest(need);
        let used = demand.map_or_else(String::new, |demand| {
            let (load, limit) = (demand.resource.show(demand.load), demand.resource.show(demand.limit));
            format!("{} {load} of {limit}", demand.resource.name())
        });
        let least = demand.map_or_else(String::new, |demand| demand.least.to_string());
        vec![need.rack.to_string(), need.brokers.to_string(), need.needed.to_string(), least, binding, used]
    });
    let columns = [
        ("rack", Side::Left),
        ("brokers", Side::Right),
        ("needed", Side::Right),
        ("at least", Side::Right),
        ("because of", Side::Left),
        ("what has to stand there, of what may", Side::Left),
    ];
    let mut text = table(style, &columns, rows);
    for sentence in &horizon.conclusions {
        text += &prose(style, sentence);
    }
    if let Some(proof) = &horizon.proof {
        let verdict = if proof.holds { style.good("proven") } else { style.bad("NOT PROVEN") };
        text += &prose(style, &format!("{verdict}: {}", proof.words));
    }
    text
}

/// The demand that binds, or that comes nearest.
fn tightest(need: &RackNeed) -> Option<&Demand> {
    let binding = need.demands.iter().find(|demand| Some(&demand.goal) == need.binding.as_ref());
    let share = |demand: &&Demand| demand.load / demand.limit.max(f64::MIN_POSITIVE);
    binding.or_else(|| need.demands.iter().max_by(|one, other| share(one).total_cmp(&share(other))))
}

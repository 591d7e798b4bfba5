//! The table of brokers, before and after: what the whole change is about, so it comes first on the screen.

use super::Style;
use super::layout::{Side, table};
use crate::model::Resource;
use crate::plan::BrokerLoads;

/// One column pair of the table: a resource, its unit, and how many of that unit each broker has.
struct Measure {
    heading: String,
    cells: Vec<String>,
}

/// The resources shown, in this order, with the words of the heading.
const SHOWN: [(Resource, &str); 6] = [
    (Resource::Disk, "disk"),
    (Resource::NetworkIn, "in"),
    (Resource::NetworkOut, "out"),
    (Resource::Cpu, "cpu"),
    (Resource::Replicas, "replicas"),
    (Resource::Leaders, "leaders"),
];

/// Load of each broker before and after. Where all columns do not fit the terminal, they go into two tables.
pub(super) fn brokers_text(style: Style, brokers: &[BrokerLoads]) -> String {
    let mut measures = Vec::new();
    for (resource, name) in SHOWN {
        if let Some(measure) = amounts(brokers, resource, name) {
            measures.push(measure);
        }
        if resource == Resource::Disk
            && let Some(measure) = disk_shares(brokers)
        {
            measures.push(measure);
        }
    }
    let whole = render(style, brokers, &measures.iter().collect::<Vec<_>>());
    let widest = whole.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let fits = style.width.is_none_or(|width| widest <= usize::from(width));
    if fits && !wrapped(&whole, brokers) {
        return whole;
    }
    let (flows, stocks): (Vec<&Measure>, Vec<&Measure>) = measures
        .iter()
        .partition(|measure| ["in ", "out ", "cpu "].iter().any(|name| measure.heading.starts_with(name)));
    render(style, brokers, &stocks) + "\n" + &render(style, brokers, &flows)
}

/// Whether the table library broke lines to make the table fit.
fn wrapped(text: &str, brokers: &[BrokerLoads]) -> bool {
    text.lines().count() > brokers.len() + 1
}

fn render(style: Style, brokers: &[BrokerLoads], measures: &[&Measure]) -> String {
    let mut columns = vec![("broker", Side::Right), ("rack", Side::Left)];
    columns.extend(measures.iter().map(|measure| (measure.heading.as_str(), Side::Right)));
    let rows = brokers.iter().enumerate().map(|(at, broker)| {
        let dead = if broker.alive { "" } else { " dead" };
        let mut row = vec![broker.broker.to_string(), format!("{}{dead}", broker.rack)];
        row.extend(measures.iter().map(|measure| measure.cells[at].clone()));
        row
    });
    table(style, &columns, rows)
}

/// Load of one resource before and after; nothing when no broker has any, which is how an unknown load looks.
fn amounts(brokers: &[BrokerLoads], resource: Resource, name: &str) -> Option<Measure> {
    let of = |loads: &std::collections::BTreeMap<String, f64>| loads.get(resource.name()).copied();
    let pairs: Vec<(Option<f64>, Option<f64>)> =
        brokers.iter().map(|broker| (of(&broker.before), of(&broker.after))).collect();
    let largest = pairs.iter().flat_map(|(before, after)| [*before, *after]).flatten().fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let (unit, size) = unit(resource, largest);
    let digits = match largest / size {
        _ if size <= 1.0 && resource != Resource::Cpu => 0,
        few if few < 9.995 => 2,
        some if some < 99.95 => 1,
        _ => 0,
    };
    let heading = if unit.is_empty() { name.to_owned() } else { format!("{name} {unit}") };
    Some(Measure { heading, cells: cells(&pairs, |amount| format!("{:.digits$}", amount / size)) })
}

/// Share of the disk capacity before and after; nothing when no capacity is known.
fn disk_shares(brokers: &[BrokerLoads]) -> Option<Measure> {
    let share = |broker: &BrokerLoads, loads: &std::collections::BTreeMap<String, f64>| {
        let capacity = broker.disk_capacity_bytes.filter(|capacity| capacity.0 > 0)?.as_f64();
        Some(loads.get(Resource::Disk.name()).copied()? / capacity * 100.0)
    };
    let pairs: Vec<_> =
        brokers.iter().map(|broker| (share(broker, &broker.before), share(broker, &broker.after))).collect();
    if pairs.iter().all(|(before, _)| before.is_none()) {
        return None;
    }
    Some(Measure { heading: "full %".to_owned(), cells: cells(&pairs, |share| format!("{share:.0}")) })
}

/// `before → after`, or only one number where both read the same, so that changes stand out.
fn cells(pairs: &[(Option<f64>, Option<f64>)], show: impl Fn(f64) -> String) -> Vec<String> {
    let shown: Vec<(String, String)> = pairs
        .iter()
        .map(|(before, after)| {
            let text = |amount: &Option<f64>| amount.map_or_else(|| "?".to_owned(), &show);
            (text(before), text(after))
        })
        .collect();
    let width = shown.iter().map(|(_, after)| after.len()).max().unwrap_or(0);
    shown
        .into_iter()
        .map(|(before, after)| if before == after { after } else { format!("{before} → {after:>width$}") })
        .collect()
}

/// The unit in which the largest amount has at most three digits before the point.
fn unit(resource: Resource, largest: f64) -> (&'static str, f64) {
    const SIZES: [(&str, &str, f64); 5] = [
        ("B", "B/s", 1.0),
        ("kB", "kB/s", 1e3),
        ("MB", "MB/s", 1e6),
        ("GB", "GB/s", 1e9),
        ("TB", "TB/s", 1e12),
    ];
    let fitting = SIZES.iter().find(|(_, _, size)| largest / size < 999.5).unwrap_or(&SIZES[4]);
    match resource {
        Resource::Disk => (fitting.0, fitting.2),
        Resource::NetworkIn
        | Resource::NetworkOut
        | Resource::LeaderBytesIn
        | Resource::PotentialNetworkOut => (fitting.1, fitting.2),
        Resource::Cpu => ("cores", 1.0),
        Resource::Replicas | Resource::Leaders => ("", 1.0),
    }
}

/// How far the fullest or emptiest broker is from the mean, in percent of the mean, before and after, by resource.
/// Dead brokers, and brokers that end empty, take no part: nothing is meant to stand on them.
pub(super) fn spread_text(brokers: &[BrokerLoads]) -> Option<String> {
    let furthest = |resource: Resource, after: bool| {
        let amounts: Vec<f64> = brokers
            .iter()
            .filter(|broker| broker.alive && broker.after.get("replicas").is_none_or(|held| *held > 0.0))
            .filter_map(|broker| {
                let loads = if after { &broker.after } else { &broker.before };
                let load = loads.get(resource.name()).copied()?;
                let capacity = broker.disk_capacity_bytes.filter(|_| resource == Resource::Disk);
                Some(capacity.map_or(load, |capacity| load / capacity.as_f64().max(1.0)))
            })
            .collect();
        let parts = u32::try_from(amounts.len()).ok().filter(|parts| *parts > 0)?;
        let mean = amounts.iter().sum::<f64>() / f64::from(parts);
        let deviation = |amount: &f64| (amount - mean).abs() / mean * 100.0;
        (mean > 0.0).then(|| amounts.iter().map(deviation).fold(0.0, f64::max))
    };
    let texts: Vec<String> = SHOWN
        .iter()
        .filter_map(|(resource, name)| {
            let (before, after) = (furthest(*resource, false)?, furthest(*resource, true)?);
            Some(format!("{name} {before:.0} → {after:.0} %"))
        })
        .collect();
    (!texts.is_empty()).then(|| format!("furthest from the mean: {}", texts.join(", ")))
}

//! Goals with the scope `log-dir`: each log directory against its volume, or against the others of its broker.
//!
//! Judged is what stands in a directory and stays there. A replica that arrives by a plan is in none of them yet: which
//! directory it gets is Kafka's choice, and the next look tells.

use super::verdict::percent;
use super::{Balance, Capacity, Limit, Missing, Standing, Verdict, Violation};
use crate::model::{BrokerOrd, LogDirRow, Resource};

/// Less than a byte is noise of adding up.
const NOISE: f64 = 0.5;

/// The directories of the brokers that count.
struct Shelves {
    /// The brokers whose directories are known, each with the bytes in each directory.
    known: Vec<(BrokerOrd, Vec<f64>)>,
    /// The brokers whose directories are not.
    hidden: Vec<BrokerOrd>,
}

impl Shelves {
    /// A broker that holds nothing and shows no directory has nothing to hide.
    fn of(standing: Standing) -> Self {
        let model = standing.model;
        let loads = match standing.dir_loads {
            Some(loads) => loads.to_vec(),
            None => model.log_dir_loads(standing.assignment),
        };
        let hides = model.hides_log_dirs(standing.assignment);
        let (mut known, mut hidden) = (Vec::new(), Vec::new());
        for broker in standing.brokers() {
            let at = broker.index();
            let unseen = model.brokers[at].log_dirs.is_empty();
            if hides[at] || (unseen && standing.sums.get(broker, Resource::Replicas) > 0.0) {
                hidden.push(broker);
            } else {
                known.push((broker, loads[at].clone()));
            }
        }
        Self { known, hidden }
    }

    /// The verdict on what was found; without anything found, what is hidden makes it not ready.
    fn verdict(&self, standing: Standing, found: Vec<(f64, Violation)>) -> Verdict {
        if found.is_empty() && !self.hidden.is_empty() {
            let what = "which replica stands in which log directory";
            return not_known(standing, what, &self.hidden, Missing::Load(Resource::Disk));
        }
        Verdict::worst_of(found, |violation| violation)
    }
}

/// Judges a limit on log directories.
pub(super) fn capacity(rule: &Capacity, standing: Standing) -> Verdict {
    let shelves = Shelves::of(standing);
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for (broker, loads) in &shelves.known {
        for (dir, load) in online(standing, *broker).zip(loads).filter_map(|(dir, load)| Some((dir?, *load)))
        {
            let Some(most) = rule.limit_of_dir(dir) else {
                if unknown.last() != Some(broker) {
                    unknown.push(*broker);
                }
                continue;
            };
            if load > most + NOISE {
                let text = over_limit(rule, dir, load, most);
                let subject = name(standing, *broker, dir);
                found.push((load / most.max(f64::MIN_POSITIVE), Violation { subject, text }));
            }
        }
    }
    if found.is_empty() && !unknown.is_empty() {
        let lacks = Missing::Capacity(Resource::Disk);
        return not_known(standing, "the size of the log directories", &unknown, lacks);
    }
    shelves.verdict(standing, found)
}

/// Judges how level the log directories of each broker are.
pub(super) fn balance(rule: &Balance, standing: Standing) -> Verdict {
    let shelves = Shelves::of(standing);
    let mut found = Vec::new();
    for (broker, loads) in &shelves.known {
        let dirs: Vec<(&LogDirRow, f64)> =
            online(standing, *broker).zip(loads).filter_map(|(dir, load)| Some((dir?, *load))).collect();
        let all_sized = dirs.iter().all(|(dir, _)| dir.total_bytes.is_some_and(|total| total > 0.0));
        let weight = |dir: &LogDirRow| if all_sized { dir.total_bytes.unwrap_or(1.0) } else { 1.0 };
        let whole: f64 = dirs.iter().map(|(dir, _)| weight(dir)).sum();
        let total: f64 = dirs.iter().map(|(_, load)| load).sum();
        for (dir, load) in &dirs {
            let mean = total * weight(dir) / whole.max(f64::MIN_POSITIVE);
            let (low, high) = rule.around(mean, dir.total_bytes, rule.band);
            let beyond = (load - high).max(low - load);
            if beyond > NOISE {
                let subject = name(standing, *broker, dir);
                let violation = Violation { subject, text: rule.violation(*load, mean, low, high) };
                found.push((beyond / mean.max(f64::MIN_POSITIVE), violation));
            }
        }
    }
    shelves.verdict(standing, found)
}

/// The directories of a broker in their order; `None` for those that are offline, of which goals ask nothing.
fn online(standing: Standing<'_>, broker: BrokerOrd) -> impl Iterator<Item = Option<&LogDirRow>> {
    standing.model.brokers[broker.index()].log_dirs.iter().map(|dir| dir.online.then_some(dir))
}

/// `log directory 7:/data/a`.
fn name(standing: Standing, broker: BrokerOrd, dir: &LogDirRow) -> String {
    format!("log directory {}:{}", standing.model.brokers[broker.index()].id, dir.path)
}

fn over_limit(rule: &Capacity, dir: &LogDirRow, load: f64, most: f64) -> String {
    let (has, at_most) = (rule.resource.show_named(load), rule.resource.show(most));
    let Limit::Share(share) = rule.limit else { return format!("{has}, at most {at_most}") };
    let other = match dir.other_bytes {
        other if other > 0.0 => format!(", less {} of other files", rule.resource.show(other)),
        _ => String::new(),
    };
    format!("{has} is over the limit of {at_most} ({} % of its volume{other})", percent(share))
}

fn not_known(standing: Standing, what: &str, brokers: &[BrokerOrd], lacks: Missing) -> Verdict {
    let ids: Vec<String> =
        brokers.iter().map(|broker| standing.model.brokers[broker.index()].id.to_string()).collect();
    Verdict::NotReady { missing: format!("{what} of broker {} is not known", ids.join(", ")), lacks }
}

impl Capacity {
    /// The most that replicas may take in a log directory; `None` where the size of its volume is not known. What
    /// else lies on the volume is taken off.
    fn limit_of_dir(&self, dir: &LogDirRow) -> Option<f64> {
        match self.limit {
            Limit::Share(share) => dir.total_bytes.map(|total| (total * share - dir.other_bytes).max(0.0)),
            Limit::Count(bytes) => Some(bytes),
            // A directory has no cores; goal files that say so are refused.
            Limit::CountByCores(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "log_dirs_tests.rs"]
mod tests;

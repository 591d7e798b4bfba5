//! Rule `capacity`: a resource of a broker stays under a limit.

use super::{Standing, Verdict, Violation};
use crate::model::{Broker, Resource};

/// A resource of each broker stays under a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// The resource.
    pub resource: Resource,
    /// The limit.
    pub limit: Limit,
    /// What has to stay under it.
    pub scope: Scope,
    /// Whether it has to hold after a loss, too.
    pub survive: Option<Survive>,
}

/// What a limit or a band is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Each broker.
    #[default]
    Broker,
    /// All brokers of a host together.
    Host,
    /// All brokers of a rack together.
    Rack,
    /// Each log directory of a broker.
    LogDir,
}

/// A loss that a limit has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Survive {
    /// Any one rack is gone: leadership of what was led there has gone to the next replica of each list.
    AnyOneRack,
}

/// A limit on a resource of a broker.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A share of the broker's capacity, 0 to 1.
    Share(f64),
    /// A number.
    Count(f64),
    /// A number by the broker's cores: that of the last row whose cores the broker has. Rows by rising cores.
    CountByCores(Vec<(f64, f64)>),
}

impl Capacity {
    /// The most that replicas may take on a broker; `None` where its capacity is not known. What else lies on its
    /// disks is taken off.
    pub fn limit_of(&self, broker: &Broker) -> Option<f64> {
        match &self.limit {
            Limit::Count(count) => Some(*count),
            Limit::CountByCores(rows) => {
                let cores = broker.capacity[Resource::Cpu.index()]?;
                rows.iter().rev().find(|(least, _)| cores >= *least).or(rows.first()).map(|(_, count)| *count)
            }
            Limit::Share(share) => {
                let other = if self.resource == Resource::Disk { broker.other_disk_bytes } else { 0.0 };
                broker.capacity[self.resource.index()].map(|capacity| (capacity * share - other).max(0.0))
            }
        }
    }

    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        if let Some(not_ready) = standing.load_missing(self.resource) {
            return not_ready;
        }
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for ord in standing.brokers() {
            let broker = &standing.model.brokers[ord.index()];
            let load = standing.sums.get(ord, self.resource);
            match self.limit_of(broker) {
                None => unknown.push(broker.id.to_string()),
                Some(limit) if load > limit * (1.0 + 1e-9) => {
                    found.push((load / limit.max(f64::MIN_POSITIVE), self.violation(broker, load, limit)));
                }
                Some(_) => {}
            }
        }
        // A broker over its limit is a fact, whatever is not known of the others.
        if found.is_empty() && !unknown.is_empty() {
            let (name, brokers) = (self.resource.name(), unknown.join(", "));
            return Verdict::NotReady {
                missing: format!("the {name} capacity of broker {brokers} is not known"),
            };
        }
        Verdict::of(found)
    }

    fn violation(&self, broker: &Broker, load: f64, limit: f64) -> Violation {
        let (load, most) = (self.resource.show_named(load), self.resource.show(limit));
        let text = match &self.limit {
            Limit::Count(_) | Limit::CountByCores(_) => format!("{load}, at most {most}"),
            Limit::Share(share) => {
                let other = match self.resource {
                    // Whoever reads of a limit far below the disk's size wants to know what takes the rest.
                    Resource::Disk if broker.other_disk_bytes > 0.0 => {
                        format!(", less {} of other files", self.resource.show(broker.other_disk_bytes))
                    }
                    _ => String::new(),
                };
                let share = 100.0 * share;
                format!("{load} is over the limit of {most} ({share:.0} % of capacity{other})")
            }
        };
        Violation { subject: format!("broker {}", broker.id), text }
    }
}

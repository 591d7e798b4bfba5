//! Rule `capacity`: a resource of a broker stays under a limit.

use super::verdict::{Places, percent};
use super::{Missing, Standing, Verdict, Violation};
use crate::model::{Broker, BrokerOrd, RackOrd, Resource};

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
    /// Any one rack is gone. What goes with leadership (network out, processor, leaders, bytes in of leaders) has gone
    /// to the next live replica of each list, and each remaining broker has to bear it. The rest (disk, network in,
    /// replicas) is made anew in time, and has to fit on the other racks in sum.
    AnyOneRack,
}

/// A limit on a resource of a broker. Hosts and racks are held against the sum of the limits of their brokers.
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
    /// The most that replicas may take on a broker; `None` where its capacity is not known. What something else takes
    /// of its disks and its processor is taken off.
    pub fn limit_of(&self, broker: &Broker) -> Option<f64> {
        match &self.limit {
            Limit::Count(count) => Some(*count),
            Limit::CountByCores(rows) => {
                let cores = broker.capacity[Resource::Cpu.index()]?;
                rows.iter().rev().find(|(least, _)| cores >= *least).or(rows.first()).map(|(_, count)| *count)
            }
            Limit::Share(share) => {
                let other = broker.other(self.resource);
                broker.capacity[self.resource.index()].map(|capacity| (capacity * share - other).max(0.0))
            }
        }
    }

    /// Judges a placement. A place over its limit is a fact, whatever is not known of the others; without one, what is
    /// not known makes the verdict [`Verdict::NotReady`].
    pub fn verdict(&self, standing: Standing) -> Verdict {
        if let Some(not_ready) = standing.load_missing(self.resource) {
            return not_ready;
        }
        if self.scope == Scope::LogDir {
            return super::log_dirs::capacity(self, standing);
        }
        let places = Places::new(standing.model, self.scope);
        let limits = self.limits(standing);
        let mut search =
            Search { standing, places: &places, limits: &limits, worst: vec![None; places.len()] };
        search.compare(None, |broker| standing.sums.get(broker, self.resource));
        let mut found: Vec<(f64, Found)> = Vec::new();
        match self.survive {
            Some(Survive::AnyOneRack) if self.follows_leaders() => self.after_loss(&mut search),
            Some(Survive::AnyOneRack) => found = self.on_the_rest(standing, &limits),
            None => {}
        }
        let worst = search.worst.into_iter().enumerate();
        let over =
            worst.filter_map(|(place, over)| over.map(|over| (over.ratio(), Found::Place(place, over))));
        found.extend(over);
        if found.is_empty() {
            let unknown: Vec<BrokerOrd> =
                standing.brokers().filter(|broker| limits[broker.index()].is_none()).collect();
            if !unknown.is_empty() {
                return self.limit_missing(standing, &unknown);
            }
        }
        Verdict::worst_of(found, |found| match found {
            Found::Place(place, over) => self.violation(standing, &places, place, over),
            Found::Rest(rack, over) => self.violation_of_rest(standing, rack, over),
        })
    }

    fn limit_missing(&self, standing: Standing, brokers: &[BrokerOrd]) -> Verdict {
        let ids: Vec<String> =
            brokers.iter().map(|broker| standing.model.brokers[broker.index()].id.to_string()).collect();
        let (what, lacks) = match self.limit {
            Limit::CountByCores(_) => ("number of cores".to_owned(), Missing::Capacity(Resource::Cpu)),
            _ => (format!("{} capacity", self.resource.name()), Missing::Capacity(self.resource)),
        };
        Verdict::NotReady { missing: format!("the {what} of broker {} is not known", ids.join(", ")), lacks }
    }

    /// Whether the load goes where leadership goes. The rest stays on a broker until replicas are made anew.
    pub fn follows_leaders(&self) -> bool {
        matches!(
            self.resource,
            Resource::NetworkOut | Resource::Cpu | Resource::Leaders | Resource::LeaderBytesIn
        )
    }

    /// The limit of each broker that counts.
    fn limits(&self, standing: Standing) -> Vec<Option<f64>> {
        let limit = |(broker, counts): (&Broker, &bool)| {
            if *counts { self.limit_of(broker) } else { None }
        };
        standing.model.brokers.iter().zip(standing.counts).map(limit).collect()
    }

    /// The loss of each rack in turn: what was led there is led by the next live replica of each list elsewhere.
    /// What leaders elsewhere no longer send to followers in the lost rack is not taken off: when the rack comes
    /// back it has to catch up, and they send more.
    fn after_loss(&self, search: &mut Search) {
        let standing = search.standing;
        let model = standing.model;
        let width = model.brokers.len();
        let mut gained = vec![0.0; width * model.racks.len()];
        for partition in model.partition_ords() {
            let Some(leader) = standing.assignment.leader(partition) else { continue };
            let rack = model.rack_of(leader);
            let replicas = standing.assignment.replicas(partition);
            let next = replicas
                .iter()
                .find(|broker| model.rack_of(**broker) != rack && standing.is_live(partition, **broker));
            let Some(next) = next else { continue };
            let leading = model.load(partition, true, replicas.len())[self.resource.index()];
            let following = model.load(partition, false, replicas.len())[self.resource.index()];
            gained[rack.index() * width + next.index()] += leading - following;
        }
        for rack in standing.racks() {
            let gained = &gained[rack.index() * width..][..width];
            let load = |broker: BrokerOrd| standing.sums.get(broker, self.resource) + gained[broker.index()];
            search.compare(Some(rack), load);
        }
    }

    /// The loss of each rack in turn: all that stands on the cluster has to fit on the other racks in sum, since that
    /// is where its replicas are made anew.
    fn on_the_rest(&self, standing: Standing, limits: &[Option<f64>]) -> Vec<(f64, Found)> {
        let mut found = Vec::new();
        let load: f64 = standing.brokers().map(|broker| standing.sums.get(broker, self.resource)).sum();
        for rack in standing.racks() {
            let most = standing
                .brokers()
                .filter(|broker| standing.model.rack_of(*broker) != rack)
                .map(|broker| limits[broker.index()].unwrap_or(f64::INFINITY))
                .sum();
            let over = Over { load, most, lost: Some(rack) };
            if over.is_over() {
                found.push((over.ratio(), Found::Rest(rack, over)));
            }
        }
        found
    }

    fn violation(&self, standing: Standing, places: &Places, place: usize, over: Over) -> Violation {
        let (load, most) = (self.resource.show_named(over.load), self.resource.show(over.most));
        let lost = over.lost.map_or_else(String::new, |rack| {
            format!("with rack {} lost ", standing.model.racks[rack.index()])
        });
        let text = match &self.limit {
            Limit::Count(_) | Limit::CountByCores(_) => format!("{lost}{load}, at most {most}"),
            Limit::Share(share) => {
                let other: f64 = standing
                    .brokers()
                    .filter(|broker| places.of(*broker) == place)
                    .map(|broker| standing.model.brokers[broker.index()].other(self.resource))
                    .sum();
                // Whoever reads of a limit far below the disk's size wants to know what takes the rest.
                let whose =
                    if self.resource == Resource::Cpu { "that no replica causes" } else { "of other files" };
                let other = if other > 0.0 {
                    format!(", less {} {whose}", self.resource.show(other))
                } else {
                    String::new()
                };
                let share = percent(*share);
                format!("{lost}{load} is over the limit of {most} ({share} % of capacity{other})")
            }
        };
        Violation { subject: places.name(standing.model, place), text }
    }

    fn violation_of_rest(&self, standing: Standing, rack: RackOrd, over: Over) -> Violation {
        let (load, most) = (self.resource.show_named(over.load), self.resource.show(over.most));
        let rack = &standing.model.racks[rack.index()];
        Violation {
            subject: "the cluster".to_owned(),
            text: format!(
                "with rack {rack} lost {load} would not fit on the rest, which takes at most {most}"
            ),
        }
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let (name, whose) = (
            self.resource.name(),
            match self.scope {
                Scope::Broker => "a broker",
                Scope::Host => "all brokers of a host",
                Scope::Rack => "all brokers of a rack",
                Scope::LogDir => "a log directory",
            },
        );
        let limit = match &self.limit {
            Limit::Share(share) => format!("at most {} % of its capacity", percent(*share)),
            Limit::Count(count) => format!("at most {}", self.show_count(*count)),
            Limit::CountByCores(rows) => {
                let row =
                    |(cores, count): &(f64, f64)| format!("{} from {cores} cores", self.show_count(*count));
                format!("at most {}", rows.iter().map(row).collect::<Vec<_>>().join(", "))
            }
        };
        let survive = match self.survive {
            Some(Survive::AnyOneRack) => ", also with any one rack lost",
            None => "",
        };
        format!("{name} of {whose} {limit}{survive}")
    }

    fn show_count(&self, count: f64) -> String {
        if self.resource.is_count() { format!("{count}") } else { self.resource.show(count) }
    }
}

/// The search for places over their limit.
struct Search<'a> {
    standing: Standing<'a>,
    places: &'a Places,
    /// By broker; `None` where it is not known, or the broker does not count.
    limits: &'a [Option<f64>],
    /// By place: the worst that was found.
    worst: Vec<Option<Over>>,
}

impl Search<'_> {
    /// Notes places over their limit, where that is worse than what was noted before. A place is held against the
    /// sum of the limits of its brokers. With a rack lost, its brokers carry nothing and may carry nothing.
    fn compare(&mut self, lost: Option<RackOrd>, load: impl Fn(BrokerOrd) -> f64) {
        let (standing, places) = (self.standing, self.places);
        let remains = |broker: BrokerOrd| lost != Some(standing.model.rack_of(broker));
        let loads = places.sums(standing, |broker| if remains(broker) { load(broker) } else { 0.0 });
        let mosts = places.sums(standing, |broker| match self.limits[broker.index()] {
            _ if !remains(broker) => 0.0,
            Some(limit) => limit,
            None => f64::INFINITY,
        });
        for (worst, (load, most)) in self.worst.iter_mut().zip(loads.into_iter().zip(mosts)) {
            let over = Over { load, most, lost };
            if over.is_over() && worst.is_none_or(|before| over.ratio() > before.ratio()) {
                *worst = Some(over);
            }
        }
    }
}

/// A load over its limit.
#[derive(Clone, Copy)]
struct Over {
    load: f64,
    most: f64,
    /// The rack that has to be lost for it.
    lost: Option<RackOrd>,
}

impl Over {
    fn is_over(self) -> bool {
        self.load > self.most * (1.0 + 1e-9)
    }

    fn ratio(self) -> f64 {
        self.load / self.most.max(f64::MIN_POSITIVE)
    }
}

/// One finding.
#[derive(Clone, Copy)]
enum Found {
    /// A broker, host or rack.
    Place(usize, Over),
    /// The brokers that are left when a rack is lost, in sum.
    Rest(RackOrd, Over),
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;

//! Two looks at one cluster side by side: what became of it.

use std::collections::BTreeMap;

use super::brokers::{brokers_text, spread_text};
use super::layout::prose;
use super::{BrokerStatus, StatusView, Style};
use crate::base::Bytes;
use crate::model::Resource;
use crate::plan::BrokerLoads;

/// The load of each broker as it was seen before and as it is seen now. Brokers may have come or gone meanwhile.
pub fn change_text(before: &StatusView, after: &StatusView, style: Style) -> String {
    let by_id = |view: &StatusView| -> BTreeMap<_, BrokerStatus> {
        view.brokers.iter().map(|status| (status.broker, status.clone())).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut ids: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<BrokerLoads> = ids
        .into_iter()
        .filter_map(|id| {
            let latest = after.get(&id).or_else(|| before.get(&id))?;
            Some(BrokerLoads {
                broker: id,
                rack: latest.rack.clone(),
                alive: latest.alive,
                disk_capacity_bytes: latest.disk_capacity_bytes,
                before: loads(before.get(&id)),
                after: loads(after.get(&id)),
            })
        })
        .collect();
    let spread = spread_text(&rows).map(|line| prose(style, &line)).unwrap_or_default();
    brokers_text(style, &rows) + &spread
}

/// What stands on a broker; nothing does on one that is not there.
fn loads(status: Option<&BrokerStatus>) -> BTreeMap<String, f64> {
    let count = |number: usize| u32::try_from(number).map_or(f64::MAX, f64::from);
    let disk = status.map_or(Some(Bytes::ZERO), |status| status.disk_bytes);
    let mut loads = BTreeMap::new();
    if let Some(disk) = disk {
        loads.insert(Resource::Disk.name().to_owned(), disk.as_f64());
    }
    loads.insert(Resource::Replicas.name().to_owned(), count(status.map_or(0, |status| status.replicas)));
    loads.insert(Resource::Leaders.name().to_owned(), count(status.map_or(0, |status| status.leaders)));
    loads
}

//! [`Hands`]: a verb and a cluster: with `--execute` it has the right to act, without it only looks.

use super::args::ExecutionArgs;
use super::carry::Order;
use super::session::{self, Records, Right, Session, refuse_unfinished};
use super::sharing::{self, Take, Voice};
use super::target::Target;
use super::weigh::weigh_for;
use super::{Failure, Screen, marks};
use crate::base::{BrokerId, TimestampMs};
use crate::control::{Recollection, Record, Scope, World};
use crate::observe::Observation;
use crate::plan::Plan;

/// A cluster, and perhaps the right to act on it.
pub struct Hands {
    world: Box<dyn World>,
    right: Option<Right>,
    records: Option<Records>,
    /// What was written down about the cluster.
    pub known: Recollection,
}

impl Hands {
    /// Looks at a cluster. With leave to act, the right to is taken before anything is proposed: what is proposed has to
    /// hold until it is carried out. `connect` opens the cluster; the way to the lease is gone meanwhile.
    ///
    /// # Errors
    /// The cluster cannot be seen; with leave to act also: another process acts, or something is unfinished.
    pub fn open(
        connect: impl FnOnce() -> Result<Box<dyn World>, Failure>,
        target: &Target,
        execute: bool,
        screen: &Screen,
    ) -> Result<(Self, Observation), Failure> {
        let way = if execute { sharing::set_out(target, &session::verb()) } else { None };
        let mut world = connect()?;
        let mut seen = world.observe(&Scope::Full)?;
        if !execute {
            // A place to write things down is needed by those who act only.
            let records = Records::of(target, &seen).ok();
            weigh_for(target, &mut seen, screen);
            let look = |records: &Records| records.overview(Voice::Screen(*screen));
            let known = records.as_ref().map(look).transpose()?.unwrap_or_default().known;
            return Ok((Self { world, right: None, records, known }, seen));
        }
        let records = Records::of(target, &seen)?;
        let right = records.take_right(false, Take::IfFree(way), Voice::Screen(*screen))?;
        refuse_unfinished(&right.known, &records.words)?;
        let known = right.known.clone();
        // Whoever had the right a moment ago may have changed what was seen.
        let mut seen = world.observe(&Scope::Full)?;
        weigh_for(target, &mut seen, screen);
        Ok((Self { world, right: Some(right), records: Some(records), known }, seen))
    }

    /// The time of the cluster's clock.
    pub fn now(&self) -> TimestampMs {
        self.world.now()
    }

    /// The cluster.
    pub fn world(&self) -> &dyn World {
        self.world.as_ref()
    }

    /// Carries a plan out where there is leave to; else finds out whether it could be, so that a dry run is refused
    /// where the real one is.
    ///
    /// # Errors
    /// It may not be started, or did not come to its end in full.
    pub fn carry_out(self, order: &Order<'_>, args: &ExecutionArgs, screen: &Screen) -> Result<(), Failure> {
        if let Some(right) = self.right {
            return order.carry_out(&mut Session::new(self.world, right), args, screen);
        }
        let words = self.records.map(|records| records.words).unwrap_or_default();
        refuse_unfinished(&self.known, &words)?;
        order.check(self.world.as_ref()).map(drop)
    }

    /// A plan that has nothing to do is carried out as it is: a broker that was empty already is removed all the same.
    ///
    /// # Errors
    /// What is to be remembered cannot be written down.
    pub fn nothing_to_do(mut self, plan: &Plan, seen: &Observation) -> Result<(), Failure> {
        let now = self.now();
        let holds = |broker: BrokerId| {
            seen.partitions().any(|(_, _, partition)| partition.replicas.contains(&broker))
        };
        let is_so =
            |record: &Record| !matches!(record, Record::Removed { broker, removed: true } if holds(*broker));
        let records = marks::records(&plan.operation).into_iter().filter(is_so).collect();
        self.right.as_mut().map_or(Ok(()), |right| right.note(records, now))
    }
}

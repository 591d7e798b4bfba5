//! [`ClusterGauges`] as the text that Prometheus scrapes, in its format 0.0.4.
//!
//! Names begin with `evenkeel_`, units are base units (seconds, bytes, ratios from 0 to 1), and each sample says which
//! cluster it is about. A family without a sample is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::ClusterGauges;
use super::gauges::{BrokerGauges, ENDS, Proposed, Trouble};
use crate::ask::{Disk, DiskOutlook};
use crate::base::{Bytes, TimestampMs};
use crate::observe::{Absence, Absent, EndToEnd, GapKind};

/// What the canary measured longer ago says nothing about now.
const CANARY_LASTS: Duration = Duration::from_secs(60);

const DAY_S: f64 = 86_400.0;

/// What tells a value from others of its name.
type Labels = Vec<(&'static str, String)>;

/// A value with that.
type Sample = (Labels, f64);

/// One page, as it grows.
struct Page<'a> {
    clusters: &'a BTreeMap<String, ClusterGauges>,
    text: String,
}

/// Renders all clusters that a daemon looks after, as they are known at `now`.
pub fn exposition(clusters: &BTreeMap<String, ClusterGauges>, version: &str, now: TimestampMs) -> String {
    let mut page = Page { clusters, text: String::new() };
    page.head("evenkeel_build_info", "gauge", "Which evenkeel this is.");
    page.sample("evenkeel_build_info", &[("version", version.to_owned())], 1.0);
    looks(&mut page, now);
    disks(&mut page);
    peaks(&mut page);
    canary(&mut page, now);
    execution(&mut page);
    ends(&mut page);
    proposal(&mut page);
    goals(&mut page);
    absences(&mut page);
    page.text
}

impl Page<'_> {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        self.text += name;
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// One family: the samples of every cluster under one name.
    fn family(&mut self, name: &str, kind: &str, help: &str, of: impl Fn(&ClusterGauges) -> Vec<Sample>) {
        let mut is_new = true;
        for (cluster, gauges) in self.clusters {
            for (labels, value) in of(gauges) {
                if std::mem::take(&mut is_new) {
                    self.head(name, kind, help);
                }
                let labels = [vec![("cluster", cluster.clone())], labels].concat();
                self.sample(name, &labels, value);
            }
        }
    }

    fn gauge(&mut self, name: &str, help: &str, of: impl Fn(&ClusterGauges) -> Vec<Sample>) {
        self.family(name, "gauge", help, of);
    }

    /// A family with one sample of each cluster where the value is known.
    fn one(&mut self, name: &str, help: &str, of: impl Fn(&ClusterGauges) -> Option<f64>) {
        self.gauge(name, help, |gauges| of(gauges).map(|value| (Vec::new(), value)).into_iter().collect());
    }

    /// A family with a sample of each broker where the value is known.
    fn brokers(&mut self, name: &str, help: &str, of: impl Fn(&BrokerGauges) -> Option<f64>) {
        self.gauge(name, help, |gauges| {
            let known = gauges.brokers.iter().filter_map(|(id, broker)| Some((id, of(broker)?)));
            known.map(|(id, value)| (vec![("broker", id.to_string())], value)).collect()
        });
    }
}

fn looks(page: &mut Page<'_>, now: TimestampMs) {
    page.gauge("evenkeel_mode_info", "How far the daemon may go on the cluster.", |gauges| {
        vec![(vec![("mode", gauges.mode.to_owned())], 1.0)]
    });
    page.one("evenkeel_observation_age_seconds", "How long ago the cluster was seen last.", |gauges| {
        gauges.seen_at.map(|at| now.since(at).as_secs_f64())
    });
    let help = "Parts of the cluster that could not be seen, by kind, at the last look at everything.";
    page.gauge("evenkeel_observation_gaps", help, |gauges| {
        let Some(gaps) = &gauges.gaps else { return Vec::new() };
        let found = |kind| gaps.get(&kind).copied().unwrap_or_default();
        let all = GapKind::ALL.into_iter();
        all.map(|kind| (vec![("kind", kind.name().to_owned())], count(found(kind)))).collect()
    });
    page.family(
        "evenkeel_errors_total",
        "counter",
        "What went wrong since this process began, by kind.",
        |gauges| {
            let counted = |trouble| gauges.errors.get(&trouble).copied().unwrap_or_default();
            let all = Trouble::ALL.into_iter();
            all.map(|trouble| (vec![("kind", trouble.name().to_owned())], real(counted(trouble)))).collect()
        },
    );
    page.one("evenkeel_lease_held", "Whether this process holds the lease of the cluster.", |gauges| {
        Some(truth(gauges.holds_lease))
    });
    page.brokers("evenkeel_broker_up", "Whether the broker was alive when it was seen last.", |broker| {
        Some(truth(broker.is_up))
    });
    let help = "Bytes in use on the broker's volumes; of its replicas where Kafka does not tell.";
    page.brokers("evenkeel_broker_disk_used_bytes", help, |broker| {
        broker.disk.map(|(used, _)| used.as_f64())
    });
    let help = "Size of the broker's volumes.";
    page.brokers("evenkeel_broker_disk_size_bytes", help, |broker| {
        broker.disk.map(|(_, size)| size.as_f64())
    });
    page.brokers("evenkeel_broker_disk_used_ratio", "How full the broker's volumes are.", |broker| {
        let (used, size) = broker.disk.filter(|(_, size)| *size > Bytes::ZERO)?;
        Some(used.as_f64() / size.as_f64())
    });
    let help = "Replication throttles that stand on the broker, whoever set them.";
    page.gauge("evenkeel_broker_throttle_bytes_per_second", help, |gauges| {
        let all = gauges.brokers.iter().flat_map(|(id, broker)| {
            broker.throttles.iter().filter_map(move |(of, rate)| Some((id, *of, (*rate)?)))
        });
        let labels = |id: &crate::base::BrokerId, of: &str| {
            vec![("broker", id.to_string()), ("direction", of.to_owned())]
        };
        all.map(|(id, of, rate)| (labels(id, of), real(rate))).collect()
    });
}

/// What brokers bear at their peaks.
fn peaks(page: &mut Page<'_>) {
    let help = "What clients and replication put on the broker's network at its peaks: the 95th percentile of the \
                quarters of an hour of the last day, by whom leads and holds what now.";
    page.gauge("evenkeel_broker_network_p95_bytes_per_second", help, |gauges| {
        let all = gauges.peaks.iter().flat_map(|(id, peak)| {
            let directions = [("in", peak.network_in_bytes_per_s), ("out", peak.network_out_bytes_per_s)];
            directions.map(|(direction, rate)| {
                (vec![("broker", id.to_string()), ("direction", direction.to_owned())], rate.round())
            })
        });
        all.collect()
    });
}

/// When disks pass their limit, and how fast they grow.
fn disks(page: &mut Page<'_>) {
    let labels = |disk: &Disk| match disk {
        Disk::Broker { broker } => vec![("scope", "broker".to_owned()), ("broker", broker.to_string())],
        Disk::LogDir { broker, log_dir } => {
            let dir = ("log_dir", log_dir.clone());
            vec![("scope", "log-dir".to_owned()), ("broker", broker.to_string()), dir]
        }
        Disk::Rack { rack } => vec![("scope", "rack".to_owned()), ("rack", rack.to_string())],
    };
    let help = "By how much the disk grows, at the sizes of its topics over the last two weeks at most.";
    page.gauge("evenkeel_disk_growth_bytes_per_second", help, |gauges| {
        let grows = |disk: &DiskOutlook| (labels(&disk.disk), disk.grows_bytes_a_day / DAY_S);
        gauges.outlook.iter().map(grows).collect()
    });
    let help = "Time until the disk passes the limit of the goals: 0 where it has, absent where it takes more than a year.";
    page.gauge("evenkeel_disk_limit_in_seconds", help, |gauges| {
        let all = gauges.outlook.iter().flat_map(|disk| {
            let told = [("likely", disk.days), ("soonest", disk.days_soonest)];
            told.into_iter().filter_map(move |(how, days)| Some((disk, how, days?)))
        });
        let sample = |(disk, how, days): (&DiskOutlook, &str, f64)| {
            let mut labels = labels(&disk.disk);
            labels.push(("estimate", how.to_owned()));
            (labels, days * DAY_S)
        };
        all.map(sample).collect()
    });
}

fn canary(page: &mut Page<'_>, now: TimestampMs) {
    let quantiles = |times: &EndToEnd| {
        [("0.5", times.p50_ms), ("0.99", times.p99_ms)].map(|(quantile, ms)| {
            // To the microsecond, lest 3.1 ms be told as 0.0031000000000000003 s.
            (("quantile", quantile.to_owned()), (ms.get() * 1_000.0).round() / 1e6)
        })
    };
    let fresh = |gauges: &ClusterGauges| {
        let fresh = gauges.canary.clone().filter(|(at, _)| now.since(*at) <= CANARY_LASTS);
        fresh.map(|(_, canary)| canary)
    };
    let help = "How long the canary's records take from producer to consumer, over half a minute, while something is \
                carried out.";
    page.gauge("evenkeel_canary_latency_seconds", help, |gauges| {
        let all = fresh(gauges).into_iter().flat_map(|canary| quantiles(&canary.all));
        all.map(|(label, value)| (vec![label], value)).collect()
    });
    let help = "The same, through each broker.";
    page.gauge("evenkeel_canary_broker_latency_seconds", help, |gauges| {
        let brokers = fresh(gauges).into_iter().flat_map(|canary| canary.brokers);
        let all = brokers.flat_map(|(id, times)| {
            quantiles(&times).map(|(label, value)| (vec![("broker", id.to_string()), label], value))
        });
        all.collect()
    });
}

fn execution(page: &mut Page<'_>) {
    page.one("evenkeel_execution_running", "Whether this process carries a plan out.", |gauges| {
        Some(truth(gauges.progress.is_some()))
    });
    let help = "Whether that is held: an operator, the hours that are set, a broker that is down.";
    page.one("evenkeel_execution_paused", help, |gauges| {
        Some(truth(gauges.progress.as_ref().is_some_and(|progress| progress.paused.is_some())))
    });
    page.one("evenkeel_execution_copied_bytes", "Bytes of the plan that are there.", |gauges| {
        gauges.progress.as_ref().map(|progress| progress.bytes_done.as_f64())
    });
    page.one("evenkeel_execution_remaining_bytes", "Bytes of the plan that are not there yet.", |gauges| {
        let progress = gauges.progress.as_ref()?;
        Some(progress.bytes_total.saturating_sub(progress.bytes_done).as_f64())
    });
    let help =
        "Time left, as the throttles let the rest be copied; without throttles, at the speed measured.";
    page.one("evenkeel_execution_remaining_seconds", help, |gauges| gauges.progress.as_ref()?.left_s);
    let help = "Bytes copied in a second, over the last minute.";
    page.one("evenkeel_execution_speed_bytes_per_second", help, |gauges| {
        gauges.progress.as_ref()?.speed_bytes_per_s.map(crate::base::BytesPerS::get)
    });
    page.gauge("evenkeel_execution_steps", "Steps of the plan, by state.", |gauges| {
        let Some(progress) = &gauges.progress else { return Vec::new() };
        let states = [
            ("pending", progress.steps_pending),
            ("in-flight", progress.steps_in_flight),
            ("done", progress.steps_done),
            ("dropped", progress.steps_dropped),
        ];
        states.map(|(state, steps)| (vec![("state", state.to_owned())], count(steps))).into()
    });
}

fn ends(page: &mut Page<'_>) {
    page.family(
        "evenkeel_executions_total",
        "counter",
        "Executions that ended since this process began, by how.",
        |gauges| {
            let ended = |end| gauges.ends.get(end).copied().unwrap_or_default();
            ENDS.map(|end| (vec![("end", end.to_owned())], real(ended(end)))).into()
        },
    );
    let help = "When the last of these ended.";
    page.one("evenkeel_execution_last_end_timestamp_seconds", help, |gauges| gauges.ended_at.map(seconds));
}

fn proposal(page: &mut Page<'_>) {
    let help = "When a better placement was looked for last.";
    page.one("evenkeel_proposal_timestamp_seconds", help, |gauges| {
        gauges.proposal.as_ref().map(|proposal| seconds(proposal.at))
    });
    page.gauge("evenkeel_proposal_outcome", "What came of that: 1 for what did.", |gauges| {
        let Some(proposal) = &gauges.proposal else { return Vec::new() };
        let labels = |outcome: Proposed| vec![("outcome", outcome.name().to_owned())];
        Proposed::ALL.map(|outcome| (labels(outcome), truth(outcome == proposal.outcome))).into()
    });
    let plan = |gauges: &ClusterGauges| gauges.proposal.clone().and_then(|proposal| proposal.plan);
    page.one("evenkeel_proposal_copied_bytes", "Bytes that the last plan copies.", |gauges| {
        plan(gauges).map(|plan| plan.copied.as_f64())
    });
    page.one("evenkeel_proposal_replica_moves", "Replicas that the last plan moves.", |gauges| {
        plan(gauges).map(|plan| count(plan.replica_moves))
    });
    let help = "Partitions whose leader the last plan changes.";
    page.one("evenkeel_proposal_leader_changes", help, |gauges| {
        plan(gauges).map(|plan| count(plan.leader_changes))
    });
}

fn goals(page: &mut Page<'_>) {
    let goals = |gauges: &ClusterGauges| {
        let plan = gauges.proposal.as_ref().and_then(|proposal| proposal.plan.as_ref());
        plan.map(|plan| plan.goals.clone()).unwrap_or_default()
    };
    page.gauge(
        "evenkeel_goal_met",
        "Whether the cluster met the goal, where that could be judged.",
        |gauges| {
            // Goals of one name in one tier are one sample, met when all are: two would spoil the page.
            let mut judged: BTreeMap<(String, String), bool> = BTreeMap::new();
            for (name, tier, met) in goals(gauges) {
                let Some(met) = met else { continue };
                *judged.entry((name, tier)).or_insert(true) &= met;
            }
            let labels = |(name, tier)| vec![("goal", name), ("tier", tier)];
            judged.into_iter().map(|(goal, met)| (labels(goal), truth(met))).collect()
        },
    );
    page.gauge("evenkeel_goals", "Goals, by whether the cluster met them.", |gauges| {
        let goals = goals(gauges);
        if goals.is_empty() {
            return Vec::new();
        }
        let states = [("met", Some(true)), ("not-met", Some(false)), ("not-ready", None)];
        let of = |met| goals.iter().filter(|(_, _, found)| *found == met).count();
        states.map(|(state, met)| (vec![("state", state.to_owned())], count(of(met)))).into()
    });
    let help = "Balancedness: the share of the goals that could be judged which the cluster met.";
    page.one("evenkeel_goals_met_ratio", help, |gauges| {
        let judged: Vec<bool> = goals(gauges).into_iter().filter_map(|(_, _, met)| met).collect();
        let met = judged.iter().filter(|met| **met).count();
        (!judged.is_empty()).then(|| count(met) / count(judged.len()))
    });
}

/// So many things that are lacking are told each by itself: topics may be thousands.
const ABSENCES_MAX: usize = 200;

/// Since when something is lacking.
fn absences(page: &mut Page<'_>) {
    let of = |gauges: &ClusterGauges, labels: fn(&Absent) -> Option<Labels>| {
        let since = |one: &Absence| Some((labels(&one.what)?, seconds(one.since)));
        gauges.absences.iter().filter_map(since).take(ABSENCES_MAX).collect()
    };
    let help = "Since when a goal is held back, because something that it needs is not known.";
    page.gauge("evenkeel_goal_held_back_since_timestamp_seconds", help, |gauges| {
        of(gauges, |what| match what {
            Absent::Goal { goal, tier } => Some(vec![("goal", goal.clone()), ("tier", tier.clone())]),
            Absent::Sight { .. } => None,
        })
    });
    let help = "Since when something of the cluster could not be seen, such as a broker's metrics.";
    page.gauge("evenkeel_observation_gap_since_timestamp_seconds", help, |gauges| {
        of(gauges, |what| match what {
            Absent::Sight { kind, subject } => {
                Some(vec![("kind", kind.name().to_owned()), ("subject", subject.clone())])
            }
            Absent::Goal { .. } => None,
        })
    });
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "counts and rates are far below 2^53")]
fn real(number: u64) -> f64 {
    number as f64
}

fn seconds(at: TimestampMs) -> f64 {
    real(at.0) / 1_000.0
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;

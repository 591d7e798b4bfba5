//! [`LiveFiles`]: the settings and goal files of a daemon, read again before each look and while something is carried
//! out. What is wrong with one of them is told once, and what was in force stays in force.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::planning::Pace;
use super::target::{goals_of, read_settings};
use super::{Failure, goals};
use crate::config::{ClusterSettings, ExecutionSettings, Mode, Settings};
use crate::control::ControllerSettings;
use crate::edge::store::Lock;
use crate::execute::OperatorRequest;
use crate::goals::GoalSet;

/// What the files say that may change while a daemon runs.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What is wanted of the cluster.
    pub goals: GoalSet,
    /// When to look, and how far to go.
    pub controller: ControllerSettings,
    /// How a plan is reckoned and run.
    pub pace: Pace,
    /// For how far ahead plans are made.
    pub plan_for: Option<Duration>,
}

/// A thing that can be wrong with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Settings,
    Goals,
    /// Something was changed that only a restart can put in force.
    Restart,
}

/// What a look at the files has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    GoalsChanged,
    SettingsChanged,
    Wrong(Place, Failure),
    RightAgain(Place),
}

/// The files of a cluster, and what of them is in force.
#[derive(Debug, Clone)]
pub struct Files {
    name: String,
    config: PathBuf,
    /// The clusters that the settings named at the start.
    names: BTreeSet<String>,
    cluster: ClusterSettings,
    in_force: InForce,
    wrong: BTreeMap<Place, Failure>,
}

impl Files {
    /// The files as they are at the start.
    ///
    /// # Errors
    /// The goal file cannot be read or is wrong.
    pub fn new(
        settings: &Settings,
        name: &str,
        cluster: &ClusterSettings,
        config: PathBuf,
    ) -> Result<Self, Failure> {
        let in_force = InForce {
            goals: goals::load(&goals_of(cluster, &config))?,
            controller: controller_settings(settings, cluster),
            pace: Pace::of(None, &cluster.execution),
            plan_for: cluster.plan_for,
        };
        let names = settings.clusters.keys().cloned().collect();
        let (name, cluster) = (name.to_owned(), cluster.clone());
        Ok(Self { name, config, names, cluster, in_force, wrong: BTreeMap::new() })
    }

    /// Reads them again. What is right is in force from now on; of what is wrong nothing is.
    fn look(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        match read_settings(&self.config) {
            Ok(settings) => {
                self.take(&settings, &mut news);
                self.set(Place::Settings, None, &mut news);
            }
            Err(failure) => self.set(Place::Settings, Some(failure), &mut news),
        }
        match goals::load(&goals_of(&self.cluster, &self.config)) {
            Ok(goals) => {
                if goals != self.in_force.goals {
                    self.in_force.goals = goals;
                    news.push(News::GoalsChanged);
                }
                self.set(Place::Goals, None, &mut news);
            }
            Err(failure) => self.set(Place::Goals, Some(failure), &mut news),
        }
        news
    }

    /// Takes from the settings what may change in a running daemon.
    fn take(&mut self, settings: &Settings, news: &mut Vec<News>) {
        let restart = |what: &str| {
            let message = format!("{}: {what} takes effect with the next start", self.config.display());
            Failure::usage(message).hint("a daemon that gets SIGTERM leaves at once and cancels nothing")
        };
        let Some(cluster) = settings.clusters.get(&self.name) else {
            let gone = restart(&format!("that `{}` is no longer named", self.name));
            self.set(Place::Restart, Some(gone), news);
            return;
        };
        let now = ClusterSettings {
            mode: cluster.mode,
            goals: cluster.goals.clone(),
            interval: cluster.interval,
            plan_for: cluster.plan_for,
            act: cluster.act.clone(),
            execution: ExecutionSettings {
                latency_objective: self.cluster.execution.latency_objective,
                canary: self.cluster.execution.canary,
                adjust_interval: self.cluster.execution.adjust_interval,
                ..cluster.execution.clone()
            },
            ..self.cluster.clone()
        };
        let others: BTreeSet<String> = settings.clusters.keys().cloned().collect();
        let late = match () {
            () if now != *cluster => {
                Some("what has changed of addresses, metrics, capacity, lease or latency-objective")
            }
            () if others != self.names => Some("that other clusters are named"),
            () => None,
        };
        let late = late.map(restart);
        let controller = controller_settings(settings, &now);
        let is_as_before = controller == self.in_force.controller
            && now.execution == self.cluster.execution
            && now.plan_for == self.in_force.plan_for;
        if !is_as_before {
            self.in_force.controller = controller;
            self.in_force.plan_for = now.plan_for;
            self.in_force.pace = Pace::of(None, &now.execution);
            news.push(News::SettingsChanged);
        }
        self.cluster = now;
        self.set(Place::Restart, late, news);
    }

    /// Takes note of what is wrong with a file, or that nothing is; news is only what was not so before.
    fn set(&mut self, place: Place, wrong: Option<Failure>, news: &mut Vec<News>) {
        let before = match &wrong {
            Some(failure) => self.wrong.insert(place, failure.clone()),
            None => self.wrong.remove(&place),
        };
        match (before, wrong) {
            (before, Some(now)) if before.as_ref() != Some(&now) => news.push(News::Wrong(place, now)),
            (Some(_), None) => news.push(News::RightAgain(place)),
            _ => {}
        }
    }

    /// What is wrong, in words, with what helps.
    fn troubles(&self) -> Vec<String> {
        let words = |failure: &Failure| match &failure.hint {
            Some(hint) => format!("{} ({hint})", failure.message),
            None => failure.message.clone(),
        };
        self.wrong.values().map(words).collect()
    }
}

/// What settings say of when to look and how far to go.
fn controller_settings(settings: &Settings, cluster: &ClusterSettings) -> ControllerSettings {
    let defaults = ControllerSettings::default();
    ControllerSettings {
        mode: cluster.mode,
        interval: cluster.interval.unwrap_or(settings.interval),
        rest: cluster.act.rest.unwrap_or(defaults.rest),
        bytes_most: cluster.act.bytes_most.or(defaults.bytes_most),
    }
}

/// The files of a cluster while a daemon looks after it, and the lock in which `status` reads what is wrong with them.
/// Clones are the same.
#[derive(Debug, Clone)]
pub struct LiveFiles(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    files: Files,
    lock: Option<Lock>,
}

impl LiveFiles {
    /// Follows files.
    pub fn new(files: Files) -> Self {
        Self(Rc::new(RefCell::new(State { files, lock: None })))
    }

    /// What is in force.
    pub fn in_force(&self) -> InForce {
        self.0.borrow().files.in_force.clone()
    }

    /// How far the daemon may go now.
    pub fn mode(&self) -> Mode {
        self.0.borrow().files.in_force.controller.mode
    }

    /// Keeps the lock that says that this daemon looks after the cluster.
    pub fn keep(&self, lock: Lock) {
        self.0.borrow_mut().lock = Some(lock);
    }

    /// Whether this daemon has that lock.
    pub fn has_lock(&self) -> bool {
        self.0.borrow().lock.is_some()
    }

    /// Reads the files again, and logs what is new about them. Returns whether other goals are in force than before.
    pub fn look(&self) -> bool {
        let mut state = self.0.borrow_mut();
        let news = state.files.look();
        for news in &news {
            self::tell(news);
        }
        let troubles = state.files.troubles();
        if let Some(lock) = state.lock.as_mut().filter(|lock| lock.troubles() != troubles) {
            lock.tell(troubles);
        }
        news.contains(&News::GoalsChanged)
    }

    /// For an execution whose plan serves the goals in force now: asks it to make way when others are.
    pub fn asks(&self) -> impl FnMut() -> Option<OperatorRequest> + use<> {
        let files = self.clone();
        move || files.look().then_some(OperatorRequest::OtherGoals)
    }
}

fn tell(news: &News) {
    match news {
        News::GoalsChanged => info!("the goals have changed: from now on plans are made by them"),
        News::SettingsChanged => info!("the settings have changed, and are in force"),
        News::Wrong(Place::Restart, failure) => warn!(hint = failure.hint.as_deref(), "{}", failure.message),
        News::Wrong(place, failure) => {
            let what = if *place == Place::Goals { "goals" } else { "settings" };
            error!(
                hint = failure.hint.as_deref(),
                "{}; the {what} as they were stay in force", failure.message
            );
        }
        News::RightAgain(Place::Goals) => info!("the goals can be read again"),
        News::RightAgain(Place::Settings) => info!("the settings can be read again"),
        News::RightAgain(Place::Restart) => info!("the settings are again those of the start"),
    }
}

#[cfg(test)]
#[path = "live_files_tests.rs"]
mod tests;

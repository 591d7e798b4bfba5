//! Files that change while a daemon runs: what is right is taken, what is wrong is told once.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::Mode;

const GOALS: &str = "format = \"evenkeel-goals/1\"\nname = \"own\"\ndescription = \"Ours.\"\n\n[[goal]]\n\
                     name = \"disk-balance\"\nrule = \"balance\"\nresource = \"disk\"\nband = 0.1\ntier = 1\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder can be made"));
        folder.write("own.toml", GOALS);
        folder.settings("mode = \"propose\"");
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("it can be written");
    }

    fn settings(&self, more: &str) {
        let text = format!("[clusters.a]\nbootstrap = \"b:1\"\ngoals = \"own.toml\"\n{more}\n");
        self.write("evenkeel.toml", &text);
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.0.path()).join(name).display().to_string()
    }

    fn files(&self) -> Files {
        let config = self.0.path().join("evenkeel.toml");
        let settings = read_settings(&config).expect("the settings are right");
        Files::new(&settings, "a", &settings.clusters["a"], config).expect("the goals are right")
    }
}

fn band(files: &Files) -> String {
    files.in_force.goals.goals[0].rule.in_words()
}

#[test]
fn edited_goals_are_in_force_from_the_next_look_on() {
    let folder = Folder::new();
    let mut files = folder.files();
    let before = band(&files);
    assert_eq!(files.look(), [], "nothing has changed");
    folder.write("own.toml", &format!("# a remark\n{GOALS}"));
    assert_eq!(files.look(), [], "the same goals in other words");
    folder.write("own.toml", &GOALS.replace("0.1", "0.3"));
    assert_eq!(files.look(), [News::GoalsChanged]);
    assert_ne!(band(&files), before);
    folder.settings("goals_ = 1");
    folder.settings("mode = \"propose\"");
    assert_eq!(files.look(), [], "told once");
}

#[test]
fn a_broken_goal_file_keeps_the_goals_and_is_told_once_with_line_and_mend() {
    let folder = Folder::new();
    let mut files = folder.files();
    let before = files.in_force.goals.clone();
    folder.write("own.toml", &GOALS.replace("band", "bnd"));
    let news = files.look();
    let [News::Wrong(Place::Goals, failure)] = &news[..] else { panic!("{news:?}") };
    assert!(failure.message.contains(&folder.path("own.toml")), "{failure:?}");
    assert!(failure.message.contains("line 9") && failure.message.contains("`bnd`"), "{failure:?}");
    assert_eq!(failure.hint.as_deref(), Some("did you mean `band`?"));
    assert_eq!(files.in_force.goals, before, "the old ones stay in force");
    assert_eq!(files.look(), [], "told once");
    let [trouble] = &files.troubles()[..] else { panic!("{:?}", files.troubles()) };
    assert!(trouble.contains("line 9") && trouble.contains("did you mean `band`?"), "{trouble}");

    std::fs::remove_file(folder.path("own.toml")).expect("it is there");
    assert!(matches!(&files.look()[..], [News::Wrong(Place::Goals, _)]), "another trouble is told too");
    folder.write("own.toml", GOALS);
    assert_eq!(files.look(), [News::RightAgain(Place::Goals)], "and the goals are what they were");
    assert!(files.troubles().is_empty());
}

#[test]
fn settings_that_may_change_do_and_others_wait_for_a_restart() {
    let folder = Folder::new();
    let mut files = folder.files();
    folder.settings("mode = \"act\"\ninterval = \"7s\"\nexecution.throttle = \"9MB\"\nact.rest = \"3s\"");
    assert_eq!(files.look(), [News::SettingsChanged]);
    let InForce { controller, pace, .. } = &files.in_force;
    assert_eq!((controller.mode, controller.interval), (Mode::Act, Duration::from_secs(7)));
    assert_eq!((controller.rest, pace.limits.throttle_bytes_per_s), (Duration::from_secs(3), 9_000_000));

    folder.settings(
        "mode = \"act\"\ninterval = \"7s\"\nexecution.throttle = \"9MB\"\nact.rest = \"3s\"\nlease = \"off\"",
    );
    let news = files.look();
    let [News::Wrong(Place::Restart, failure)] = &news[..] else { panic!("{news:?}") };
    assert!(failure.message.contains("takes effect with the next start"), "{failure:?}");
    assert_eq!(files.look(), [], "told once");

    folder.settings("mode = \"acts\"");
    let news = files.look();
    assert!(matches!(&news[..], [News::Wrong(Place::Settings, _)]), "{news:?}");
    assert_eq!(files.in_force.controller.mode, Mode::Act, "the old ones stay in force");
    assert_eq!(files.troubles().len(), 2, "{:?}", files.troubles());
    folder.settings("mode = \"propose\"");
    let news = files.look();
    let again = [Place::Restart, Place::Settings].map(News::RightAgain);
    assert_eq!(news, [&[News::SettingsChanged][..], &again].concat(), "back to what the start found");
}

//! Where the journal is kept: where a flag or the environment says, else the settings, else where it is usual.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Settings;

/// The state directory of a cluster of a settings file; a path in there is relative to the file.
pub fn choose(flag: Option<&Path>, settings: &Settings, settings_path: &Path) -> Option<PathBuf> {
    let folder = settings_path.parent().unwrap_or_else(|| Path::new(""));
    let set = settings.state_dir.as_ref().map(|path| folder.join(path));
    named(flag).or(set).or_else(usual)
}

/// The state directory of a cluster that no settings file names.
pub fn without_settings(flag: Option<&Path>) -> Option<PathBuf> {
    named(flag).or_else(usual)
}

/// The one that a flag names, or the environment.
fn named(flag: Option<&Path>) -> Option<PathBuf> {
    let of_environment = || std::env::var_os("EVENKEEL_STATE_DIR").filter(|value| !value.is_empty());
    flag.map(Path::to_owned).or_else(|| of_environment().map(PathBuf::from))
}

/// What is usual on the machine: `/var/lib/evenkeel` for root, else a folder of the user's.
fn usual() -> Option<PathBuf> {
    if is_root() {
        return Some(PathBuf::from("/var/lib/evenkeel"));
    }
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("evenkeel"))
}

/// Whether this process is root's: the owner of its own entry in `/proc`, or where there is none, the user's name.
fn is_root() -> bool {
    match std::fs::metadata("/proc/self") {
        Ok(own) => own.uid() == 0,
        Err(_) => std::env::var_os("USER").is_some_and(|user| user == "root"),
    }
}

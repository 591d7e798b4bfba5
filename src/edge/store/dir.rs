//! [`ClusterDir`]: the folder in which all that is known of one cluster is kept.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::base::DigestBuilder;

/// The folder of one cluster under a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDir {
    path: PathBuf,
}

/// The longest part of a cluster's id that goes into the name of a folder.
const NAME_MAX: usize = 100;

impl ClusterDir {
    /// The folder of the cluster with this id; a cluster without one is `unnamed`. Nothing is made yet.
    pub fn of(state_dir: &Path, cluster_id: Option<&str>) -> Self {
        Self { path: state_dir.join(folder_name(cluster_id.unwrap_or_default())) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.db")
    }

    /// Makes the folder, open to nobody else, and what is above it.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn make(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        // The names of new folders and files are durable only once their folder is.
        let above = self.path.parent().filter(|above| !above.as_os_str().is_empty());
        above.map_or(Ok(()), sync_dir)
    }

    /// Makes the names of the files in it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_dir(&self.path)
    }

    /// Whether something was ever written down here.
    pub fn has_journal(&self) -> bool {
        fs::metadata(self.journal()).is_ok_and(|file| file.len() > 0)
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A cluster's id as the name of a folder: Kafka's ids are base64url and stay as they are; anything else is escaped, so
/// that two ids never share a folder and none leaves the state directory.
fn folder_name(id: &str) -> String {
    if id.is_empty() {
        return "unnamed".to_owned();
    }
    let escaped = |(at, byte): (usize, u8)| {
        let plain = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || (byte == b'.' && at > 0);
        if plain { char::from(byte).to_string() } else { format!("%{byte:02x}") }
    };
    let name: String = id.bytes().enumerate().map(escaped).collect();
    if name != "unnamed" && name.len() <= NAME_MAX {
        return name;
    }
    let digest = DigestBuilder::new("cluster-id").text(id).finish();
    format!("{}%-{digest}", &name[..name.len().min(NAME_MAX - 34)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_names_of_folders_that_stay_where_they_belong() {
        assert_eq!(folder_name("5L6g3nShT-eMCtK--X86sw"), "5L6g3nShT-eMCtK--X86sw");
        assert_eq!(folder_name(""), "unnamed");
        assert_eq!(folder_name("../etc"), "%2e.%2fetc");
        assert_eq!(folder_name(".."), "%2e.");
        assert_ne!(folder_name("unnamed"), "unnamed");
        let (long, longer) = ("x".repeat(300), "x".repeat(301));
        assert!(folder_name(&long).len() <= NAME_MAX);
        assert_ne!(folder_name(&long), folder_name(&longer));
    }
}

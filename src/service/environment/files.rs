//! Links in files of a node: one for each kind of service that there is a link to, such as
//! `/run/conpaas/links/mysql.env`, with a line `NAME=value` for each variable.
//!
//! The directory does not outlive the node's power. Whoever keeps the variables writes the files again at each start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::variables::PREFIX;
use crate::api::environment::Variables;
use crate::service::account;
use crate::service::error::MethodError;
use crate::sys::file;

const DIRECTORY: &str = "/run/conpaas/links";

/// Where a node keeps the files of its links.
#[derive(Debug, Clone)]
pub(crate) struct LinkFiles {
    directory: PathBuf,
    /// Who may read them besides root.
    account: Option<String>,
}

impl LinkFiles {
    /// Returns the files of a node whose root is `root`; the programs of `account` may read them.
    #[must_use]
    pub(crate) fn new(root: &Path, account: Option<String>) -> Self {
        LinkFiles { directory: root.join(DIRECTORY.trim_start_matches('/')), account }
    }

    /// Writes the files of the links that are in an environment, and removes all others. Blocking.
    ///
    /// # Errors
    /// Returns an error if the disk does not take them.
    pub(crate) fn write(&self, environment: &Variables) -> Result<(), MethodError> {
        let texts = texts(environment);
        if texts.is_empty() && !self.directory.exists() {
            return Ok(());
        }
        file::ensure_passable_directory(&self.directory)?;
        for (name, text) in &texts {
            let path = self.directory.join(name);
            // Nobody else can open the file before it has its owner.
            file::write_atomic(&path, text.as_bytes(), 0o640)?;
            if let Some(account) = &self.account {
                account::give(&path, account)?;
            }
        }
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if !texts.keys().any(|name| entry.file_name() == name.as_str()) {
                file::ensure_absent(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Returns the content of each file by its name.
fn texts(environment: &Variables) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &environment.0 {
        let Some((kind, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else { continue };
        let text = texts.entry(format!("{}.env", kind.to_ascii_lowercase())).or_default();
        text.push_str(&format!("{name}={value}\n"));
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_link_has_a_file_that_goes_with_it() {
        let root = tempfile::tempdir().unwrap();
        let files = LinkFiles::new(root.path(), None);
        let own = ("SITE".to_owned(), "x".to_owned());
        files.write(&Variables([own.clone()].into())).unwrap();
        assert!(!root.path().join("run").exists(), "no link, no file");
        let link = ("CONPAAS_MYSQL_HOST".to_owned(), "10.0.0.2".to_owned());
        files.write(&Variables([own, link].into())).unwrap();
        let path = root.path().join("run/conpaas/links/mysql.env");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "CONPAAS_MYSQL_HOST=10.0.0.2\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        files.write(&Variables::default()).unwrap();
        assert!(!path.exists());
    }
}

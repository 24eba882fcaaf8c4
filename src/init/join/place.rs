//! Where a node's files are below the directory that stands for its `/`.

use std::path::{Path, PathBuf};

use crate::config::NODE_CONFIG_PATH;

/// The file that says what the node is.
pub(crate) fn config_path(root: &Path) -> PathBuf {
    beneath(root, Path::new(NODE_CONFIG_PATH))
}

/// An absolute path of the node, below `root`.
pub(crate) fn beneath(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_of_the_node_stays_below_its_root() {
        assert_eq!(beneath(Path::new("/n"), Path::new("/root/x")), Path::new("/n/root/x"));
        assert_eq!(beneath(Path::new("/"), Path::new("/root/x")), Path::new("/root/x"));
    }
}

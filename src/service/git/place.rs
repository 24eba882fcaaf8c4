//! Where the repository, its door and what guards them lie, inside the manager's node.

/// The account as which users push.
pub(crate) const ACCOUNT: &str = "git";
/// The repository, which the account owns.
pub(crate) const REPOSITORY: &str = "/home/git/code";
/// By which name users clone it: its path in the home of the account.
pub(crate) const NAME: &str = "code";
/// The keys that may push. They belong to root.
pub(crate) const KEYS: &str = "/home/git/.ssh/authorized_keys";
/// The key by which users know the manager's node.
pub(crate) const HOST_KEY: &str = "/etc/conpaas/ssh/ssh_host_ed25519_key";
/// What git reads besides the repository, and nobody who pushes can write.
pub(crate) const DIRECTORY: &str = "/etc/conpaas/git";
/// The hooks of the repository.
pub(crate) const HOOKS: &str = "/etc/conpaas/git/hooks";
/// What git is told by the manager.
pub(crate) const CONFIGURATION: &str = "/etc/conpaas/git/gitconfig";
/// What a push may bring.
pub(crate) const RULES: &str = "/etc/conpaas/git/rules.json";
/// What lasts until the next boot. The account may walk through it.
pub(crate) const RUN: &str = "/run/conpaas-git";
/// Where hooks tell the manager of a push.
pub(crate) const SOCKET: &str = "/run/conpaas-git/push.sock";
/// Directories that are locked by who fetches or pushes. The account owns it.
pub(crate) const SLOTS: &str = "/run/conpaas-git/slots";
/// The port of the SSH server.
pub(crate) const PORT: u16 = 22;

/// Returns what git has to be told, so that it reads the configuration of this directory only.
#[must_use]
pub(crate) fn environment() -> [(&'static str, &'static str); 3] {
    [("GIT_CONFIG_SYSTEM", CONFIGURATION), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")]
}

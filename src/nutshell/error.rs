//! Why a nutshell did not do what was asked, for people.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::sys::file::FileError;
use crate::sys::program::ProgramError;

/// Why the nutshell did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NutshellError {
    /// Containers need root.
    #[error("containers need root: run it with sudo, or let nodes be plain processes of yours with --cloud process")]
    NotRoot,
    /// A network namespace is for containers only.
    #[error("--netns needs root and --cloud lxc: plain processes listen on 127.0.0.0/8 only")]
    NamespaceForProcesses,
    /// A name that cannot name a namespace.
    #[error("'{0}' cannot name a network namespace: use letters, digits, '-' and '_', at most 32")]
    NamespaceName(String),
    /// How to reach an OpenStack cannot be guessed.
    #[error(
        "--cloud openstack needs --section FILE with the options of [iaas], such as HOST and USER: see docs/openstack.md"
    )]
    NoSection,
    /// The containers' root file system is not there.
    #[error("there is no root file system for containers in {}: make it with `conpaas image build services --to {}`", .0.display(), .0.display())]
    NoImage(PathBuf),
    /// The home directory of the caller is unknown.
    #[error("the environment names no HOME to keep the nutshell in")]
    NoHome,
    /// Asked for something that needs a director.
    #[error("the nutshell is not up: run `conpaas nutshell up`")]
    NotUp,
    /// The director or the web frontend ended instead of starting.
    #[error("it did not start; the end of {}:\n{tail}", log.display())]
    Ended {
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The director or the web frontend did not say that it is ready.
    #[error("it did not say within {limit_s} s that it is ready; see {}", log.display())]
    Silent {
        /// Its log.
        log: PathBuf,
        /// The time it had.
        limit_s: u64,
    },
    /// A command answered something that was not expected.
    #[error("`conpaas {command}` answered what was not expected: {answer}")]
    Answer {
        /// The command.
        command: String,
        /// What it answered.
        answer: String,
    },
    /// A page of the program could not be fetched.
    #[error("the program does not answer on {url}: {reason}")]
    Page {
        /// The page.
        url: String,
        /// Why.
        reason: String,
    },
    /// Something is left after `down`.
    #[error("not all of the nutshell is gone: {0}")]
    Left(String),
    /// A command of this program failed.
    #[error("`conpaas {command}` failed: {said}")]
    Command {
        /// The command.
        command: String,
        /// The end of what it said, on one line.
        said: String,
    },
    /// A cloud failed.
    #[error(transparent)]
    Cloud(#[from] crate::cloud::CloudError),
    /// A program failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The director's configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl NutshellError {
    /// Returns the error of a command whose answer was not expected.
    pub(crate) fn unexpected(words: &[&str], answer: impl Into<String>) -> Self {
        NutshellError::Answer { command: words.join(" "), answer: answer.into() }
    }
}

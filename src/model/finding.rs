//! What a check of a machine or a cloud found.

/// One line of a cloud's own examination (`conpaas director check`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Good, or what is wrong.
    pub verdict: Verdict,
    /// What was looked at and what was seen.
    pub text: String,
    /// What to do about it; empty when nothing is wrong.
    pub remedy: String,
}

impl Finding {
    /// What is as it should be.
    #[must_use]
    pub fn good(text: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Good, text: text.into(), remedy: String::new() }
    }

    /// What works, but should be looked at.
    #[must_use]
    pub fn warning(text: impl Into<String>, remedy: &str) -> Self {
        Finding { verdict: Verdict::Warning, text: text.into(), remedy: remedy.to_owned() }
    }

    /// What will not work.
    #[must_use]
    pub fn bad(text: impl Into<String>, remedy: &str) -> Self {
        Finding { verdict: Verdict::Bad, text: text.into(), remedy: remedy.to_owned() }
    }
}

/// How a finding is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but look at it.
    Warning,
    /// Will not work.
    Bad,
}

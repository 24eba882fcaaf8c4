//! What a node is to be, by its context.

/// The context; written before the node boots, or when it joins.
pub(crate) const CONTEXT: &str = "/root/config.cfg";

/// The sub-command for the first section that names one.
pub(crate) fn role_of(context: &str) -> Option<&'static str> {
    context.lines().find_map(|line| match line.trim() {
        "[manager]" => Some("manager"),
        "[agent]" => Some("agent"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_the_context_names_the_role() {
        assert_eq!(role_of("# x\n[manager]\nA = 1\n"), Some("manager"));
        assert_eq!(role_of("[other]\n [agent] \n"), Some("agent"));
        assert_eq!(role_of("manager\nA = [agent]\n"), None);
    }
}

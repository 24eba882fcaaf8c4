//! service
/// x
pub fn kind_names() -> Vec<&'static str> {
    vec!["generic", "helloworld"]
}
/// x
pub fn agent_settings(
    _: &str,
    c: &std::collections::BTreeMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    c.clone()
}

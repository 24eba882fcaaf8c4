//! Servers that a proxy does not pass requests on to any more.

use crate::api::web::{HttpProxy, Server};

/// Returns whether requests may be on their way to a server that `after` does not know any more.
pub(super) fn drops_servers(before: Option<&HttpProxy>, after: Option<&HttpProxy>) -> bool {
    let servers = |proxy: &HttpProxy| -> Vec<(std::net::Ipv4Addr, u16)> {
        let lists = [&proxy.web_list, &proxy.fpm_list, &proxy.tomcat_list];
        let used = lists.into_iter().flatten().filter(|server: &&Server| server.weight > 0);
        used.map(|server| (server.ip, server.port)).collect()
    };
    let after = after.map(servers).unwrap_or_default();
    before.map(servers).unwrap_or_default().iter().any(|server| !after.contains(server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::web::Hooks;

    fn proxy(backends: &[(u8, u32)]) -> HttpProxy {
        let server = |(last, weight): &(u8, u32)| Server { ip: [10, 0, 0, *last].into(), port: 9000, weight: *weight };
        HttpProxy {
            port: 80,
            code_version: "code-a".to_owned(),
            cdn: false,
            web_list: Vec::new(),
            fpm_list: backends.iter().map(server).collect(),
            tomcat_list: Vec::new(),
            tomcat_servlets: Vec::new(),
            max_body_mb: 8,
            document_root: None,
            hooks: Hooks::default(),
        }
    }

    #[test]
    fn only_a_server_that_got_requests_and_gets_none_any_more_is_waited_for() {
        let drops = |before: &[(u8, u32)], after| drops_servers(Some(&proxy(before)), Some(&proxy(after)));
        assert!(!drops(&[(2, 1)], &[(2, 5), (3, 1)]));
        assert!(drops(&[(2, 1), (3, 1)], &[(3, 1)]));
        assert!(drops(&[(2, 1), (3, 1)], &[(2, 0), (3, 1)]));
        assert!(!drops(&[(2, 0), (3, 1)], &[(3, 1)]));
        assert!(!drops_servers(None, Some(&proxy(&[(2, 1)]))));
        assert!(drops_servers(Some(&proxy(&[(2, 1)])), None));
    }
}

//! The logs of a node of a web service, by its roles.

use crate::service::log_file::LogFile;

const PROXY_ACCESS: LogFile = LogFile {
    filename: "nginx-proxy-access.log",
    description: "Nginx proxy access",
    path: "/var/cache/cpsagent/nginx-proxy-access.log",
};
const PROXY_ERROR: LogFile = LogFile {
    filename: "nginx-proxy-error.log",
    description: "Nginx proxy error",
    path: "/var/cache/cpsagent/nginx-proxy-error.log",
};
const WEB_ACCESS: LogFile = LogFile {
    filename: "nginx-static-access.log",
    description: "Nginx web access",
    path: "/var/cache/cpsagent/nginx-static-access.log",
};
const WEB_ERROR: LogFile = LogFile {
    filename: "nginx-static-error.log",
    description: "Nginx web error",
    path: "/var/cache/cpsagent/nginx-static-error.log",
};
const PHP_ACCESS: LogFile =
    LogFile { filename: "fpm-access.log", description: "PHP access", path: "/var/cache/cpsagent/fpm-access.log" };
const PHP_ERROR: LogFile =
    LogFile { filename: "fpm-error.log", description: "PHP error", path: "/var/cache/cpsagent/fpm-error.log" };

const TOMCAT_ACCESS: LogFile = LogFile {
    filename: "access_log.txt",
    description: "Tomcat access",
    path: "/var/cache/cpsagent/tomcat_instance/logs/localhost_access_log.txt",
};
const TOMCAT_OUTPUT: LogFile =
    LogFile { filename: "catalina.out", description: "Tomcat output", path: "/var/tmp/cpsagent/daemons/tomcat/stderr" };

/// All logs that a node of a web service may write.
pub(super) const ALL: &[LogFile] =
    &[PROXY_ACCESS, PROXY_ERROR, WEB_ACCESS, WEB_ERROR, PHP_ACCESS, PHP_ERROR, TOMCAT_ACCESS, TOMCAT_OUTPUT];

/// Returns the logs of a node of a php service by its recorded role, such as `proxybackendweb`.
#[must_use]
pub(crate) fn php_logs(role: &str) -> &'static [LogFile] {
    match role {
        "proxybackendweb" => &[PROXY_ACCESS, PROXY_ERROR, WEB_ACCESS, WEB_ERROR, PHP_ACCESS, PHP_ERROR],
        "proxybackend" => &[PROXY_ACCESS, PROXY_ERROR, PHP_ACCESS, PHP_ERROR],
        "backend" => &[PHP_ACCESS, PHP_ERROR],
        _ => without_backend(role),
    }
}

/// Returns the logs of a node of a java service by its recorded role.
#[must_use]
pub(crate) fn java_logs(role: &str) -> &'static [LogFile] {
    match role {
        "proxybackendweb" => &[PROXY_ACCESS, PROXY_ERROR, WEB_ACCESS, WEB_ERROR, TOMCAT_ACCESS, TOMCAT_OUTPUT],
        "proxybackend" => &[PROXY_ACCESS, PROXY_ERROR, TOMCAT_ACCESS, TOMCAT_OUTPUT],
        "backend" => &[TOMCAT_ACCESS, TOMCAT_OUTPUT],
        _ => without_backend(role),
    }
}

fn without_backend(role: &str) -> &'static [LogFile] {
    match role {
        "proxyweb" => &[PROXY_ACCESS, PROXY_ERROR, WEB_ACCESS, WEB_ERROR],
        "proxy" => &[PROXY_ACCESS, PROXY_ERROR],
        "web" => &[WEB_ACCESS, WEB_ERROR],
        _ => &[],
    }
}

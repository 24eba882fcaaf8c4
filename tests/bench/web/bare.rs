//! nginx and php-fpm as Debian configures them, in a container of the cloud that the site has, too.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, ensure};

use super::node::Node;

/// Where it listens.
pub(super) const PORT: u16 = 8088;

const CONFIGURATION: &str = include_str!("bare.conf");
/// Starts both in the background. They end with the node.
const START: &str = r#"
set -eu
version=$(ls /usr/sbin | sed -n 's/^php-fpm//p')
mkdir -p /run/php /srv/bare /var/log/nginx
printf %s "$1" > /srv/bare/index.php
printf %s "$2" > /srv/bare/style.css
mkdir -p /etc/nginx
sed "s/@VERSION@/$version/" > /etc/nginx/bare.conf
"php-fpm$version" --daemonize > /var/log/bare 2>&1
nginx -c /etc/nginx/bare.conf >> /var/log/bare 2>&1 || { cat /var/log/bare; exit 1; }
"#;

/// Has a node serve these files, besides what it serves already.
pub(super) fn start(node: &Node, page: &str, style: &str) -> anyhow::Result<()> {
    let script = format!("set -- '{page}' '{style}'\n{START}");
    let mut command = node.command(&script)?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("its input is a pipe")?.write_all(CONFIGURATION.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "nginx and php-fpm do not start: {}", String::from_utf8_lossy(&said));
    Ok(())
}

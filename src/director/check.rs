//! `conpaas director check`: finds misconfiguration and says the remedy.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::future::join_all;

use super::clouds::Clouds;
use super::host::check_host;
use super::node::stop::StopMark;
use super::orphan;
use super::renewal::authority_end;
use super::reserve::Reserve;
use super::state::Director;
use crate::clock::{self, Clock, ClockSettings, ClockVerdict};
use crate::cloud::{Cloud, RepairOptions};
use crate::config::{CloudConfig, DirectorConfig, DriverConfig};
use crate::model::Finding;
use crate::pki::{Authority, Credentials};
use crate::store;
use crate::sys::{blocking, chain, file};

const MIN_FREE_MB: u64 = 500;
const SOON_SECONDS: i64 = 30 * 24 * 3600;

/// Makes what the clouds of the director at `director_cfg` lack, as far as a
/// program can know what it should be; `image` is the file of the image that
/// nodes start from. Returns what was done, or could not be.
pub(crate) async fn repair(director_cfg: &Path, image: Option<&Path>) -> Vec<Finding> {
    // What is wrong with either is told by the check.
    let Ok(config) = DirectorConfig::read(director_cfg) else { return Vec::new() };
    let Ok(authority) = Authority::load(&config.cert_dir) else { return Vec::new() };
    let Ok(clouds) = Clouds::new(&config, authority.certificate_pem()) else { return Vec::new() };
    let key_directory = director_cfg.parent().unwrap_or(Path::new("/"));
    let mut findings = Vec::new();
    for cloud in clouds.all() {
        findings.extend(named(&**cloud, cloud.repair(&RepairOptions { image, key_directory }).await));
    }
    findings
}

/// Looks at everything that the director at `director_cfg` needs. Changes nothing.
pub(crate) async fn check(director_cfg: &Path) -> Vec<Finding> {
    let config = match DirectorConfig::read(director_cfg) {
        Ok(config) => config,
        Err(error) => {
            let remedy = "mend the file, or make one with 'conpaas director init --hostname <name>'";
            return vec![Finding::bad(chain(&error), remedy)];
        }
    };
    let mut findings = vec![Finding::good(format!("{} is readable", director_cfg.display()))];
    findings.extend(secrecy(&config));
    findings.extend(certificates(&config));
    findings.extend(host(&config).await);
    findings.extend(ways_out(&config));
    findings.push(clock_verdict(&config).await);
    findings.extend(database(&config));
    findings.push(port(&config).await);
    findings.push(disk(&config.state_dir));
    findings.extend(reserve(&config));
    findings.extend(stopped_nodes(&config));
    // Without an authority, which is told above, the clouds are looked at all the same.
    let authority = Authority::load(&config.cert_dir);
    let authority_pem = authority.as_ref().map_or("", Authority::certificate_pem);
    match Clouds::new(&config, authority_pem) {
        Err(error) => findings.push(Finding::bad(chain(&error), "mend the cloud's section in director.cfg")),
        Ok(clouds) => {
            let looks = clouds.all().map(|cloud| async move { (cloud, cloud.check().await) });
            for (cloud, found) in join_all(looks).await {
                findings.extend(named(&**cloud, found));
            }
        }
    }
    findings
}

/// Looks at everything that a director that runs may lack. Changes nothing.
pub(crate) async fn of_running(director: &Director) -> Vec<Finding> {
    let config = &director.config;
    let mut findings = Vec::new();
    let own = config.clone();
    let looked = blocking(move || {
        let mut findings: Vec<Finding> = secrecy(&own).into_iter().collect();
        findings.extend(certificates(&own));
        findings.push(disk(&own.state_dir));
        findings.extend(reserve(&own));
        findings.extend(stopped_nodes(&own));
        findings
    });
    findings.extend(looked.await);
    findings.extend(host(config).await);
    findings.extend(ways_out(config));
    findings.push(clock_verdict(config).await);
    let looks = director.clouds.all().map(|cloud| async move { (cloud, cloud.check().await) });
    for (cloud, found) in join_all(looks).await {
        findings.extend(named(&**cloud, found));
    }
    findings
}

/// Says of which cloud the findings are.
fn named(cloud: &dyn Cloud, found: Vec<Finding>) -> impl Iterator<Item = Finding> {
    let prefix = format!("cloud {} ({})", cloud.name().shown(), cloud.driver());
    found.into_iter().map(move |finding| Finding { text: format!("{prefix}: {}", finding.text), ..finding })
}

/// The passwords of clouds are for the director's eyes alone.
fn secrecy(config: &DirectorConfig) -> Option<Finding> {
    let holder = config.clouds.iter().find(|cloud| cloud.driver.has_secret())?;
    let others = std::fs::metadata(&config.file).ok()?.permissions().mode() & 0o077;
    let text = format!("{} holds the password of cloud {}", config.file.display(), holder.name);
    Some(if others == 0 {
        Finding::good(format!("{text}, and only its owner may read it"))
    } else {
        Finding::warning(format!("{text}, and others than its owner may read it"), "run 'chmod 600' on it")
    })
}

fn certificates(config: &DirectorConfig) -> Vec<Finding> {
    let init = "run 'conpaas director init --hostname <name>'";
    let mut findings = Vec::new();
    match Authority::load(&config.cert_dir) {
        Err(error) => findings.push(Finding::bad(chain(&error), init)),
        Ok(authority) => findings.push(authority_end(&authority, chrono::Utc::now().timestamp())),
    }
    let identity = Credentials::load(&config.cert_dir).and_then(|credentials| credentials.identity());
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            findings.push(Finding::bad(chain(&error), init));
            return findings;
        }
    };
    let name = &identity.subject.common_name;
    match &config.director_url {
        None => findings.push(Finding::bad("DIRECTOR_URL is not set", init)),
        Some(url) if url.host() == name => {
            findings.push(Finding::good(format!("the host name of DIRECTOR_URL matches the certificate: {name}")));
        }
        Some(url) => findings.push(Finding::bad(
            format!("the host name of DIRECTOR_URL, {}, does not match the certificate's, {name}", url.host()),
            "run 'conpaas director init --hostname <name>' with the right name",
        )),
    }
    let left = identity.not_after - chrono::Utc::now().timestamp();
    let days = left / (24 * 3600);
    findings.push(match left {
        ..=0 => Finding::bad(format!("the director's certificate expired {} days ago", -days), "run 'conpaas renew'"),
        1..=SOON_SECONDS => {
            Finding::warning(format!("the director's certificate expires in {days} days"), "run 'conpaas renew'")
        }
        _ => Finding::good(format!("the director's certificate is valid for {days} days")),
    });
    findings
}

/// Says what keeps nodes from calling the director.
async fn host(config: &DirectorConfig) -> Option<Finding> {
    let own = config.clone();
    let url = config.director_url.as_ref()?;
    Some(match blocking(move || check_host(&own)).await {
        Ok(()) => Finding::good(format!("nodes can call {url}")),
        Err(error) => {
            Finding::bad(error.to_string(), "run 'conpaas director init --hostname <name>' with a right name")
        }
    })
}

/// A manager in a container calls the nodes of its service wherever they are.
fn ways_out(config: &DirectorConfig) -> Vec<Finding> {
    let is_remote = |cloud: &&CloudConfig| matches!(cloud.driver, DriverConfig::Ec2(_) | DriverConfig::OpenStack(_));
    let Some(remote) = config.clouds.iter().find(is_remote) else { return Vec::new() };
    let shut_in = |cloud: &&CloudConfig| matches!(&cloud.driver, DriverConfig::Lxc(lxc) if !lxc.is_nat);
    let told = |cloud: &CloudConfig| {
        let text = format!(
            "containers of cloud [{}] do not reach nodes of cloud [{}]: a service with nodes in both does not start",
            cloud.name, remote.name
        );
        Finding::warning(text, &format!("set NAT = true in [{}], or keep each application in one cloud", cloud.name))
    };
    config.clouds.iter().filter(shut_in).map(told).collect()
}

async fn clock_verdict(config: &DirectorConfig) -> Finding {
    let settings = ClockSettings {
        is_server_required: config.clock.is_server_required,
        max_offset: config.clock.max_offset,
        record: Some(super::time_record::time_record(&config.state_dir)),
        ..ClockSettings::new(config.clock.time_servers.clone())
    };
    let verdict = clock::check(&settings, &Clock::system()).await;
    let text = verdict.to_string();
    match verdict {
        ClockVerdict::Right { .. } => Finding::good(text),
        ClockVerdict::Unchecked(_) => Finding::warning(
            text,
            "fine where chronyd keeps the clock; else name a time server in [director] TIME_SERVERS",
        ),
        _ => Finding::bad(text, "set the clock, or start the director once with --step-clock"),
    }
}

fn database(config: &DirectorConfig) -> Vec<Finding> {
    if !config.database.exists() {
        return vec![Finding::bad(
            format!("there is no database {}", config.database.display()),
            "put a backup back with 'conpaas director restore FILE', or run 'conpaas director init --hostname <name>'",
        )];
    }
    let store = match store::director::open(&config.database) {
        Ok(store) => store,
        Err(error) => return vec![Finding::bad(chain(&error), "check the file and its owner")],
    };
    let restore = "put a backup back with 'conpaas director restore FILE'";
    let mut findings = vec![match store.check() {
        Ok(()) => Finding::good(format!("the database {} is usable", config.database.display())),
        Err(error) => Finding::bad(chain(&error), restore),
    }];
    match store.write_blocking(store::director::unreadable) {
        Ok(rows) => findings.extend(rows.into_iter().map(|row| Finding::bad(row, restore))),
        Err(error) => findings.push(Finding::bad(chain(&error), restore)),
    }
    findings.extend(orphan::findings(config, &store));
    findings
}

/// Either nobody listens there, so that a director can, or a director does.
async fn port(config: &DirectorConfig) -> Finding {
    match tokio::net::TcpListener::bind(config.listen).await {
        Ok(_free) => Finding::good(format!("{} is free for the director", config.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::warning(
            format!("{} is in use", config.listen),
            "fine if it is this director; else set [director] LISTEN",
        ),
        Err(error) => Finding::bad(format!("cannot listen on {}: {error}", config.listen), "set [director] LISTEN"),
    }
}

/// Before the first start there is none yet.
fn reserve(config: &DirectorConfig) -> Option<Finding> {
    let reserve = Reserve::new(&config.state_dir, config.reserve_bytes);
    if !config.state_dir.exists() {
        return None;
    }
    Some(match reserve.is_kept() {
        Ok(true) => Finding::good(format!("{} keeps room for what frees room", reserve.file().display())),
        Ok(false) => Finding::warning(
            format!("{} keeps no room for what frees room", reserve.file().display()),
            "fine before the first start; else free some room, and the director keeps it",
        ),
        Err(error) => Finding::bad(chain(&error), "check the directory"),
    })
}

fn stopped_nodes(config: &DirectorConfig) -> Option<Finding> {
    let is_set = StopMark::new(&config.state_dir).is_set();
    is_set.then(|| {
        let text = "'conpaas director stop-nodes' has stopped the nodes, and they stay stopped";
        Finding::warning(text, "run 'conpaas director start-nodes', or start the director again")
    })
}

fn disk(directory: &Path) -> Finding {
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match file::free_bytes(existing) {
        Ok(free) => {
            let free_mb = free >> 20;
            let text = format!("{free_mb} MB are free for {}", directory.display());
            if free_mb < MIN_FREE_MB {
                Finding::warning(text, "free some room, or set [director] STATE_DIR")
            } else {
                Finding::good(text)
            }
        }
        Err(error) => Finding::bad(chain(&error), "check the directory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_that_reach_no_other_cloud_are_named() {
        let found = |text: &str| ways_out(&DirectorConfig::parse(Path::new("/x"), text).unwrap());
        let remote = "[far]\nDRIVER = ec2\nUSER = k\nPASSWORD = s\nIMAGE_ID = ami-1\nSIZE_ID = t4g.small\n\
            SECURITY_GROUP_NAME = sg\nKEY_NAME = k\nREGION = eu-west-1\n";
        let both = |nat: &str| format!("[iaas]\nDRIVER = lxc\nOTHER_CLOUDS = far\n{nat}{remote}");
        assert!(found("[iaas]\nDRIVER = lxc\n").is_empty(), "nothing else is there to be reached");
        assert!(found(&both("NAT = true\n")).is_empty());
        let [finding] = found(&both("")).try_into().unwrap();
        assert!(finding.text.contains("[iaas]") && finding.text.contains("[far]"), "{}", finding.text);
    }
}

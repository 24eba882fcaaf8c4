//! What is published: desired state, which every ingress carries out.
//!
//! # Guarantees
//! - Nothing is reachable that its owner did not publish. A name is one tenant's: the first one's.
//! - A port and a name stay with their service until it is unpublished or removed; both survive a stop.
//! - An ingress passes requests on to nodes of the service alone, whatever its manager says.
//!
//! Must not know: requests and answers, how an ingress works.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

use sha_crypt::{PasswordHasher, ShaCrypt};
use tokio::time::Instant;

use super::application::owned;
use super::asker::Asker;
use super::change::{self, Found};
use super::error::Failure;
use super::node::request::unusable;
use super::state::Director;
use crate::api::manager::LogText;
use crate::api::{DoorView, IngressSite, IngressView, PublishedView, SiteState, texts};
use crate::config::DirectorConfig;
use crate::model::{ApplicationId, Protocol, PublishedName, ServiceId, State, UserId};
use crate::service as kinds;
use crate::store::director::published::{Door, Published};
use crate::store::director::service::Service;
use crate::store::director::{application, published, service};
use crate::store::{StoreError, Transaction};
use crate::sys;
use crate::sys::fingerprint::fingerprint;
use crate::sys::random;

/// What one user may publish.
const MAX_OF_USER: usize = 50;
/// Nodes of one application, and more.
const MAX_DOORS: usize = 1024;
const MAX_PASSWORD_BYTES: usize = 128;
/// How often it is looked whether every ingress has heard of a change.
const LOOK: Duration = Duration::from_millis(250);

/// What is to be published of a service; what is `None` stays as it is, or gets its default.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) port: Option<u16>,
    pub(crate) target: Option<u16>,
    pub(crate) name: Option<PublishedName>,
    pub(crate) auth: Option<Auth>,
    pub(crate) is_in_maintenance: Option<bool>,
    pub(crate) is_https_forced: Option<bool>,
}

/// Who is let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// Everybody.
    Nobody,
    /// Who knows this name and password.
    Password(String, String),
}

/// Publishes a service, or changes how it is published.
pub(crate) async fn publish(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    sid: ServiceId,
    mut wish: Wish,
) -> Result<PublishedView, Failure> {
    director.reserve.check_room().await?;
    let auth = match wish.auth.take() {
        Some(Auth::Password(user, password)) => {
            check_account(&user, &password)?;
            let hash = sys::blocking(move || hash(&password)).await?;
            Some(Some((user, hash)))
        }
        Some(Auth::Nobody) => Some(None),
        None => None,
    };
    refuse_machine(&director.config, wish.name.as_ref())?;
    let ports = director.config.published_ports.clone();
    let stored = director.store.write(move |tx| {
        let app = owned(tx, aid, uid)?;
        service::get(tx, aid, sid)?.ok_or_else(|| Failure::application(texts::INVALID_SERVICE_ID))?;
        let before = published::get(tx, aid, sid)?;
        if before.is_none() && published::of_user(tx, uid)?.len() >= MAX_OF_USER {
            return Err(Failure::Application(format!(
                "You have published {MAX_OF_USER} services: unpublish one first"
            )));
        }
        let held = before.as_ref();
        let row = Published {
            number: 0,
            aid,
            sid,
            protocol: wish.protocol.or(held.map(|row| row.protocol)).unwrap_or(Protocol::Http),
            port: choose_port(tx, held, wish.port, ports)?,
            name: choose_name(tx, held, wish.name)?,
            target: wish.target.or(held.and_then(|row| row.target)),
            auth: auth.unwrap_or_else(|| held.and_then(|row| row.auth.clone())),
            is_in_maintenance: wish.is_in_maintenance.or(held.map(|row| row.is_in_maintenance)).unwrap_or_default(),
            is_https_forced: wish.is_https_forced.or(held.map(|row| row.is_https_forced)).unwrap_or_default(),
        };
        if row.protocol == Protocol::Tcp && (row.name.is_some() || row.auth.is_some()) {
            return Err(unusable("protocol", "over TCP there is neither a name nor a password: it has a port only"));
        }
        published::put(tx, &row)?;
        Ok((published::get(tx, aid, sid)?.unwrap_or(row), app.name))
    });
    let (row, app_name) = stored.await?;
    tracing::info!(app.id = aid.0, service.id = sid.0, port = row.port, "service published");
    Ok(view(director, &row, &app_name))
}

/// Publishes a service that was just added, if it is a site. One that finds no port stays unpublished.
pub(super) fn publish_new(
    tx: &Transaction<'_>,
    ports: std::ops::RangeInclusive<u16>,
    added: &Service,
) -> Result<(), Failure> {
    let is_site = kinds::find_kind(&added.kind).is_some_and(|kind| kind.manager.entry_role().is_some());
    if !is_site {
        return Ok(());
    }
    let Some(port) = free_port(tx, ports)? else {
        tracing::warn!(app.id = added.aid.0, service.id = added.sid.0, "no port is free for a new site");
        return Ok(());
    };
    Ok(published::put(tx, &Published::at(added.aid, added.sid, port))?)
}

/// Has a service not be reachable from outside any more.
pub(crate) async fn unpublish(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    sid: ServiceId,
) -> Result<(), Failure> {
    let was = director.store.write(move |tx| {
        owned(tx, aid, uid)?;
        Ok::<_, Failure>(published::delete(tx, aid, sid)?)
    });
    if !was.await? {
        return Err(not_published(aid, sid));
    }
    tracing::info!(app.id = aid.0, service.id = sid.0, "service unpublished");
    Ok(())
}

fn not_published(aid: ApplicationId, sid: ServiceId) -> Failure {
    Failure::Application(format!("service {sid} of application {aid} is not published"))
}

/// Returns what a user has published.
pub(crate) async fn list(director: &Director, uid: UserId) -> Result<Vec<PublishedView>, Failure> {
    let (rows, apps) = director
        .store
        .read(move |tx| Ok::<_, Failure>((published::of_user(tx, uid)?, application::list(tx, uid)?)))
        .await?;
    let views = rows.iter().filter_map(|row| {
        let app = apps.iter().find(|app| app.aid == row.aid)?;
        Some(view(director, row, &app.name))
    });
    Ok(views.collect())
}

/// Returns what ingresses logged of visitors of a service, behind the cursor of an earlier call.
pub(crate) async fn log(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    sid: ServiceId,
    cursor: Option<&str>,
) -> Result<LogText, Failure> {
    let row = director.store.read(move |tx| {
        owned(tx, aid, uid)?;
        Ok::<_, Failure>(published::get(tx, aid, sid)?)
    });
    let row = row.await?.ok_or_else(|| not_published(aid, sid))?;
    Ok(director.visits.log(row.number, cursor))
}

/// Records the doors of an application, as its manager says.
pub(crate) async fn set_doors(director: &Director, asker: Asker, doors: Vec<DoorView>) -> Result<(), Failure> {
    if doors.len() > MAX_DOORS {
        return Err(unusable("doors", format!("an application has at most {MAX_DOORS}")));
    }
    let aid = asker.aid;
    let doors: Vec<Door> = doors.iter().map(|door| Door { aid, sid: door.service_id, address: door.address }).collect();
    director
        .store
        .write(move |tx| {
            asker.expect_wanted(tx)?;
            Ok::<_, Failure>(published::set_doors(tx, aid, &doors)?)
        })
        .await
        .map(drop)
}

/// Waits until no ingress sends visitors to other doors of the application than those on record, but no longer than `wait`.
///
/// # Errors
/// The database fails.
pub(crate) async fn await_ingresses(director: &Director, aid: ApplicationId, wait: Duration) -> Result<(), Failure> {
    let (end, stop) = (Instant::now() + wait, director.tasks.stopping());
    // What others publish meanwhile changes what is served as well.
    let mut good = BTreeSet::new();
    while Instant::now() < end && !stop.is_cancelled() {
        let sites = director.store.read(|tx| Ok::<_, Failure>(all_sites(tx)?)).await?;
        if !sites.iter().any(|site| site.app_id == aid) {
            return Ok(());
        }
        good.insert(digest(&sites));
        if director.served.are_among(&good, std::time::Instant::now()) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Returns all that an ingress serves, as soon as it differs from what it `knows`, and after `wait` at the latest.
pub(crate) async fn sites(director: &Director, known: Option<&str>, wait: Duration) -> Result<IngressView, Failure> {
    let known = known.map(str::to_owned);
    let look = move |tx: &Transaction<'_>| {
        let sites = all_sites(tx)?;
        let value = IngressView { digest: digest(&sites), sites };
        let is_news = known.as_ref() != Some(&value.digest);
        Ok(Found { value, is_news })
    };
    change::until(director, wait, look).await
}

fn all_sites(tx: &Transaction<'_>) -> Result<Vec<IngressSite>, StoreError> {
    let doors = published::open_doors(tx)?;
    let mut sites = Vec::new();
    for row in published::all(tx)? {
        let own = doors.iter().filter(|door| (door.aid, door.sid) == (row.aid, row.sid));
        let at = |door: &Door| SocketAddrV4::new(*door.address.ip(), row.target.unwrap_or(door.address.port()));
        let servers: Vec<SocketAddrV4> = own.map(at).collect();
        let is_stopped = !application::status(tx, row.aid)?.is_some_and(State::can_have_nodes);
        sites.push(IngressSite {
            number: row.number,
            app_id: row.aid,
            service_id: row.sid,
            protocol: row.protocol.as_str().to_owned(),
            port: row.port,
            name: row.name.map(|name| name.to_string()),
            state: match (row.is_in_maintenance, servers.is_empty()) {
                (true, _) => SiteState::Maintenance,
                (false, false) => SiteState::Running,
                (false, true) if is_stopped => SiteState::Stopped,
                (false, true) => SiteState::Starting,
            },
            servers,
            force_https: row.is_https_forced,
            auth: row.auth,
        });
    }
    Ok(sites)
}

fn choose_port(
    tx: &Transaction<'_>,
    held: Option<&Published>,
    asked: Option<u16>,
    ports: std::ops::RangeInclusive<u16>,
) -> Result<u16, Failure> {
    let own = held.map(|row| row.port);
    match asked {
        Some(port) if own == Some(port) => Ok(port),
        Some(port) if !ports.contains(&port) => {
            Err(unusable("port", format!("{port} is not one of {} to {}", ports.start(), ports.end())))
        }
        Some(port) if published::is_port_taken(tx, port)? => Err(unusable("port", format!("{port} is taken"))),
        Some(port) => Ok(port),
        None => match own {
            Some(port) => Ok(port),
            None => free_port(tx, ports)?.ok_or_else(|| {
                Failure::application("All ports of PUBLISHED_PORTS are taken: ask the operator for more")
            }),
        },
    }
}

fn free_port(tx: &Transaction<'_>, ports: std::ops::RangeInclusive<u16>) -> Result<Option<u16>, StoreError> {
    for port in ports {
        if !published::is_port_taken(tx, port)? {
            return Ok(Some(port));
        }
    }
    Ok(None)
}

fn choose_name(
    tx: &Transaction<'_>,
    held: Option<&Published>,
    asked: Option<PublishedName>,
) -> Result<Option<PublishedName>, Failure> {
    let own = held.and_then(|row| row.name.clone());
    match asked {
        Some(name) if own.as_ref() != Some(&name) && published::is_name_taken(tx, &name)? => {
            Err(unusable("name", format!("{name} is taken")))
        }
        Some(name) => Ok(Some(name)),
        None => Ok(own),
    }
}

/// The machine keeps the names by which it is found itself.
fn refuse_machine(config: &DirectorConfig, name: Option<&PublishedName>) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    let own = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let hosts = [own, config.director_url.as_ref().map(|url| url.host().to_owned())];
    match hosts.iter().flatten().any(|host| name.is_of_machine(host)) {
        true => Err(unusable("name", format!("{name} is the machine's own"))),
        false => Ok(()),
    }
}

/// Both stand in a line of a file with ':' between them.
fn check_account(user: &str, password: &str) -> Result<(), Failure> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if user.is_empty() || user.len() > 64 || !user.chars().all(is_good) {
        return Err(unusable("auth_user", "it has 1 to 64 letters, digits and '._-@'"));
    }
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES || password.chars().any(char::is_control) {
        return Err(unusable("auth_password", format!("it has 1 to {MAX_PASSWORD_BYTES} printable characters")));
    }
    Ok(())
}

/// nginx compares it by crypt(3) at every request, so the usual number of rounds must do. Blocking.
fn hash(password: &str) -> Result<String, Failure> {
    let salt = random::alphanumeric(12);
    let hash = ShaCrypt::SHA512.hash_password_with_salt(password.as_bytes(), salt.as_bytes());
    hash.map(|hash| hash.as_str().to_owned()).map_err(|error| Failure::Internal(format!("cannot hash: {error}")))
}

fn digest(sites: &[IngressSite]) -> String {
    let text = serde_json::to_vec(sites).expect("sites are plain data");
    fingerprint(text, 16)
}

fn view(director: &Director, row: &Published, app_name: &str) -> PublishedView {
    let host = director.config.director_url.as_ref().map_or("localhost", |url| url.host());
    let by_port = format!("{}://{host}:{}/", row.protocol.as_str(), row.port);
    let scheme = if director.troubles.is_secure(row.number) { "https" } else { "http" };
    let by_name = row.name.as_ref().map(|name| format!("{scheme}://{name}/"));
    PublishedView {
        app_id: row.aid,
        app_name: app_name.to_owned(),
        service_id: row.sid,
        protocol: row.protocol.as_str().to_owned(),
        port: row.port,
        name: row.name.as_ref().map(PublishedName::to_string),
        target: row.target,
        auth_user: row.auth.as_ref().map(|(user, _)| user.clone()),
        maintenance: row.is_in_maintenance,
        force_https: row.is_https_forced,
        urls: by_name.into_iter().chain([by_port]).collect(),
        trouble: director.troubles.of(row.number),
        visits: director.visits.figures(row.number, std::time::Instant::now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::director::sample::Sample;

    #[test]
    fn a_port_is_the_first_free_one_and_stays() {
        let sample = Sample::new(0);
        let row = |sid, port| Published::at(sample.aid, ServiceId(sid), port);
        sample.run(|tx| published::put(tx, &row(1, 8001)));
        sample.run(|tx| published::put(tx, &row(2, 8003)));
        let held = row(1, 8001);
        let choose = |held: Option<&Published>, asked| {
            sample.write(|tx| choose_port(tx, held, asked, 8001..=8004)).map_err(|error| error.to_string())
        };
        assert_eq!(choose(None, None), Ok(8002));
        assert_eq!(choose(Some(&held), None), Ok(8001));
        assert_eq!(choose(Some(&held), Some(8004)), Ok(8004));
        assert!(choose(None, Some(8003)).unwrap_err().contains("taken"));
        assert!(choose(None, Some(22)).unwrap_err().contains("not one of 8001 to 8004"));
        assert!(sample.write(|tx| choose_port(tx, None, None, 8001..=8001)).is_err());
    }

    #[test]
    fn a_password_is_kept_as_crypt_knows_it() {
        let kept = hash("secret").unwrap();
        assert!(kept.starts_with("$6$rounds=5000$") && !kept.contains(':') && !kept.contains("secret"), "{kept}");
        assert_ne!(kept, hash("secret").unwrap(), "each has a salt of its own");
        assert!(check_account("a:b", "x").is_err() && check_account("a", "").is_err());
        assert!(check_account("a", "x\ny").is_err() && check_account("alice", "x").is_ok());
    }
}

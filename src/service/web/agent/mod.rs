//! The node's side of php and java: agents of the type `web` (`docs/reference/agent-api.md` §5).
//!
//! What a node is to run is written down by role; the programs are computed from that and kept by the supervisor.
//! One nginx serves visitors and static files, whichever of both the node does.
//!
//! # Guarantees
//! - A call that is repeated changes nothing.
//! - A configuration that a program refuses leaves the old one at work, and the call fails with the program's words.
//!
//! # Caveats
//! - The document root of web nodes is that of the newest code version.

mod code;
mod connections;
mod context;
mod contexts;
mod daemons;
mod dropped;
mod figures;
mod hooks;
mod java_front;
mod memory;
mod place;
mod rotation;
mod startup_log;
#[cfg(test)]
mod tests;
mod tomcat;
mod wanted;

use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use self::daemons::DocumentRoots;
use self::place::Place;
use self::wanted::Wanted;
use super::proxy_log::ProxyLog;
use super::reload::{self, Closing, OldWorkers};
use super::{document_root, logs, war};
use crate::api::environment::Variables;
use crate::api::params::bad;
use crate::api::web::{
    Hooks, HttpProxy, HttpProxyState, Php, PhpState, Returned, RoleState, SessionStore, Tomcat, TomcatState,
};
use crate::service::agent_side::{AgentEnvironment, AgentKind};
use crate::service::call::Call;
use crate::service::code::ReceivedCode;
use crate::service::context::now;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::method::{BoundMethod, Method, bind, get, post, upload};
use crate::service::reply::Reply;
use crate::service::wanted_file::WantedFile;
use crate::supervise::daemon::{Change, DaemonState, Outcome, Supervisor};
use crate::sys::{self, file};

const METHODS: &[Method<Arc<WebAgent>>] = &[
    post("createScalaris", |agent, call| Box::pin(create_scalaris(agent, call))),
    post("createSessions", |agent, call| Box::pin(create_sessions(agent, call))),
    post("stopSessions", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.sessions = None))),
    post("createWebServer", |agent, call| Box::pin(create_web_server(agent, call))),
    post("updateWebServer", |agent, call| Box::pin(create_web_server(agent, call))),
    post("stopWebServer", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.web = None))),
    post("createHttpProxy", |agent, call| Box::pin(create_http_proxy(agent, call))),
    post("updateHttpProxy", |agent, call| Box::pin(create_http_proxy(agent, call))),
    post("stopHttpProxy", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.proxy = None))),
    get("getHttpProxyState", |agent, call| Box::pin(get_http_proxy_state(agent, call))),
    post("createPHP", |agent, call| Box::pin(create_php(agent, call))),
    post("updatePHP", |agent, call| Box::pin(create_php(agent, call))),
    post("stopPHP", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.php = None))),
    get("getPHPState", |agent, call| Box::pin(get_php_state(agent, call))),
    get("getFigures", |agent, call| Box::pin(get_figures(agent, call))),
    upload("updatePHPCode", |agent, call| Box::pin(update_code(agent, call, Holds::AnyFiles))),
    post("createTomcat", |agent, call| Box::pin(create_tomcat(agent, call))),
    post("stopTomcat", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.tomcat = None))),
    get("getTomcatState", |agent, call| Box::pin(get_tomcat_state(agent, call))),
    upload("updateTomcatCode", |agent, call| Box::pin(update_code(agent, call, Holds::WebApplication))),
];
/// What a code version holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Files that nothing is known of.
    AnyFiles,
    /// A web application in Java.
    WebApplication,
}

/// The network namespace of a node is its own, and so is this number: the first port that any account may take.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// The log of the requests of visitors, as `proxy.conf` names it.
const PROXY_LOG: &str = "nginx-proxy-access.log";

struct WebAgent {
    environment: AgentEnvironment,
    place: Place,
    file: WantedFile<Wanted>,
    daemons: Supervisor,
    /// Held while something changes, so that two calls never mix.
    change: Mutex<()>,
    proxy_log: std::sync::Mutex<ProxyLog>,
}

/// Makes the side of a node.
///
/// # Errors
/// Returns an error if its directories cannot be made.
pub(crate) fn make(environment: &AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError> {
    let base = &environment.config.base;
    let directory = base.rooted(&base.var_tmp);
    let place = Place::new(&environment.config);
    let daemons = Supervisor::new(&directory.join("daemons"), environment.tasks.clone());
    prepare(&place)?;
    Ok(Arc::new(WebAgent {
        proxy_log: std::sync::Mutex::new(ProxyLog::new(&place.cache.join(PROXY_LOG))),
        environment: environment.clone(),
        place,
        file: WantedFile::at(directory.join("web.json")),
        daemons: daemons.map_err(|error| MethodError::refused(sys::chain(&error)))?,
        change: Mutex::new(()),
    }))
}

/// Makes the directories that programs write to, as their account.
fn prepare(place: &Place) -> Result<(), MethodError> {
    let directories = [&place.cache, &place.run, &place.cache.join("tmp"), &place.cache.join("sessions")];
    for directory in directories {
        file::ensure_passable_directory(directory)?;
    }
    for directory in directories {
        place.give(directory)?;
    }
    let Some(account) = &place.account else { return Ok(()) };
    if let Err(error) = std::fs::write(FIRST_FREE_PORT, "80") {
        tracing::warn!("{account} may not listen on port 80 here: {error}");
    }
    Ok(())
}

#[async_trait]
impl AgentKind for WebAgent {
    fn methods(self: Arc<Self>) -> Vec<BoundMethod> {
        bind(METHODS, &self)
    }

    fn logs(&self) -> &'static [LogFile] {
        logs::ALL
    }

    async fn resume(self: Arc<Self>) {
        let agent = Arc::clone(&self);
        sys::blocking(move || reload::forget(&agent.place.mark())).await;
        let agent = Arc::clone(&self);
        sys::blocking(move || match agent.file.read() {
            Ok(wanted) => {
                if let Err(error) = agent.place.links.write(wanted.environment()) {
                    tracing::error!("the files of links cannot be written: {}", sys::chain(&error));
                }
                code::remove_leftovers(&agent.place, &wanted.code);
                contexts::remove_leftovers(&agent.place, &wanted.code);
            }
            Err(error) => tracing::error!("{}", sys::chain(&error)),
        })
        .await;
        for outcome in self.daemons.resume().await {
            if let Err(error) = outcome.change {
                tracing::error!("{}: {}", outcome.name, sys::chain(&error));
            }
        }
    }
}

impl WebAgent {
    /// Writes down what is wanted after `change`, and makes it so.
    async fn change(self: &Arc<Self>, change: impl FnOnce(&mut Wanted)) -> Result<Reply, MethodError> {
        let _change = self.change.lock().await;
        let agent = Arc::clone(self);
        let mut wanted = sys::blocking(move || agent.file.read()).await?;
        let mut before = wanted.clone();
        change(&mut wanted);
        contexts::want(&mut wanted);
        // What Tomcat has withdrawn never comes back under its number.
        before.last_context = wanted.last_context;
        let agent = Arc::clone(self);
        if let Err(error) = self.bring_to(&before, wanted).await {
            // What a program refuses is not taken up again at the next start.
            sys::blocking(move || {
                agent.file.write(&before)?;
                if before.tomcat.is_some() { contexts::tell(&agent.place, &before) } else { Ok(()) }
            })
            .await?;
            return Err(error);
        }
        Ok(Reply::nothing())
    }

    /// Makes the node be as wanted; a code version that is new in Tomcat has started then.
    async fn bring_to(self: &Arc<Self>, before: &Wanted, mut wanted: Wanted) -> Result<(), MethodError> {
        let Some(context) = contexts::starting(&wanted) else { return self.run_programs(before, wanted).await };
        let agent = Arc::clone(self);
        sys::blocking(move || tomcat::prepare(&agent.place)).await?;
        contexts::convert(&self.place, &wanted, &context.version).await?;
        let (agent, starting) = (Arc::clone(self), context.clone());
        let said = sys::blocking(move || contexts::said(&agent.place, &starting)).await;
        self.run_programs(before, wanted.clone()).await?;
        contexts::until_started(&self.place, &context, said).await?;
        wanted.contexts.iter_mut().for_each(|known| known.has_started = true);
        let agent = Arc::clone(self);
        Ok(sys::blocking(move || agent.file.write(&wanted)).await?)
    }

    async fn run_programs(self: &Arc<Self>, before: &Wanted, wanted: Wanted) -> Result<(), MethodError> {
        let agent = Arc::clone(self);
        let drops_servers = dropped::drops_servers(before.proxy.as_ref(), wanted.proxy.as_ref());
        let closing = self.closing(before, &wanted).await;
        let workers = self.workers().await;
        let daemons = sys::blocking(move || {
            let newest = wanted.code.last().map_or("", String::as_str);
            let of_newest = code::document_root(&agent.place, newest, wanted.document_root.as_deref())?;
            let served = wanted.proxy.as_ref().filter(|proxy| !proxy.code_version.is_empty());
            // Web servers learn of a new document root first, and the version that is served need not have it.
            let of_served = served.map_or(Ok(""), |proxy| {
                code::document_root(&agent.place, &proxy.code_version, proxy.document_root.as_deref())
            })?;
            let daemons = daemons::of(&wanted, &agent.place, DocumentRoots { of_newest, of_served })?;
            agent.file.write(&wanted)?;
            agent.place.links.write(wanted.environment())?;
            if wanted.tomcat.is_some() {
                contexts::tell(&agent.place, &wanted)?;
            }
            if let Some(proxy) = served {
                code::serve(&agent.place, &proxy.code_version, of_served)?;
            }
            Ok::<_, MethodError>(daemons)
        })
        .await?;
        let outcomes = self.daemons.apply(daemons).await;
        let is_reload = |outcome: &Outcome| {
            outcome.name.as_str() == daemons::NGINX && matches!(outcome.change, Ok(Change::Reloaded))
        };
        if let Some(workers) = workers.filter(|_| outcomes.iter().any(is_reload)) {
            workers.leave().await;
            drop(closing);
            if drops_servers {
                workers.end().await;
            }
        }
        let failures: Vec<String> = outcomes.into_iter().filter_map(Outcome::failure).collect();
        if failures.is_empty() { Ok(()) } else { Err(MethodError::refused(failures.join("; "))) }
    }

    /// Returns whether a version is here as a whole. What visitors are served is never replaced, and what programs of the
    /// site wrote beside their files stays when it is served again.
    async fn has_code(self: &Arc<Self>, version: &str) -> Result<bool, MethodError> {
        let directory = self.place.www.join(version);
        let is_known = self.wanted().await?.code.iter().any(|known| known == version);
        Ok(is_known && sys::blocking(move || directory.is_dir()).await)
    }

    async fn wanted(self: &Arc<Self>) -> Result<Wanted, MethodError> {
        let agent = Arc::clone(self);
        Ok(sys::blocking(move || agent.file.read()).await?)
    }

    /// Has nginx keep no connection for as long as the answer is held, if it is about to read another configuration.
    async fn closing(&self, before: &Wanted, after: &Wanted) -> Option<Closing> {
        let proxy = before.proxy.as_ref()?;
        let is_up = self.daemons.status_of(daemons::NGINX).is_some_and(|nginx| nginx.state == DaemonState::Ready);
        let is_other = before.web != after.web || after.proxy.as_ref().is_none_or(|new| proxy.differs_for_nginx(new));
        if is_up && is_other {
            Some(Closing::begin(self.place.mark(), (self.place.my_ip, proxy.port).into()).await)
        } else {
            None
        }
    }

    /// Returns the workers of nginx, if it runs.
    async fn workers(&self) -> Option<OldWorkers> {
        let main = self.daemons.status_of(daemons::NGINX)?.process?;
        Some(sys::blocking(move || OldWorkers::of(main)).await)
    }

    fn state(&self, daemon: &str) -> RoleState {
        match self.daemons.status_of(daemon).map(|status| status.state) {
            Some(DaemonState::Ready) => RoleState::Running,
            Some(DaemonState::Stopping) => RoleState::Stopping,
            None | Some(DaemonState::Stopped) => RoleState::Stopped,
            Some(_) => RoleState::Starting,
        }
    }
}

/// Takes such a parameter, which may be left out.
fn take_or<T: DeserializeOwned>(call: &mut Call, name: &str, default: T) -> Result<T, MethodError> {
    let Some(value) = call.params.optional(name).filter(|value| !value.is_null()) else { return Ok(default) };
    serde_json::from_value(value).map_err(|error| bad(name, &error.to_string()).into())
}

fn take_document_root(call: &mut Call) -> Result<Option<String>, MethodError> {
    document_root::read(&take_or(call, "document_root", String::new())?)
}

async fn stop(agent: Arc<WebAgent>, call: Call, change: fn(&mut Wanted)) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.change(change).await
}

/// Stays on the wire: sessions are kept by `createSessions`.
async fn create_scalaris(_agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let _is_first: bool = call.structure("first_node")?;
    call.params.string("known_hosts")?;
    call.finish()?;
    Ok(Reply::nothing())
}

async fn create_sessions(agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let store: SessionStore = call.structure("store")?;
    call.finish()?;
    agent.change(|wanted| wanted.sessions = Some(store)).await
}

async fn create_web_server(agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let port: u16 = call.structure("port")?;
    let _all_that_the_node_has: Vec<String> = call.structure("code_versions")?;
    let clients = take_or(&mut call, "proxies", Vec::new())?;
    let root = take_document_root(&mut call)?;
    call.finish()?;
    let change =
        |wanted: &mut Wanted| (wanted.web, wanted.web_clients, wanted.document_root) = (Some(port), clients, root);
    agent.change(change).await
}

async fn create_http_proxy(agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let proxy = HttpProxy {
        port: call.structure("port")?,
        code_version: call.params.string("code_version")?,
        web_list: call.structure("web_list")?,
        fpm_list: take_or(&mut call, "fpm_list", Vec::new())?,
        tomcat_list: take_or(&mut call, "tomcat_list", Vec::new())?,
        tomcat_servlets: take_or(&mut call, "tomcat_servlets", Vec::new())?,
        cdn: take_or(&mut call, "cdn", false)?,
        max_body_mb: take_or(&mut call, "max_body_mb", 0)?,
        document_root: take_document_root(&mut call)?,
        hooks: take_or(&mut call, "hooks", Hooks::default())?,
    };
    call.finish()?;
    if proxy.web_list.is_empty() {
        return Err(bad("web_list", "at least one web server is needed").into());
    }
    agent.change(|wanted| (wanted.document_root, wanted.proxy) = (proxy.document_root.clone(), Some(proxy))).await
}

async fn get_http_proxy_state(agent: Arc<WebAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let proxy = agent.wanted().await?.proxy.ok_or_else(|| MethodError::refused("No proxy runs in this node"))?;
    Ok(Reply::of(&Returned { value: HttpProxyState { state: agent.state(daemons::NGINX), proxy } }))
}

async fn create_php(agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let _kept_by_the_session_store = call.params.string_or("scalaris", "")?;
    let configuration = call.params.object("configuration")?;
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let php = Php {
        port: call.structure("port")?,
        configuration: configuration.into_iter().map(|(key, value)| (key, text(value))).collect(),
        proxies: take_or(&mut call, "proxies", Vec::new())?,
        sessions: take_or(&mut call, "sessions", None)?,
        environment: take_or(&mut call, "environment", Variables::default())?,
    };
    call.finish()?;
    agent.change(|wanted| wanted.php = Some(php)).await
}

async fn get_php_state(agent: Arc<WebAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let php = agent.wanted().await?.php.ok_or_else(|| MethodError::refused("No PHP runs in this node"))?;
    Ok(Reply::of(&Returned { value: PhpState { state: agent.state(daemons::PHP_FPM), port: php.port } }))
}

async fn get_figures(agent: Arc<WebAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let wanted = agent.wanted().await?;
    let daemons = agent.daemons.status();
    let asked = move || figures::of(&wanted, &agent.place, &agent.proxy_log, &daemons, now());
    Ok(Reply::of(&sys::blocking(asked).await))
}

async fn create_tomcat(agent: Arc<WebAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let port = call.structure("tomcat_port")?;
    let code_version = call.params.string_or("code_version", "")?;
    let environment = take_or(&mut call, "environment", Variables::default())?;
    let tomcat = Tomcat { port, code_version, environment };
    call.finish()?;
    let version = tomcat.code_version.as_str();
    if !version.is_empty() && !agent.wanted().await?.code.iter().any(|known| known == version) {
        return Err(bad("code_version", &format!("this node does not have '{version}'")).into());
    }
    agent.change(|wanted| wanted.tomcat = Some(tomcat)).await
}

async fn get_tomcat_state(agent: Arc<WebAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    if agent.wanted().await?.tomcat.is_none() {
        return Err(MethodError::refused("No Tomcat runs in this node"));
    }
    Ok(Reply::of(&Returned { value: TomcatState { state: agent.state(tomcat::TOMCAT) } }))
}

async fn update_code(agent: Arc<WebAgent>, call: Call, holds: Holds) -> Result<Reply, MethodError> {
    let (version, received) = ReceivedCode::take_version(&agent.environment.config, call).await?;
    let _change = agent.change.lock().await;
    // What visitors are served is never replaced: a version never changes.
    if !agent.has_code(&version).await? {
        code::take(&agent.place, &version, &received).await?;
        if holds == Holds::WebApplication {
            code::unpack_lone_war(&agent.place, &version, agent.environment.config.base.archive.clone()).await?;
        }
        let directory = agent.place.www.join(&version);
        if holds == Holds::WebApplication && !sys::blocking(move || war::is_web_application(&directory)).await {
            return Err(MethodError::refused(format!(
                "code version '{version}' has neither a directory WEB-INF nor a first page at its top: push a web application \
                 that is built"
            )));
        }
    }
    let owner = Arc::clone(&agent);
    sys::blocking(move || {
        let mut wanted = owner.file.read()?;
        if holds == Holds::WebApplication && !wanted.wars.contains_key(&version) {
            wanted.wars.insert(
                version.clone(),
                war::survey(&owner.place.www.join(&version), &owner.environment.config.base.archive),
            );
        }
        let served = wanted.proxy.as_ref().map(|proxy| proxy.code_version.clone());
        let served = served.or_else(|| Some(wanted.tomcat.as_ref()?.code_version.clone()));
        let dropped = code::remember(&mut wanted.code, &version, served.as_deref());
        wanted.forget(&dropped);
        owner.file.write(&wanted)?;
        if wanted.tomcat.is_some() {
            contexts::tell(&owner.place, &wanted)?;
        }
        dropped.iter().for_each(|old| code::remove(&owner.place.www.join(old)));
        contexts::remove_leftovers(&owner.place, &wanted.code);
        Ok::<_, MethodError>(())
    })
    .await?;
    tracing::info!(target: "conpaas.core.agent", "Code updated");
    Ok(Reply::nothing())
}

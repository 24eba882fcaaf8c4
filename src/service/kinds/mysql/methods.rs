//! What the manager does with the members of a mysql service when it is asked.

use std::path::Path;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::figures::Meter;
use super::performance::{self, Host};
use super::roles::{MYSQL, ROLES, check_removal, plays};
use super::settings::MysqlSettings;
use super::variables;
use crate::api::mysql::{Figures, GangliaParams, Load, MemberState, Stage};
use crate::api::params::bad;
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::role::Player;
use crate::service::settings::Document;
use crate::store::manager::{self as store, NodeRow};
use crate::sys;

/// A dump is loaded as long as that takes, within the time that a listener has for an answer.
pub(super) const LOAD_LIMIT: Duration = Duration::from_secs(1700);
/// The performance monitor asks every second.
const MONITOR_LIMIT: Duration = Duration::from_secs(10);
/// How `sqldump` answers: `text` as ConPaaS 2.0, in JSON; `file` as it is.
const FORMS: [(&str, Form); 2] = [("text", Form::Text), ("file", Form::File)];
/// What the manager's own machine does.
static OWN: Meter = Meter::new();

#[derive(Clone, Copy)]
enum Form {
    Text,
    File,
}

/// `set_password`: the members tell each other, so that all have it at once.
pub(super) async fn set_password(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let user = call.params.string("user")?;
    let password = call.params.string("password")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("Failed to set new password: {error}."));
    let member = serving_member(&service).await.map_err(failed)?;
    let call = RpcCall::post(0, "set_password").param("username", user).param("password", password);
    let _nothing_to_say: IgnoredAny = service.agents.call(&member, &call).await.map_err(failed)?;
    Ok(Reply::nothing())
}

/// `load_dump`.
pub(super) async fn load_dump(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let dump = call.file("mysqldump_file")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("Could not upload mysqldump_file: {error}."));
    let member = serving_member(&service).await.map_err(failed)?;
    let call = RpcCall::upload(0, "load_dump").file("mysqldump_file", dump.path(), "dump.sql");
    let _nothing_to_say: IgnoredAny = service.agents.call_within(LOAD_LIMIT, &member, &call).await.map_err(failed)?;
    Ok(Reply::nothing())
}

/// `sqldump`.
pub(super) async fn sqldump(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let wanted = call.params.string_or("form", "text")?;
    let form = FORMS.iter().find(|(name, _)| *name == wanted).map(|(_, form)| *form);
    let form = form.ok_or_else(|| bad("form", "it is neither 'text' nor 'file'"))?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("Failed to run mysqldump: {error}."));
    let member = serving_member(&service).await.map_err(failed)?;
    let stream = service.agents.stream(&member, &RpcCall::get(0, "dump")).await.map_err(failed)?;
    Ok(match form {
        Form::Text => Reply::Text(stream),
        Form::File => Reply::Stream { stream, filename: "dump.sql".to_owned() },
    })
}

/// `getMeanLoad`: of the members that answer.
pub(super) async fn get_mean_load(service: ServiceContext, _call: Call) -> Result<Reply, MethodError> {
    let call = RpcCall::get(0, "getLoad");
    let members = members(&service).await?;
    let asked = members.iter().map(|node| service.agents.call_within::<Load>(MONITOR_LIMIT, node, &call));
    let loads: Vec<Load> = futures_util::future::join_all(asked).await.into_iter().flatten().collect();
    Ok(Reply::of(&performance::mean_load(&loads)))
}

/// `getGangliaParams`: the nodes that answer, and the manager's own machine.
pub(super) async fn get_ganglia_params(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let ask = RpcCall::get(0, "get_figures");
    let nodes = service.nodes().await?;
    let asked = nodes.iter().map(|node| service.agents.call_within::<Figures>(MONITOR_LIMIT, node, &ask));
    let answers = futures_util::future::join_all(asked).await;
    let own = sys::blocking(|| OWN.figures(Path::new("/"))).await;
    let mut hosts = vec![Host { name: "conpaas".to_owned(), ip: "127.0.0.1".to_owned(), figures: own }];
    for (node, answer) in nodes.iter().zip(answers) {
        let Ok(figures) = answer else { continue };
        hosts.push(Host { name: node.view.id.clone(), ip: node.view.ip.clone(), figures });
    }
    let xml = performance::ganglia_xml(service.kind_name, &hosts, chrono::Utc::now().timestamp());
    Ok(Reply::of(&GangliaParams { ganglia: (0, xml) }))
}

/// `remove_specific_nodes`: the node leaves as one of `remove_nodes` does.
pub(super) async fn remove_specific_nodes(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let ip = call.params.string("ip")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let found = nodes.iter().find(|node| node.view.ip == ip);
    let node = found.ok_or_else(|| MethodError::refused("Sorry invalid ip !!!"))?;
    let counts = vec![(node.role.clone(), 1)];
    check_removal(&nodes, &counts)?;
    // The rules say whether one may go; which one the caller has said.
    let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, &ROLES)).collect();
    ROLES.plan_removal(&players, &counts).map_err(|error| MethodError::refused(error.to_string()))?;
    Ok(Reply::Remove { ids: vec![node.view.id.clone()] })
}

/// `setMySqlParams`: on all members now, and at every start.
pub(super) async fn set_mysql_params(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let variable = call.params.string("variable")?;
    let value = text(&call.params.required("value")?);
    call.finish()?;
    let (name, value) = variables::parse(&variable, &value)?;
    service.expect_state(&[State::Running]).await?;
    let set = RpcCall::post(0, "set_variable").param("variable", name).param("value", value.as_str());
    let members = members(&service).await?;
    let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_all(&members, |_| set.clone()).await?;
    let sid = service.sid;
    let kept = service.store.write(move |tx| {
        // An operation that has begun meanwhile writes what it knew.
        let row = store::find_service(tx, sid)?.ok_or_else(|| MethodError::refused("Service not found"))?;
        if row.state != State::Running {
            return Err(MethodError::refused("The service began to change meanwhile: set the variable again"));
        }
        let mut settings: MysqlSettings = Document::new(store::service_settings(tx, sid)?).read()?;
        settings.variables.insert(name.to_owned(), value);
        store::set_service_settings(tx, sid, Document::of(&settings)?.into_text().as_deref())?;
        Ok(())
    });
    kept.await?;
    Ok(Reply::of(&"OK!"))
}

/// `migrate_nodes`: ConPaaS 2.0 fails here, too.
pub(super) async fn migrate_nodes(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    call.params.required("nodes")?;
    let delay = call.params.optional("delay").map_or_else(|| "0".to_owned(), |delay| text(&delay));
    if delay.parse::<u64>().is_err() {
        return Err(bad("delay", &format!("{delay} is not more or equal than 0")).into());
    }
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    Err(MethodError::refused(
        "Nodes cannot be moved: add nodes in the other cloud, and remove those here when the new ones serve",
    ))
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) async fn members(service: &ServiceContext) -> Result<Vec<NodeRow>, MethodError> {
    let mut nodes = service.nodes().await?;
    nodes.retain(|node| plays(node, MYSQL));
    Ok(nodes)
}

/// Returns all members and where they stand, as far as they answer.
pub(super) async fn member_states(service: &ServiceContext) -> Result<Vec<(NodeRow, Option<Stage>)>, MethodError> {
    let members = members(service).await?;
    let call = RpcCall::get(0, "get_member_state");
    let asked = members.iter().map(|node| service.agents.call_within::<MemberState>(MONITOR_LIMIT, node, &call));
    let answers = futures_util::future::join_all(asked).await;
    let stages = answers.into_iter().map(|answer| answer.ok().map(|state| state.stage));
    Ok(members.into_iter().zip(stages).collect())
}

/// Returns a member that serves: the first one that is not busy with another, if there is one.
pub(super) async fn serving_member(service: &ServiceContext) -> Result<NodeRow, MethodError> {
    let states = member_states(service).await?;
    let of_stage = |wanted| states.iter().find(|(_, stage)| *stage == Some(wanted)).map(|(node, _)| node.clone());
    let found = of_stage(Stage::Synced).or_else(|| of_stage(Stage::Busy));
    found.ok_or_else(|| MethodError::refused("no mysql node serves now"))
}

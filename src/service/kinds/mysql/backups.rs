//! Backups of all data as it is on the disk: made when somebody asks or by themselves, and put in the place of the data.

use serde::de::IgnoredAny;

use super::methods::{LOAD_LIMIT, member_states, members, serving_member};
use super::pieces::Piece;
use super::settings::MysqlSettings;
use crate::api::mysql::{BackupOutcome, BackupView, BackupsView, Every, KeptBackups, Restored, Schedule, TakingNode};
use crate::api::params::bad;
use crate::model::State;
use crate::node::Level;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::{ServiceContext, now};
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::store::StoreError;
use crate::store::manager::{self as store, NodeRow};

const DEFAULT_AT: &str = "03:00";
const DEFAULT_KEEP: i64 = 7;
const MOST_KEPT: i64 = 1000;

/// `backup` (ours): all data as it is on the disk, compressed.
pub(super) async fn back_up(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let member = serving_member(&service).await?;
    let stream = service.agents.stream(&member, &RpcCall::get(0, "backup")).await?;
    Ok(Reply::Stream { stream, filename: format!("mysql-{}.backup", service.sid) })
}

/// `restore` (ours): a backup takes the place of all data. One member unpacks and checks it while all serve as before;
/// then all of them start anew, that one with the backup.
pub(super) async fn restore(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let backup = call.file("backup")?;
    call.finish()?;
    let settings = settings_if_all_serve(&service).await?;
    let member = serving_member(&service).await?;
    let take = RpcCall::upload(0, "take_backup").file("backup", backup.path(), "mysql.backup");
    unpack(&service, settings, &member, take).await
}

/// `restore_piece` (ours): the same with the next bytes of a backup that is larger than one upload may be. The first answer
/// names the node that all pieces go to, the last one the operation.
pub(super) async fn restore_piece(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let piece = Piece::of_call(&mut call, "backup")?;
    call.finish()?;
    if piece.is_last {
        let settings = settings_if_all_serve(&service).await?;
        let member = piece.member(&service).await?;
        return unpack(&service, settings, &member, piece.call("take_backup_piece", "backup", "mysql.backup")).await;
    }
    if piece.is_first() {
        settings_if_all_serve(&service).await?;
    }
    service.expect_state(&[State::Running]).await?;
    let member = piece.member(&service).await?;
    let call = piece.call("take_backup_piece", "backup", "mysql.backup");
    let taken = service.agents.call_within::<IgnoredAny>(LOAD_LIMIT, &member, &call).await;
    taken.map_err(|error| not_usable(&error))?;
    Ok(Reply::of(&TakingNode { node: member.view.id }))
}

/// `restore_kept` (ours): the same with a backup that was made by itself.
pub(super) async fn restore_kept(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("name")?;
    call.finish()?;
    let settings = settings_if_all_serve(&service).await?;
    let kept = kept(&service).await?;
    let found = kept.iter().find(|(_, kept)| kept.backups.iter().any(|backup| backup.name == name));
    let (member, _) = found.ok_or_else(|| {
        let shown = name.escape_debug();
        MethodError::refused(format!("There is no backup '{shown}'; list_backups shows those that there are"))
    })?;
    unpack(&service, settings, member, RpcCall::post(0, "use_backup").param("name", name)).await
}

/// `schedule_backup` (ours): backups are made by themselves from now on, or not any more.
pub(super) async fn schedule(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let periods = Every::ALL.map(|(name, every)| (name, Some(every)));
    let choices: Vec<(&str, Option<Every>)> = periods.into_iter().chain([("never", None)]).collect();
    let every = call.params.choice("every", &choices)?;
    let at = call.params.string_or("at", DEFAULT_AT)?.parse().map_err(|text: String| bad("at", &text))?;
    let keep = match call.params.values().contains_key("keep") {
        true => call.params.positive("keep")?,
        false => DEFAULT_KEEP,
    };
    call.finish()?;
    if keep > MOST_KEPT {
        return Err(bad("keep", &format!("{keep} is more than {MOST_KEPT}")).into());
    }
    let keep = u32::try_from(keep).unwrap_or(u32::MAX);
    service.expect_state(&[State::Running]).await?;
    let mut settings: MysqlSettings = service.settings().await?.read()?;
    settings.backups = every.map(|every| Schedule { every, at, keep });
    let reason = if every.is_some() { "Backups are made by themselves" } else { "Backups are not made by themselves" };
    Ok(Reply::Adapt { reason: reason.to_owned(), change: Change::Settings { settings: Document::of(&settings)? } })
}

/// `list_backups` (ours): those of all members that answer.
pub(super) async fn list(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let settings: MysqlSettings = service.settings().await?.read()?;
    let mut shown = BackupsView { schedule: settings.backups, ..BackupsView::default() };
    for (node, kept) in kept(&service).await? {
        let view = |name, size| BackupView { name, node: node.view.id.clone(), size };
        shown.backups.extend(kept.backups.into_iter().map(|backup| view(backup.name, backup.size)));
        let is_later = |last: &BackupOutcome| shown.last.as_ref().is_none_or(|known| known.at < last.at);
        shown.last = kept.last.filter(is_later).or(shown.last);
    }
    shown.backups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Reply::of(&shown))
}

/// Tells in the history how a backup went that was made by itself; once, whoever asks how often.
///
/// # Errors
/// The database fails.
pub(super) async fn note(service: &ServiceContext, node: &NodeRow, outcome: &BackupOutcome) -> Result<(), StoreError> {
    let (name, id) = (&outcome.name, &node.view.id);
    let (level, text) = match &outcome.error {
        None => (Level::Info, format!("Backup {name} is kept on node {id}, {} bytes", outcome.size)),
        Some(error) => (Level::Error, format!("Backup {name} failed on node {id}: {error}")),
    };
    let (sid, noted) = (service.sid, text.clone());
    let is_known = service.store.read(move |tx| store::has_noted(tx, sid, &noted)).await?;
    if !is_known {
        service.note(level, &text);
        service.store.write(move |tx| store::note_event(tx, sid, &text, now())).await?;
    }
    Ok(())
}

/// Who is away now would come back with data that the others do not have any more.
async fn settings_if_all_serve(service: &ServiceContext) -> Result<MysqlSettings, MethodError> {
    service.expect_state(&[State::Running]).await?;
    let states = member_states(service).await?;
    if let Some((node, _)) = states.iter().find(|(_, state)| state.is_none_or(|stage| !stage.is_serving())) {
        let id = &node.view.id;
        return Err(MethodError::refused(format!("node {id} does not serve now: a backup is restored on all at once")));
    }
    service.settings().await?.read()
}

async fn unpack(
    service: &ServiceContext,
    mut settings: MysqlSettings,
    member: &NodeRow,
    call: RpcCall,
) -> Result<Reply, MethodError> {
    settings.restored = Restored { number: settings.restored.number + 1, at: member.view.ip.clone() };
    let call = call.param("number", settings.restored.number.to_string());
    let _nothing_to_say: IgnoredAny =
        service.agents.call_within(LOAD_LIMIT, member, &call).await.map_err(|error| not_usable(&error))?;
    let change = Change::Settings { settings: Document::of(&settings)? };
    Ok(Reply::Adapt { reason: "Restoring a backup".to_owned(), change })
}

fn not_usable(error: &MethodError) -> MethodError {
    MethodError::refused(format!("The backup cannot be used: {error}"))
}

async fn kept(service: &ServiceContext) -> Result<Vec<(NodeRow, KeptBackups)>, MethodError> {
    let members = members(service).await?;
    let call = RpcCall::get(0, "list_backups");
    let asked = members.iter().map(|node| service.agents.call::<KeptBackups>(node, &call));
    let answers = futures_util::future::join_all(asked).await;
    Ok(members.into_iter().zip(answers).filter_map(|(node, kept)| Some((node, kept.ok()?))).collect())
}

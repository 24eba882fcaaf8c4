//! What all parts of a manager hold on to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::director::Director;
use crate::config::ManagerConfig;
use crate::model::{ServiceEvent, ServiceId, State};
use crate::node::{Level, LogWriter, NodeCredentials};
use crate::service::git::GitDoor;
use crate::service::{Agents, Kind, MethodError, ServiceContext, code, find_kind, now};
use crate::store::manager::{self as store, EventError, ServiceRow};
use crate::store::{Store, StoreError};
use crate::task::Tasks;

/// The kind in the row of the manager itself.
const OWN_KIND: &str = "manager";

/// A service of the application, with its kind.
pub(crate) struct Service {
    /// Its record, as it was when it was looked up.
    pub(crate) row: ServiceRow,
    pub(crate) kind: &'static Kind,
    /// What its kind works with.
    pub(crate) context: ServiceContext,
}

/// A manager's parts.
pub(crate) struct Manager {
    pub(crate) config: Arc<ManagerConfig>,
    pub(crate) store: Store,
    pub(crate) director: Director,
    pub(crate) tasks: Tasks,
    /// Services of which some task carries out operations.
    pub(crate) at_work: Mutex<BTreeSet<ServiceId>>,
    /// Told whenever it is recorded how an operation ended.
    pub(crate) operation_ended: Notify,
    /// By which users push code.
    pub(crate) git: GitDoor,
    agents: Agents,
    own_log: LogWriter,
    logs: Mutex<BTreeMap<ServiceId, LogWriter>>,
}

impl Manager {
    pub(crate) fn new(
        config: Arc<ManagerConfig>,
        store: Store,
        credentials: Arc<NodeCredentials>,
        tasks: Tasks,
        own_log: LogWriter,
    ) -> Self {
        Manager {
            director: Director::new(Arc::clone(&config), Arc::clone(&credentials)),
            git: GitDoor::new(&config.base, tasks.clone()),
            agents: Agents::new(credentials, config.base.agent_port),
            at_work: Mutex::new(BTreeSet::new()),
            operation_ended: Notify::new(),
            logs: Mutex::new(BTreeMap::new()),
            config,
            store,
            tasks,
            own_log,
        }
    }

    /// Brings the manager's own row to `RUNNING` and cleans up after uploads
    /// that were broken off.
    pub(crate) async fn begin(&self) -> Result<(), StoreError> {
        let at = now();
        let own = ServiceId::MANAGER;
        // Every start writes it again.
        let begun = self.store.note(move |tx| {
            let found = store::find_service(tx, own)?;
            if found.is_none() {
                store::insert_service(tx, Some(own), OWN_KIND, at)?;
            }
            if found.as_ref().is_none_or(|row| !row.state.can_call_nodes()) {
                store::record_event(tx, own, ServiceEvent::ManagerUp, "", at)?;
            }
            Ok::<_, EventError>(found.is_none())
        });
        let is_new = begun.await.map_err(|error| match error {
            EventError::Store(error) => error,
            refused => StoreError::Corrupt(refused.to_string()),
        })?;
        if is_new {
            self.log_state(own, State::Init, "");
        }
        self.log_state(own, State::Running, "");
        for row in self.store.read(store::list_services).await? {
            if let Some(service) = self.service(row)
                && let Err(error) = code::remove_leftovers(&service.context).await
            {
                tracing::warn!("cannot clean the code repository of service {}: {error}", service.row.sid);
            }
        }
        Ok(())
    }

    /// Returns the service of a record; nothing for the manager itself, or a kind that is not built in.
    pub(crate) fn service(&self, row: ServiceRow) -> Option<Service> {
        let kind = find_kind(&row.kind)?;
        let context = ServiceContext {
            sid: row.sid,
            kind_name: kind.name,
            store: self.store.clone(),
            agents: self.agents.clone(),
            config: Arc::clone(&self.config),
            log: self.log(row.sid),
            git: self.git.clone(),
        };
        Some(Service { row, kind, context })
    }

    /// Returns the service of this id.
    pub(crate) async fn find_service(&self, sid: ServiceId) -> Result<Option<Service>, StoreError> {
        let row: Option<ServiceRow> = self.store.read(move |tx| store::find_service(tx, sid)).await?;
        Ok(row.and_then(|row| self.service(row)))
    }

    /// The log of a service, or the manager's own.
    pub(crate) fn log(&self, sid: ServiceId) -> LogWriter {
        if sid == ServiceId::MANAGER {
            return self.own_log.clone();
        }
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(sid).or_insert_with(|| {
            let own = self.own_log.path();
            let stem = own.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            LogWriter::new(own.with_file_name(format!("{stem}{sid}.log")))
        });
        log.clone()
    }

    /// Writes a change of state to the log of its service.
    pub(crate) fn log_state(&self, sid: ServiceId, state: State, reason: &str) {
        let name = logger(sid);
        self.log(sid).line(Level::Debug, &name, &format!("STATE {state}: {reason}"));
    }

    /// Writes to the log of a service.
    pub(crate) fn note(&self, sid: ServiceId, level: Level, text: &str) {
        self.log(sid).line(level, &logger(sid), text);
    }

    /// Changes the manager's own state for the time of `work`, as ConPaaS 2.0 shows it.
    pub(crate) async fn adapting<T: Send + 'static>(
        &self,
        work: impl FnOnce(&store::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, MethodError> {
        let own = ServiceId::MANAGER;
        let outcome = self.store.write(move |tx| {
            store::record_event(tx, own, ServiceEvent::Change, "", now())?;
            let value = work(tx)?;
            store::record_event(tx, own, ServiceEvent::Changed, "", now())?;
            Ok::<T, MethodError>(value)
        });
        let value = outcome.await?;
        self.log_state(own, State::Adapting, "");
        self.log_state(own, State::Running, "");
        Ok(value)
    }
}

fn logger(sid: ServiceId) -> String {
    match sid {
        ServiceId::MANAGER => "conpaas.core.manager".to_owned(),
        sid => format!("conpaas.core.manager{sid}"),
    }
}

//! A kind's side in the manager: what it is made of, and what its nodes are to run.
//!
//! A kind says what is wanted; the manager makes nodes, brings them to the
//! plan, keeps records, and undoes what fails.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::care::Care;
use super::context::ServiceContext;
use super::environment::{Account, Offer};
use super::error::MethodError;
use super::log_file::LogFile;
use super::manifest::ManifestKeys;
use super::method::Method;
use super::plan::{NodePlan, PlanInput};
use super::role::{Counts, RoleSet, Roles};
use super::settings::Document;
use super::shared_mount::StorageOffer;
use crate::api::VolumeRequest;
use crate::api::manager::NewSharedVolume;
use crate::model::NodeNeeds;
use crate::store::manager::NodeRow;

/// Values for the agents' configuration, by the names of ConPaaS 2.0.
pub(crate) type NodeSettings = BTreeMap<&'static str, String>;

/// How far nodes are that were brought to their plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settling {
    /// They work together.
    Settled,
    /// They do, but for these by their ids, which do not answer. Only where nobody is new.
    Without(Vec<String>),
    /// They do not yet; for what they wait.
    Waits(String),
    /// A new node does not answer; what it says instead.
    Missing(String),
}

/// What a kind does in the manager.
#[async_trait]
pub(crate) trait ManagerKind: Send + Sync {
    /// Returns the roles of its nodes.
    fn roles(&self) -> &'static Roles;

    /// Returns the settings that a new service begins with.
    ///
    /// # Errors
    /// Returns an error if a value has no form in JSON.
    fn first_settings(&self) -> Result<Document, MethodError> {
        Ok(Document::default())
    }

    /// Returns how many nodes of each role a start makes.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn start_counts(&self, _settings: &Document) -> Result<Counts, MethodError> {
        Ok(self.roles().start_counts(&Counts::new()))
    }

    /// Returns the volumes that are made and attached with a node that plays `roles`.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn volumes(&self, _settings: &Document, _roles: &RoleSet) -> Result<Vec<VolumeRequest>, MethodError> {
        Ok(Vec::new())
    }

    /// Returns the settings with which nodes have volumes of this size, made with them or grown.
    ///
    /// # Errors
    /// Returns an error if the kind's nodes have no volumes of their own, or none of this size.
    fn with_volume_size(&self, _settings: &Document, _size_mb: i64) -> Result<Document, MethodError> {
        Err(MethodError::refused("The nodes of such a service have no volumes of their own"))
    }

    /// Returns the volumes of shared storage that a service has.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn shared_volumes(&self, _settings: &Document) -> Result<Vec<NewSharedVolume>, MethodError> {
        Ok(Vec::new())
    }

    /// Returns whether a stop keeps the volumes of nodes where nobody says so.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn keeps_volumes(&self, _settings: &Document) -> Result<bool, MethodError> {
        Ok(false)
    }

    /// Returns what the programs of a node with these roles need of its machine. Nodes whose programs have an environment
    /// mount shared storage.
    fn needs(&self, _roles: &RoleSet) -> NodeNeeds {
        NodeNeeds { memory_mb: 0, has_fuse: self.has_environment() }
    }

    /// Returns values for the agents' configuration, which a node has from its first moment on.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn context(&self, _settings: &Document) -> Result<NodeSettings, MethodError> {
        Ok(NodeSettings::new())
    }

    /// Computes what each node is to run. It is pure: the same input gives the same plan.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read, or something that the kind needs is missing.
    fn plan(&self, input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError>;

    /// Looks whether the nodes, which were brought to their plan, work together by now, and does what they need for it.
    /// It is asked again and again, by the operation that made `new`, and later from time to time with none, if
    /// [`ManagerKind::is_tended`].
    ///
    /// # Errors
    /// Returns an error if a new node never will.
    async fn settle(
        &self,
        _service: &ServiceContext,
        _nodes: &[NodeRow],
        _new: &[NodeRow],
    ) -> Result<Settling, MethodError> {
        Ok(Settling::Settled)
    }

    /// Returns whether services of this kind are looked after while they work.
    fn is_tended(&self) -> bool {
        false
    }

    /// Returns the logs of a node in this role, besides the agent's own.
    fn logs(&self, role: &str) -> &'static [LogFile];

    /// Provides a new service with what it begins with, such as its first code version.
    ///
    /// # Errors
    /// Returns an error if that cannot be kept; the service is not added then.
    async fn on_add_service(&self, _service: &ServiceContext) -> Result<(), MethodError> {
        Ok(())
    }

    /// Refuses an addition that makes no sense.
    ///
    /// # Errors
    /// Returns the text for the caller.
    fn check_addition(&self, _nodes: &[NodeRow], _counts: &Counts) -> Result<(), MethodError> {
        Ok(())
    }

    /// Refuses a removal that makes no sense; [`Roles::plan_removal`] has its say after it.
    ///
    /// # Errors
    /// Returns the text for the caller.
    fn check_removal(&self, _nodes: &[NodeRow], _counts: &Counts) -> Result<(), MethodError> {
        Ok(())
    }

    /// Looks whether nodes can leave that the plan tells that they are about to ([`NodePhase::Leaving`]), and tells how far
    /// they are. It is asked again and again before they are taken out.
    ///
    /// [`NodePhase::Leaving`]: crate::store::manager::NodePhase::Leaving
    ///
    /// # Errors
    /// Returns an error if they cannot, which leaves the service as it is.
    async fn release(
        &self,
        _service: &ServiceContext,
        _nodes: &[NodeRow],
        _leaving: &[NodeRow],
    ) -> Result<Settling, MethodError> {
        Ok(Settling::Settled)
    }

    /// Returns whether nodes have to be released before they leave.
    fn releases_nodes(&self) -> bool {
        false
    }

    /// Returns the settings of a service that has these nodes now: what a later start is to make again.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn with_nodes(&self, settings: &Document, _nodes: &[NodeRow]) -> Result<Document, MethodError> {
        Ok(settings.clone())
    }

    /// Refuses a change of volumes: `method` (`create_volume`, `delete_volume`) may not be called now.
    ///
    /// # Errors
    /// Returns the text for the caller; by default that the kind has no volumes.
    async fn can_change_volumes(&self, _service: &ServiceContext, method: &str) -> Result<(), MethodError> {
        Err(MethodError::refused(format!("{method} method not currently supported for this service")))
    }

    /// Returns whether the manager's git repository holds code for services of this kind.
    fn has_git_code(&self) -> bool {
        false
    }

    /// Refuses that another code version is enabled while its nodes work.
    ///
    /// # Errors
    /// Returns the text for the caller.
    async fn can_enable_code(&self, _service: &ServiceContext) -> Result<(), MethodError> {
        Ok(())
    }

    /// Returns the role of the nodes at which visitors come in over the web; `None` for a service that is no site.
    fn entry_role(&self) -> Option<&'static str> {
        None
    }

    /// Returns the nodes at which visitors of a published service come in, by their role (all where there is none), and
    /// their port.
    fn door(&self) -> (Option<&'static str>, u16) {
        (self.entry_role(), 80)
    }

    /// Returns how the manager looks after working nodes of this kind, if it does.
    fn care(&self) -> Option<&'static Care> {
        None
    }

    /// Returns what a manifest may say of a service of this kind, besides what it may say of all.
    fn manifest(&self) -> ManifestKeys {
        ManifestKeys::default()
    }

    /// Returns whether its nodes take an environment for their programs, and so links to other services.
    fn has_environment(&self) -> bool {
        false
    }

    /// Returns whether other services can be linked to one of this kind.
    fn can_be_linked_to(&self) -> bool {
        false
    }

    /// Returns where services that are linked to one with these nodes find it; `None` while nobody serves.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn offer(&self, _settings: &Document, _nodes: &[NodeRow]) -> Result<Option<Offer>, MethodError> {
        Ok(None)
    }

    /// Returns what services are told that mount volumes of this one; `None` where the kind has no shared storage.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read.
    fn storage(&self, _settings: &Document, _nodes: &[NodeRow]) -> Result<Option<StorageOffer>, MethodError> {
        Ok(None)
    }

    /// Makes the account of a link, and what it is for. It may be repeated.
    ///
    /// # Errors
    /// Returns an error if nobody serves, or the name is taken by something that no link may have.
    async fn grant(&self, _service: &ServiceContext, _account: &Account) -> Result<(), MethodError> {
        Err(MethodError::refused("services of this kind make no accounts"))
    }

    /// Takes the account of a link back; what it was for stays. It may be repeated.
    ///
    /// # Errors
    /// Returns an error if nobody serves.
    async fn revoke(&self, _service: &ServiceContext, _account: &Account) -> Result<(), MethodError> {
        Ok(())
    }

    /// Returns its methods, besides those of every service.
    fn methods(&self) -> &'static [Method<ServiceContext>];
}

//! All methods of a manager: those of service 0, which is the manager itself, and those that every
//! service has. The methods of a kind stand in the kind's own table.

use std::sync::Arc;

use super::{about, describe, exec, git, links, metrics, nodes, operation, services, startup, storage, volumes};
use crate::manager::core::Manager;
use crate::model::ServiceId;
use crate::service::{Method, get, post, upload};

/// A service that a call names, the manager itself included.
pub(crate) struct Addressed {
    pub(crate) manager: Arc<Manager>,
    pub(crate) sid: ServiceId,
}

/// Methods of every service, the manager itself included.
pub(crate) const OF_EVERY_SERVICE: &[Method<Addressed>] = &[
    get("get_service_history", |a, call| Box::pin(about::get_service_history(a.manager, a.sid, call))),
    get("get_manager_log", |a, call| Box::pin(about::get_manager_log(a.manager, a.sid, call))),
    get("get_agent_log", |a, call| Box::pin(about::get_agent_log(a.manager, a.sid, call))),
    post("exec", |a, call| Box::pin(exec::exec(a.manager, a.sid, call))),
    post("exec_input", |a, call| Box::pin(exec::exec_input(a.manager, a.sid, call))),
    post("exec_resize", |a, call| Box::pin(exec::exec_resize(a.manager, a.sid, call))),
    post("exec_output", |a, call| Box::pin(exec::exec_output(a.manager, a.sid, call))),
    post("exec_stop", |a, call| Box::pin(exec::exec_stop(a.manager, a.sid, call))),
    get("get_node_metrics", |a, call| Box::pin(metrics::get_node_metrics(a.manager, a.sid, call))),
    get("get_git_info", |a, call| Box::pin(git::get_git_info(a.manager, a.sid, call))),
    post("set_auto_enable", |a, call| Box::pin(git::set_auto_enable(a.manager, a.sid, call))),
];

/// Methods of the manager itself.
pub(crate) const OWN: &[Method<Arc<Manager>>] = &[
    get("check_process", |manager, call| Box::pin(about::check_process(manager, call))),
    get("get_app_info", |manager, call| Box::pin(about::get_app_info(manager, call))),
    get("get_operation", |manager, call| Box::pin(operation::get_operation(manager, call))),
    post("add_service", |manager, call| Box::pin(services::add_service(manager, call))),
    post("remove_service", |manager, call| Box::pin(services::remove_service(manager, call))),
    post("start_service", |manager, call| Box::pin(services::start_service(manager, call))),
    post("stop_service", |manager, call| Box::pin(services::stop_service(manager, call))),
    post("add_nodes", |manager, call| Box::pin(nodes::add_nodes(manager, call))),
    post("remove_nodes", |manager, call| Box::pin(nodes::remove_nodes(manager, call))),
    post("create_volume", |manager, call| Box::pin(volumes::create_volume(manager, call))),
    post("delete_volume", |manager, call| Box::pin(volumes::delete_volume(manager, call))),
    post("attach_volume", |manager, call| Box::pin(volumes::attach_volume(manager, call))),
    post("list_volumes", |manager, call| Box::pin(volumes::list_volumes(manager, call))),
    upload("upload_startup_script", |manager, call| Box::pin(startup::upload_startup_script(manager, call))),
    get("get_startup_script", |manager, call| Box::pin(startup::get_startup_script(manager, call))),
    post("link_service", |manager, call| Box::pin(links::link_service(manager, call))),
    post("unlink_service", |manager, call| Box::pin(links::unlink_service(manager, call))),
    get("list_links", |manager, call| Box::pin(links::list_links(manager, call))),
    post("get_link_password", |manager, call| Box::pin(links::get_link_password(manager, call))),
    post("link_storage", |manager, call| Box::pin(storage::link_storage(manager, call))),
    post("unlink_storage", |manager, call| Box::pin(storage::unlink_storage(manager, call))),
    get("list_storage_links", |manager, call| Box::pin(storage::list_storage_links(manager, call))),
    post("set_environment", |manager, call| Box::pin(links::set_environment(manager, call))),
    get("get_environment", |manager, call| Box::pin(links::get_environment(manager, call))),
    get("describe_service", |manager, call| Box::pin(describe::describe_service(manager, call))),
    post("set_director_url", |manager, call| Box::pin(about::set_director_url(manager, call))),
    post("set_wanted_nodes", |manager, call| Box::pin(about::set_wanted_nodes(manager, call))),
    post("git_push_hook", |manager, call| Box::pin(git::git_push_hook(manager, call))),
    post("stopall", |manager, call| Box::pin(services::stopall(manager, call))),
];

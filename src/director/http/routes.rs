//! Every route of the director, its handler, and who may call it.
//!
//! A handler is called only after its route's [`Access`] was checked against
//! the client certificate; whose things it touches is checked by the queries.

use std::pin::Pin;
use std::sync::Arc;

use super::call::{Access, Call, admit};
use super::{
    accounts, administration, applications, certificates, credits, downloads, events, external, failure, information,
    join, manifests, nodes, published, services, totp, user_info, volumes,
};
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::rpc::{Form, FormBounds, Request, Response, path_arguments};

type Answer = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;
type Handler = fn(Arc<Director>, Call) -> Answer;

#[derive(Clone, Copy)]
struct Route {
    verbs: &'static [&'static str],
    pattern: &'static str,
    access: Access,
    handler: Handler,
    bounds: FormBounds,
}

/// What most routes take: some names and numbers. Files that come with them are passed over, not kept.
const TEXTS: FormBounds = FormBounds { max_bytes: 128 * 1024, takes_files: false };
/// A certificate request.
const REQUEST: FormBounds = FormBounds { max_bytes: 128 * 1024, takes_files: true };
/// Up to 64 nodes with what each is told, and a startup script.
const NODES: FormBounds = FormBounds { max_bytes: 2 * 1024 * 1024, takes_files: false };

/// A part of a manager's history.
const EVENTS: FormBounds = FormBounds { max_bytes: 1024 * 1024, takes_files: false };

/// A manifest with archives beside it; the listener's own bound is lower on most machines.
const MANIFEST: FormBounds = FormBounds { max_bytes: 2 * 1024 * 1024 * 1024, takes_files: true };

const NO_SUCH_PATH: &str = "The requested URL was not found on the server. If you entered the URL manually please \
                            check your spelling and try again.";
const GET: &[&str] = &["GET", "HEAD"];
const POST: &[&str] = &["POST"];
const ANY: &[&str] = &["GET", "HEAD", "POST"];

const fn route(verbs: &'static [&'static str], pattern: &'static str, access: Access, handler: Handler) -> Route {
    Route { verbs, pattern, access, handler, bounds: TEXTS }
}

const fn within(bounds: FormBounds, route: Route) -> Route {
    Route { bounds, ..route }
}

const ROUTES: &[Route] = &[
    route(GET, "/version", Access::Anyone, |d, c| Box::pin(information::version(d, c))),
    route(GET, "/support_external_idp", Access::Anyone, |d, c| Box::pin(information::support_external_idp(d, c))),
    route(GET, "/support_openid", Access::Anyone, |d, c| Box::pin(information::support_openid(d, c))),
    route(GET, "/debug_level/<text>", Access::Anyone, |d, c| Box::pin(information::debug_level(d, c))),
    route(GET, "/available_services", Access::Anyone, |d, c| Box::pin(information::available_services(d, c))),
    route(GET, "/available_clouds", Access::Anyone, |d, c| Box::pin(information::available_clouds(d, c))),
    route(GET, "/download/ConPaaS.tar.gz", Access::Anyone, |d, c| Box::pin(downloads::tarball(d, c))),
    route(GET, "/download_data/<text>", Access::Anyone, |d, c| Box::pin(downloads::data(d, c))),
    route(POST, "/new_user", Access::Anyone, |d, c| Box::pin(accounts::new_user(d, c))),
    route(POST, "/login", Access::Anyone, |d, c| Box::pin(accounts::login(d, c))),
    route(ANY, "/getcerts", Access::Anyone, |d, c| Box::pin(accounts::get_certificates(d, c))),
    route(ANY, "/external_provider", Access::Anyone, |d, c| Box::pin(external::provider(d, c))),
    route(POST, "/begin_external_login", Access::WebFrontend, |d, c| Box::pin(external::begin_login(d, c))),
    route(POST, "/external_login", Access::WebFrontend, |d, c| Box::pin(external::come_back(d, c))),
    route(POST, "/external_certificate", Access::WebFrontend, |d, c| Box::pin(external::certificate(d, c))),
    route(POST, "/external_account", Access::WebFrontend, |d, c| Box::pin(external::account(d, c))),
    route(GET, "/external_logins", Access::User, |d, c| Box::pin(external::of_user(d, c))),
    route(POST, "/begin_external_link", Access::User, |d, c| Box::pin(external::begin_link(d, c))),
    route(POST, "/end_external_link", Access::User, |d, c| Box::pin(external::end_link(d, c))),
    route(GET, "/user_config", Access::User, |d, c| Box::pin(user_info::user_config(d, c))),
    route(GET, "/user_credit", Access::User, |d, c| Box::pin(user_info::user_credit(d, c))),
    route(POST, "/change_password", Access::User, |d, c| Box::pin(accounts::change_password(d, c))),
    route(GET, "/totp", Access::User, |d, c| Box::pin(totp::of_user(d, c))),
    route(POST, "/begin_totp", Access::User, |d, c| Box::pin(totp::begin(d, c))),
    route(POST, "/confirm_totp", Access::User, |d, c| Box::pin(totp::confirm(d, c))),
    route(POST, "/end_totp", Access::User, |d, c| Box::pin(totp::end(d, c))),
    route(POST, "/createapp", Access::User, |d, c| Box::pin(applications::create(d, c))),
    route(POST, "/startapp/<int>", Access::User, |d, c| Box::pin(applications::start(d, c))),
    route(POST, "/startapp/<int>/<text>", Access::User, |d, c| Box::pin(applications::start(d, c))),
    route(POST, "/stopapp/<int>", Access::User, |d, c| Box::pin(applications::stop(d, c))),
    route(POST, "/deleteapp/<int>", Access::User, |d, c| Box::pin(applications::delete(d, c))),
    route(POST, "/renameapp/<int>", Access::User, |d, c| Box::pin(applications::rename(d, c))),
    route(GET, "/get_operation/<text>", Access::User, |d, c| Box::pin(applications::operation(d, c))),
    route(ANY, "/listapp", Access::User, |d, c| Box::pin(applications::list(d, c))),
    route(GET, "/list_resources", Access::User, |d, c| Box::pin(user_info::list_resources(d, c))),
    route(POST, "/add/<text>", Access::User, |d, c| Box::pin(services::add(d, c))),
    route(POST, "/rename", Access::User, |d, c| Box::pin(services::rename(d, c))),
    route(POST, "/remove", Access::User, |d, c| Box::pin(services::remove(d, c))),
    route(ANY, "/list", Access::User, |d, c| Box::pin(services::list(d, c))),
    route(ANY, "/list/<int>", Access::User, |d, c| Box::pin(services::list(d, c))),
    within(MANIFEST, route(POST, "/upload_manifest", Access::User, |d, c| Box::pin(manifests::upload(d, c)))),
    route(POST, "/download_manifest/<int>", Access::User, |d, c| Box::pin(manifests::download(d, c))),
    route(ANY, "/list_volumes", Access::User, |d, c| Box::pin(volumes::list(d, c))),
    route(POST, "/delete_kept_volume", Access::User, |d, c| Box::pin(volumes::delete_kept(d, c))),
    route(POST, "/publish", Access::User, |d, c| Box::pin(published::publish(d, c))),
    route(POST, "/unpublish", Access::User, |d, c| Box::pin(published::unpublish(d, c))),
    route(ANY, "/list_published", Access::User, |d, c| Box::pin(published::list(d, c))),
    route(ANY, "/published_log", Access::User, |d, c| Box::pin(published::log(d, c))),
    route(GET, "/events", Access::User, |d, c| Box::pin(events::list(d, c))),
    route(GET, "/list_users", Access::User, |d, c| Box::pin(administration::users(d, c))),
    route(POST, "/add_user_credit", Access::User, |d, c| Box::pin(administration::add_credit(d, c))),
    route(POST, "/set_user_password", Access::User, |d, c| Box::pin(administration::set_password(d, c))),
    route(GET, "/check_director", Access::User, |d, c| Box::pin(administration::check(d, c))),
    route(GET, "/list_invitations", Access::User, |d, c| Box::pin(administration::invitations(d, c))),
    route(POST, "/create_invitation", Access::User, |d, c| Box::pin(administration::invite(d, c))),
    route(POST, "/remove_invitation", Access::User, |d, c| Box::pin(administration::withdraw(d, c))),
    route(POST, "/remove_user", Access::User, |d, c| Box::pin(administration::remove(d, c))),
    within(NODES, route(POST, "/create_nodes", Access::Manager, |d, c| Box::pin(nodes::create(d, c)))),
    route(POST, "/remove_nodes", Access::Manager, |d, c| Box::pin(nodes::remove(d, c))),
    route(POST, "/gone_nodes", Access::Manager, |d, c| Box::pin(nodes::gone(d, c))),
    route(POST, "/create_volume", Access::Manager, |d, c| Box::pin(volumes::create(d, c))),
    route(POST, "/attach_volume", Access::Manager, |d, c| Box::pin(volumes::attach(d, c))),
    route(POST, "/grow_volume", Access::Manager, |d, c| Box::pin(volumes::grow(d, c))),
    route(POST, "/detach_volume", Access::Manager, |d, c| Box::pin(volumes::detach(d, c))),
    route(POST, "/destroy_volume", Access::Manager, |d, c| Box::pin(volumes::destroy(d, c))),
    route(POST, "/keep_volume", Access::Manager, |d, c| Box::pin(volumes::keep(d, c))),
    route(POST, "/kept_volumes", Access::Manager, |d, c| Box::pin(volumes::kept(d, c))),
    route(POST, "/use_volume", Access::Manager, |d, c| Box::pin(volumes::use_again(d, c))),
    route(POST, "/credit", Access::Manager, |d, c| Box::pin(credits::credit(d, c))),
    route(POST, "/callback/decrementUserCredit.php", Access::Manager, |d, c| Box::pin(credits::decrement(d, c))),
    route(POST, "/doors", Access::Manager, |d, c| Box::pin(published::doors(d, c))),
    within(EVENTS, route(POST, "/tell_events", Access::Manager, |d, c| Box::pin(events::tell(d, c)))),
    route(POST, "/ingress_sites", Access::Ingress, |d, c| Box::pin(published::sites(d, c))),
    route(POST, "/ingress_visits", Access::Ingress, |d, c| Box::pin(published::visits(d, c))),
    within(REQUEST, route(POST, "/ca/get_cert.php", Access::Manager, |d, c| Box::pin(certificates::sign_agent(d, c)))),
    within(REQUEST, route(POST, "/ca/join", Access::Token, |d, c| Box::pin(join::join(d, c)))),
    within(REQUEST, route(POST, "/ca/renew", Access::OutdatedNode, |d, c| Box::pin(certificates::renew(d, c)))),
];

/// Returns every route as (verb, pattern, access), for tests that walk all of them.
#[must_use]
pub fn route_table() -> Vec<(&'static str, &'static str, Access)> {
    ROUTES.iter().flat_map(|route| route.verbs.iter().map(|verb| (*verb, route.pattern, route.access))).collect()
}

/// Answers one request.
pub(crate) async fn answer(director: Arc<Director>, mut request: Request) -> Response {
    let path = request.path.clone();
    match dispatch(director, &mut request).await {
        Ok(response) => response,
        Err(error) => {
            request.discard_rest().await;
            failure::response(&error, &path)
        }
    }
}

async fn dispatch(director: Arc<Director>, request: &mut Request) -> Result<Response, Failure> {
    let matching: Vec<(&Route, Vec<String>)> = ROUTES
        .iter()
        .filter_map(|route| path_arguments(route.pattern, &request.path).map(|arguments| (route, arguments)))
        .collect();
    if matching.is_empty() {
        return Err(Failure::NotFound(NO_SUCH_PATH.into()));
    }
    let verbs: Vec<&str> = matching.iter().flat_map(|(route, _)| route.verbs.iter().copied()).collect();
    let Some((route, arguments)) =
        matching.into_iter().find(|(route, _)| route.verbs.contains(&request.method.as_str()))
    else {
        // The framework of ConPaaS 2.0 answers OPTIONS itself, whoever asks.
        let is_options = request.method == "OPTIONS";
        return Ok(if is_options { Response::verbs(&verbs) } else { Response::verb_page(&verbs) });
    };
    let admitted = admit(&director, route.access, &request.caller).await?;
    let caller = request.caller.clone();
    let form = Form::read_within(request, route.bounds).await?;
    (route.handler)(director, Call { form, caller, arguments, admitted }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_routes_are_open_to_anyone() {
        let open: std::collections::BTreeSet<&str> = route_table()
            .into_iter()
            .filter(|(_, _, access)| *access == Access::Anyone)
            .map(|(_, pattern, _)| pattern)
            .collect();
        assert_eq!(open.len(), 12, "{open:?}");
    }
}

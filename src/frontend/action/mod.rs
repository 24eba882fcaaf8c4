//! What visitors do who are signed in: one line each in [`ACTIONS`], and files that they take in [`FILES`].

mod account;
mod application;
mod code;
mod command;
mod data;
mod external;
mod invitation;
mod manifest;
mod service;
mod terminal;
mod totp;
mod user;

use std::pin::Pin;
use std::sync::Arc;

use super::outcome::{Done, Problem};
use super::visit::Visit;
use crate::rpc::FormBounds;

type Answer = Pin<Box<dyn Future<Output = Result<Done, Problem>> + Send>>;

/// Something that is asked for by a path.
pub(super) struct ActionRoute {
    pub(super) pattern: &'static str,
    pub(super) bounds: FormBounds,
    pub(super) act: fn(Arc<Visit>) -> Answer,
}

/// Names, numbers and short texts.
const TEXTS: FormBounds = FormBounds { max_bytes: 256 * 1024, takes_files: false };
/// As large as the listener takes files.
const FILE: FormBounds = FormBounds { max_bytes: u64::MAX, takes_files: true };

const fn action(pattern: &'static str, act: fn(Arc<Visit>) -> Answer) -> ActionRoute {
    ActionRoute { pattern, bounds: TEXTS, act }
}

const fn upload(pattern: &'static str, act: fn(Arc<Visit>) -> Answer) -> ActionRoute {
    ActionRoute { pattern, bounds: FILE, act }
}

/// Every action, asked for by POST.
pub(super) const ACTIONS: &[ActionRoute] = &[
    action("/applications", |v| Box::pin(async move { application::create(&v).await })),
    action("/applications/<int>/start", |v| Box::pin(async move { application::start(&v).await })),
    action("/applications/<int>/stop", |v| Box::pin(async move { application::stop(&v).await })),
    action("/applications/<int>/delete", |v| Box::pin(async move { application::delete(&v).await })),
    action("/applications/<int>/rename", |v| Box::pin(async move { application::rename(&v).await })),
    action("/applications/<int>/services", |v| Box::pin(async move { application::add_service(&v).await })),
    action("/applications/<int>/services/<int>/start", |v| Box::pin(async move { service::start(&v).await })),
    action("/applications/<int>/services/<int>/stop", |v| Box::pin(async move { service::stop(&v).await })),
    action("/applications/<int>/services/<int>/remove", |v| Box::pin(async move { service::remove(&v).await })),
    action("/applications/<int>/services/<int>/rename", |v| Box::pin(async move { service::rename(&v).await })),
    action("/applications/<int>/services/<int>/publish", |v| Box::pin(async move { service::publish(&v).await })),
    action("/applications/<int>/services/<int>/unpublish", |v| Box::pin(async move { service::unpublish(&v).await })),
    action("/applications/<int>/services/<int>/scale", |v| Box::pin(async move { service::scale(&v).await })),
    action("/applications/<int>/services/<int>/scripts", |v| Box::pin(async move { service::execute(&v).await })),
    action("/applications/<int>/services/<int>/startup", |v| Box::pin(async move { data::startup(&v).await })),
    action("/applications/<int>/services/<int>/volumes", |v| Box::pin(async move { data::create_volume(&v).await })),
    action("/applications/<int>/services/<int>/shared-volumes", |v| {
        Box::pin(async move { data::create_shared_volume(&v).await })
    }),
    action("/applications/<int>/services/<int>/volumes/<text>/delete", |v| {
        Box::pin(async move { data::delete_volume(&v).await })
    }),
    action("/applications/<int>/services/<int>/php", |v| Box::pin(async move { data::php(&v).await })),
    action("/applications/<int>/services/<int>/password", |v| Box::pin(async move { data::password(&v).await })),
    upload("/applications/<int>/services/<int>/dump", |v| Box::pin(async move { data::load_dump(&v).await })),
    upload("/applications/<int>/services/<int>/code", |v| Box::pin(async move { code::upload(&v).await })),
    action("/applications/<int>/services/<int>/code/<text>/enable", |v| {
        Box::pin(async move { code::enable(&v).await })
    }),
    action("/applications/<int>/services/<int>/code/<text>/delete", |v| {
        Box::pin(async move { code::delete(&v).await })
    }),
    action("/applications/<int>/services/<int>/keys", |v| Box::pin(async move { code::add_key(&v).await })),
    action("/applications/<int>/services/<int>/nodes/<text>/command", |v| {
        Box::pin(async move { command::run(&v).await })
    }),
    action("/applications/<int>/services/<int>/nodes/<text>/terminal/open", |v| {
        Box::pin(async move { terminal::open(&v).await })
    }),
    action("/applications/<int>/services/<int>/nodes/<text>/terminal/input", |v| {
        Box::pin(async move { terminal::input(&v).await })
    }),
    action("/applications/<int>/services/<int>/nodes/<text>/terminal/resize", |v| {
        Box::pin(async move { terminal::resize(&v).await })
    }),
    action("/applications/<int>/services/<int>/nodes/<text>/terminal/close", |v| {
        Box::pin(async move { terminal::close(&v).await })
    }),
    action("/manifest", |v| Box::pin(async move { manifest::make(&v).await })),
    action("/example", |v| Box::pin(async move { manifest::example(&v).await })),
    action("/logout", |v| Box::pin(async move { account::sign_out(&v) })),
    action("/invitations", |v| Box::pin(async move { invitation::create(&v).await })),
    action("/invitations/<int>/remove", |v| Box::pin(async move { invitation::remove(&v).await })),
    action("/users/<int>/credit", |v| Box::pin(async move { user::add_credit(&v).await })),
    action("/users/<int>/password", |v| Box::pin(async move { user::set_password(&v).await })),
    action("/users/<int>/remove", |v| Box::pin(async move { user::remove(&v).await })),
    action("/account/password", |v| Box::pin(async move { account::change_password(&v).await })),
    action("/account/totp", |v| Box::pin(async move { totp::begin(&v).await })),
    action("/account/totp/confirm", |v| Box::pin(async move { totp::confirm(&v).await })),
    action("/account/totp/off", |v| Box::pin(async move { totp::end(&v).await })),
    action("/account/external", |v| Box::pin(async move { external::link(&v).await })),
    action("/account/external/off", |v| Box::pin(async move { external::unlink(&v).await })),
    action("/account/sign-out-others", |v| Box::pin(async move { Ok(account::sign_out_others(&v)) })),
    action("/account/look", |v| Box::pin(async move { Ok(account::look(&v)) })),
];

/// Every file, asked for by GET.
pub(super) const FILES: &[ActionRoute] = &[
    action("/applications/<int>/services/<int>/code/<text>/download", |v| {
        Box::pin(async move { code::download(&v).await })
    }),
    action("/applications/<int>/services/<int>/dump", |v| Box::pin(async move { data::dump(&v).await })),
    action("/applications/<int>/manifest.json", |v| Box::pin(async move { manifest::download(&v).await })),
    action("/account/certs.zip", |v| Box::pin(async move { account::certificates(&v) })),
    action("/account/cps-tools.conf", |v| Box::pin(async move { Ok(account::client_settings(&v)) })),
];

//! Pages of somebody who is signed in, one line each in [`PAGES`].

mod account;
mod activity;
mod add_service;
mod application;
mod applications;
mod code;
mod command;
mod confirm;
mod external;
mod figures;
mod health;
mod invitations;
mod log;
mod manifest;
mod nodes;
mod published;
mod scale;
mod service;
mod settings;
mod shared_volumes;
mod tabs;
mod terminal;
mod totp;
mod traffic;
mod users;

use std::pin::Pin;
use std::sync::Arc;

use super::outcome::Shown;
use super::visit::Visit;

pub(super) use command::{Ran, node_of, page as command_page};
pub(super) use invitations::{made as invitation_page, unless_administrator};
pub(super) use log::read as read_log;
pub(super) use scale::Change;
pub(super) use totp::{recovery as recovery_page, secret as secret_page};
pub(super) use users::user_of;

type Answer = Pin<Box<dyn Future<Output = Shown> + Send>>;

/// A page that is asked for by GET.
pub(super) struct PageRoute {
    pub(super) pattern: &'static str,
    pub(super) show: fn(Arc<Visit>) -> Answer,
}

const fn page(pattern: &'static str, show: fn(Arc<Visit>) -> Answer) -> PageRoute {
    PageRoute { pattern, show }
}

/// Every page.
pub(super) const PAGES: &[PageRoute] = &[
    page("/", |v| Box::pin(async move { applications::show(&v).await })),
    page("/applications/<int>", |v| Box::pin(async move { application::show(&v).await })),
    page("/applications/<int>/making/<text>", |v| Box::pin(async move { manifest::making(&v).await })),
    page("/applications/<int>/add", |v| Box::pin(async move { add_service::show(&v).await })),
    page("/applications/<int>/log", |v| Box::pin(async move { log::of_application(&v).await })),
    page("/applications/<int>/stop", |v| Box::pin(async move { confirm::stop_application(&v).await })),
    page("/applications/<int>/delete", |v| Box::pin(async move { confirm::delete_application(&v).await })),
    page("/applications/<int>/services/<int>", |v| Box::pin(async move { service::show(&v).await })),
    page("/applications/<int>/services/<int>/figures", |v| Box::pin(async move { figures::show(&v).await })),
    page("/applications/<int>/services/<int>/code", |v| Box::pin(async move { code::show(&v).await })),
    page("/applications/<int>/services/<int>/settings", |v| Box::pin(async move { settings::show(&v).await })),
    page("/applications/<int>/services/<int>/logs", |v| Box::pin(async move { log::list(&v).await })),
    page("/applications/<int>/services/<int>/logs/<text>/<text>", |v| Box::pin(async move { log::show(&v).await })),
    page("/applications/<int>/services/<int>/scale", |v| Box::pin(async move { scale::show(&v).await })),
    page("/applications/<int>/services/<int>/stop", |v| Box::pin(async move { confirm::stop_service(&v).await })),
    page("/applications/<int>/services/<int>/remove", |v| Box::pin(async move { confirm::remove_service(&v).await })),
    page("/applications/<int>/services/<int>/code/<text>/delete", |v| {
        Box::pin(async move { confirm::delete_code(&v).await })
    }),
    page("/applications/<int>/services/<int>/volumes/<text>/delete", |v| {
        Box::pin(async move { confirm::delete_volume(&v).await })
    }),
    page("/applications/<int>/services/<int>/nodes/<text>/command", |v| {
        Box::pin(async move { command::show(&v).await })
    }),
    page("/applications/<int>/services/<int>/nodes/<text>/terminal", |v| {
        Box::pin(async move { terminal::show(&v).await })
    }),
    page("/manifest", |v| Box::pin(async move { manifest::show(&v).await })),
    page("/nodes", |v| Box::pin(async move { nodes::show(&v).await })),
    page("/activity", |v| Box::pin(async move { activity::show(&v).await })),
    page("/account", |v| Box::pin(async move { account::show(&v).await })),
    page("/invitations", |v| Box::pin(async move { invitations::show(&v).await })),
    page("/users", |v| Box::pin(async move { users::show(&v).await })),
    page("/users/<int>", |v| Box::pin(async move { users::one(&v).await })),
    page("/users/<int>/remove", |v| Box::pin(async move { users::remove(&v).await })),
    page("/health", |v| Box::pin(async move { health::show(&v).await })),
];

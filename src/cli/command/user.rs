//! `user`: accounts, certificates, credit.

use async_trait::async_trait;
use clap::Subcommand;
use serde::Serialize;

use super::certificate;
use super::local_user;
use super::local_user::NewUser;
use super::totp;
use crate::api::UserView;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::argparse::ADDITIONS;
use crate::cli::output::printer::{Printer, Reply};
use crate::cli::output::prompt;
use crate::client::certificate::create_account;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum UserCommand {
    /// Create a new user (on director's machine only)
    Create(NewUser),
    /// Create a new user for free with limited credit
    CreateFree {
        #[command(flatten)]
        user: NewUser,
        /// Invitation code, where the director wants one
        #[arg(long, value_name = "CODE", help_heading = ADDITIONS)]
        invitation: Option<String>,
    },
    /// Get the user's certificate
    GetCertificate {
        /// Trust the director although its certificate authority has changed
        #[arg(long = "accept-new-ca", help_heading = ADDITIONS)]
        accept_new_ca: bool,
        /// The one-time code, if one is needed; it is asked for otherwise
        #[arg(long, value_name = "CODE", help_heading = ADDITIONS)]
        totp: Option<String>,
    },
    /// Have a login by password need a one-time code of your phone, too
    EnableTotp,
    /// Have a login by password need no one-time code any more
    DisableTotp,
    /// Get user configuration
    GetConfig,
    /// Get user current credit
    GetCredit,
    /// Add credit to user (on director's machine only)
    #[command(alias = "add-credit")]
    AddCredit {
        /// User's username
        username: String,
        /// Credit to add (positive or negative integer)
        #[arg(allow_negative_numbers = true)]
        credit: i64,
    },
    /// List users (on director's machine only)
    List {
        /// Show their credit
        #[arg(long)]
        credit: bool,
    },
}

/// A user's credit as `--json` prints it.
#[derive(Serialize)]
struct Credit {
    username: String,
    credit: i64,
}

#[async_trait(?Send)]
impl Action for UserCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            UserCommand::Create(user) => create(run.printer, user).await,
            UserCommand::CreateFree { user, invitation } => create_free(run, user, invitation).await,
            UserCommand::GetCertificate { accept_new_ca, totp } => certificate::get(run, accept_new_ca, totp).await,
            UserCommand::EnableTotp => totp::enable(run).await,
            UserCommand::DisableTotp => totp::disable(run).await,
            UserCommand::GetConfig => get_config(&run.session).await,
            UserCommand::GetCredit => get_credit(&run.session).await,
            UserCommand::AddCredit { username, credit } => add_credit(username, credit).await,
            UserCommand::List { credit } => list(credit).await,
        }
    }
}

async fn create(printer: Printer, user: NewUser) -> Result<Reply, Failure> {
    local_user::check()?;
    let user = completed(printer, user)?;
    let text = format!("User '{}' created successfully.", user.username);
    local_user::create_user(user).await?;
    Ok(Reply::done(text))
}

async fn create_free(run: &Invocation, user: NewUser, invitation: Option<String>) -> Result<Reply, Failure> {
    run.session.director_url()?;
    let mut account = completed(run.printer, user)?.account();
    account.invitation = invitation.unwrap_or_default();
    let trust = certificate::pinned(&run.settings.state_dir)?;
    create_account(&run.session, &trust, &account).await?;
    Ok(Reply::done(format!("User '{}' created successfully.", account.username)))
}

/// Asks for what is missing and needed.
fn completed(printer: Printer, mut user: NewUser) -> Result<NewUser, Failure> {
    if user.credit <= 0 {
        return Err(Failure::said(format!("Cannot create a user with {} credits.", user.credit)));
    }
    while user.email.as_deref().is_none_or(str::is_empty) {
        user.email = Some(prompt::ask_line("Enter user email address: ")?);
    }
    if user.password.is_none() {
        user.password = Some(prompt::ask_twice(printer)?);
    }
    Ok(user)
}

async fn get_config(session: &Session) -> Result<Reply, Failure> {
    let user = session.user().await?;
    Ok(Reply::lines(&config_lines(&user), &user))
}

/// Returns a line for each field, in the order in which ConPaaS 2.0 shows them.
fn config_lines(user: &UserView) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "None".to_owned());
    vec![
        format!("username: {}", user.username),
        format!("openid: {}", or_none(&user.openid)),
        format!("uuid: {}", or_none(&user.uuid)),
        format!("created: {}", user.created),
        format!("credit: {}", user.credit),
        format!("lname: {}", user.lname),
        format!("affiliation: {}", user.affiliation),
        format!("fname: {}", user.fname),
        format!("email: {}", user.email),
        format!("uid: {}", user.uid),
    ]
}

async fn get_credit(session: &Session) -> Result<Reply, Failure> {
    let credit = session.credit().await?;
    Ok(Reply::line(credit.to_string(), &credit))
}

async fn add_credit(username: String, credit: i64) -> Result<Reply, Failure> {
    let credit = local_user::add_credit(&username, credit).await?;
    let text = format!("Credit added successfully to user '{username}', the new credit is {credit}.");
    Ok(Reply::line(text, &Credit { username, credit }))
}

async fn list(with_credit: bool) -> Result<Reply, Failure> {
    let mut users = local_user::list_users().await?;
    users.sort();
    let users: Vec<Credit> = users.into_iter().map(|(username, credit)| Credit { username, credit }).collect();
    let line = |Credit { username, credit }: &Credit| match with_credit {
        true => format!("{username}\t{credit}"),
        false => username.clone(),
    };
    let lines: Vec<String> = users.iter().map(line).collect();
    Ok(Reply::lines(&lines, &users))
}

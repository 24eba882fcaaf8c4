//! `user`: accounts, certificates, credit.

use async_trait::async_trait;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::certificate;
use super::local_user;
use crate::cli::command_line::Action;
use crate::cli::output::argparse::ADDITIONS;
use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::cli::output::table::{Row, shown};
use crate::client::error::Failure;
use crate::client::session::{Session, understood};
use crate::rpc::{Client, PeerRule};

/// The order in which ConPaaS 2.0 shows a user's fields.
const FIELDS: [&str; 10] =
    ["username", "openid", "uuid", "created", "credit", "lname", "affiliation", "fname", "email", "uid"];

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum UserCommand {
    /// Create a new user (on director's machine only)
    Create(NewUser),
    /// Create a new user for free with limited credit
    CreateFree(NewUser),
    /// Get the user's certificate
    GetCertificate {
        /// Trust the director although its certificate authority has changed
        #[arg(long = "accept-new-ca", help_heading = ADDITIONS)]
        accept_new_ca: bool,
    },
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

/// A new account.
#[derive(Debug, Args)]
pub(crate) struct NewUser {
    /// User's username
    pub username: String,
    /// User's email
    #[arg(long)]
    pub email: Option<String>,
    /// User's first name
    #[arg(long)]
    pub fname: Option<String>,
    /// User's last name
    #[arg(long)]
    pub lname: Option<String>,
    /// User's affiliation
    #[arg(long)]
    pub affiliation: Option<String>,
    /// User's password; better leave it out and be asked
    #[arg(long)]
    pub password: Option<String>,
    /// Initial credit
    #[arg(long, value_name = "CRED", default_value_t = 50, allow_negative_numbers = true)]
    pub credit: i64,
}

#[async_trait(?Send)]
impl Action for UserCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        match *self {
            UserCommand::Create(user) => create(session, user).await,
            UserCommand::CreateFree(user) => create_free(session, user).await,
            UserCommand::GetCertificate { accept_new_ca } => certificate::get(session, accept_new_ca).await,
            UserCommand::GetConfig => get_config(session).await,
            UserCommand::GetCredit => get_credit(session).await,
            UserCommand::AddCredit { username, credit } => add_credit(&username, credit).await,
            UserCommand::List { credit } => list(credit).await,
        }
    }
}

async fn create(session: &Session, user: NewUser) -> Result<Reply, Failure> {
    local_user::check()?;
    let user = completed(session, user)?;
    let text = format!("User '{}' created successfully.", user.username);
    local_user::create_user(user).await?;
    Ok(Reply::done(text))
}

async fn create_free(session: &Session, user: NewUser) -> Result<Reply, Failure> {
    session.director_url()?;
    let user = completed(session, user)?;
    let client = match certificate::pinned(session)? {
        Some(authority) => Client::new(Some(&authority), PeerRule::Director)?,
        None => Client::new(None, PeerRule::Unverified)?,
    };
    let credit = user.credit.to_string();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let fields =
        [text(&user.fname), text(&user.lname), text(&user.email), text(&user.affiliation), text(&user.password)];
    let [fname, lname, email, affiliation, password] = &fields;
    let parameters = [
        ("username", user.username.as_str()),
        ("fname", fname),
        ("lname", lname),
        ("email", email),
        ("affiliation", affiliation),
        ("password", password),
        ("credit", &credit),
        ("service_id", "0"),
    ];
    session.post_by(&client, "new_user", &parameters).await?;
    Ok(Reply::done(format!("User '{}' created successfully.", user.username)))
}

/// Asks for what is missing and needed.
fn completed(session: &Session, mut user: NewUser) -> Result<NewUser, Failure> {
    if user.credit <= 0 {
        return Err(Failure::said(format!("Cannot create a user with {} credits.", user.credit)));
    }
    while user.email.as_deref().is_none_or(str::is_empty) {
        user.email = Some(prompt::ask_line("Enter user email address: ")?);
    }
    if user.password.is_none() {
        user.password = Some(prompt::ask_twice(&session.printer)?);
    }
    Ok(user)
}

async fn get_config(session: &Session) -> Result<Reply, Failure> {
    let user: Row = understood("user_config", session.get("user_config", &[]).await?)?;
    let known = FIELDS.iter().filter_map(|name| user.get_key_value(*name));
    let others = user.iter().filter(|(name, _)| !FIELDS.contains(&name.as_str()));
    let lines: Vec<String> = known.chain(others).map(|(name, value)| format!("{name}: {}", shown(value))).collect();
    Ok(Reply::lines(&lines, Value::Object(user)))
}

async fn get_credit(session: &Session) -> Result<Reply, Failure> {
    let credit: i64 = understood("user_credit", session.get("user_credit", &[]).await?)?;
    Ok(Reply::line(credit.to_string(), json!(credit)))
}

async fn add_credit(username: &str, credit: i64) -> Result<Reply, Failure> {
    let credit = local_user::add_credit(username, credit).await?;
    let text = format!("Credit added successfully to user '{username}', the new credit is {credit}.");
    Ok(Reply::line(text, json!({ "username": username, "credit": credit })))
}

async fn list(with_credit: bool) -> Result<Reply, Failure> {
    let mut users = local_user::list_users().await?;
    users.sort();
    let line = |(name, credit): &(String, i64)| if with_credit { format!("{name}\t{credit}") } else { name.clone() };
    let lines: Vec<String> = users.iter().map(line).collect();
    let values: Vec<Value> = users.iter().map(|(name, credit)| json!({ "username": name, "credit": credit })).collect();
    Ok(Reply::lines(&lines, Value::Array(values)))
}

//! Accounts of services that are linked: each has all rights for one database, and no others.

use std::sync::Arc;

use super::node::MysqlAgent;
use super::sql;
use crate::service::call::Call;
use crate::service::environment::is_plain_name;
use crate::service::error::MethodError;
use crate::service::reply::Reply;

/// Databases of the servers themselves.
const OWN_DATABASES: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

/// `grant_account`: makes database and account, with this password. It may be repeated.
pub(super) async fn grant(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_user(&mut call)?;
    let password = call.params.string("password")?;
    let database = call.params.string("database")?;
    call.finish()?;
    agent.member("Cannot make an account").await?;
    let is_own = OWN_DATABASES.iter().any(|own| own.eq_ignore_ascii_case(&database));
    if is_own || !is_plain_name(&database) {
        return Err(MethodError::invalid(format!("'{database}' is no name of a database of a link")));
    }
    let secret =
        sql::quoted(&password).ok_or_else(|| MethodError::invalid("a password cannot hold the character NUL"))?;
    // In a grant an underscore stands for any character.
    let pattern = database.replace('_', "\\_");
    run(
        &agent,
        &format!(
            "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4;\n\
             CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY {secret};\n\
             ALTER USER '{user}'@'%' IDENTIFIED BY {secret};\n\
             GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{user}'@'%';"
        ),
    )
    .await
}

/// `revoke_account`: removes the account; its database stays. It may be repeated.
pub(super) async fn revoke(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_user(&mut call)?;
    call.finish()?;
    agent.member("Cannot remove an account").await?;
    run(&agent, &format!("DROP USER IF EXISTS '{user}'@'%';")).await
}

async fn run(agent: &MysqlAgent, statements: &str) -> Result<Reply, MethodError> {
    sql::run(&agent.place.socket(), statements, sql::LIMIT).await.map_err(MethodError::refused)?;
    Ok(Reply::nothing())
}

/// Takes the name of an account of a link, never that of another one.
fn take_user(call: &mut Call) -> Result<String, MethodError> {
    let user = call.params.string("username")?;
    let number = user.strip_prefix("link").unwrap_or_default();
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        return Err(MethodError::invalid(format!("'{user}' is no account of a link")));
    }
    Ok(user)
}

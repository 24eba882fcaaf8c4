//! What administrators do with other users.

use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page::user_of;
use crate::frontend::text::fill;
use crate::frontend::visit::Visit;

pub(super) async fn add_credit(visit: &Visit) -> Result<Done, Problem> {
    let user = user_of(visit).await?;
    let amount = visit.required("credit")?.parse().map_err(|_| Problem::Form(visit.t.not_done.to_owned()))?;
    let credit = visit.client.add_user_credit(user.uid, amount).await?;
    Ok(Done::said(format!("/users/{}", user.uid), fill(visit.t.credit_is_now, &[&user.username, &credit])))
}

pub(super) async fn set_password(visit: &Visit) -> Result<Done, Problem> {
    let user = user_of(visit).await?;
    let new = visit.typed("new_password");
    if new.is_empty() || new != visit.typed("again") {
        return Err(Problem::Form(visit.t.passwords_differ.to_owned()));
    }
    visit.client.set_user_password(user.uid, new).await?;
    // Whoever knew the old password is signed out.
    for (name, _) in visit.site.sessions.of_user(user.uid) {
        visit.site.sessions.end(&name);
    }
    let said = fill(visit.t.password_of_user_is_set, &[&user.username]);
    Ok(Done::said(format!("/users/{}", user.uid), said))
}

pub(super) async fn remove(visit: &Visit) -> Result<Done, Problem> {
    let user = user_of(visit).await?;
    visit.client.remove_user(user.uid).await?;
    Ok(Done::said("/users", fill(visit.t.user_is_removed, &[&user.username])))
}

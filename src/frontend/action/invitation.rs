//! What administrators do with invitations.

use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page::{invitation_page, unless_administrator};
use crate::frontend::visit::Visit;

pub(super) async fn create(visit: &Visit) -> Result<Done, Problem> {
    let number =
        |name: &str| visit.required(name)?.parse().map_err(|_| Problem::Form(visit.t.field_missing.to_owned()));
    let bounds = (number("uses")?, number("days")?);
    let made = visit.client.create_invitation(visit.field("label"), bounds).await.map_err(unless_administrator)?;
    Ok(Done::Page(Box::new(invitation_page(visit.t, &visit.origin, &made))))
}

pub(super) async fn remove(visit: &Visit) -> Result<Done, Problem> {
    let id = visit.argument(0).parse().map_err(|_| Problem::NotFound)?;
    visit.client.remove_invitation(id).await.map_err(unless_administrator)?;
    Ok(Done::at("/invitations"))
}

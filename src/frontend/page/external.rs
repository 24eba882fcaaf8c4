//! Identities at a provider: their card on `/account`.

use maud::{Markup, html};

use crate::api::{ExternalLinkView, totp};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::Field;
use crate::frontend::ui::table;

/// Returns the card that says what is linked, with the ways to link more and fewer.
pub(super) fn card(t: &Texts, provider: &str, links: &[ExternalLinkView]) -> Markup {
    let content = html! {
        div.stack {
            p.small.muted { (t.external_hint) }
            @for (n, link) in links.iter().enumerate() {
                details {
                    summary { (link.shown) }
                    form.stack method="post" action="/account/external/off" {
                        p.small.muted { (link.issuer) ", " (link.created.split('T').next().unwrap_or_default()) }
                        input type="hidden" name="issuer" value=(link.issuer);
                        input type="hidden" name="subject" value=(link.subject);
                        (proof(t, &format!("external-{n}-")))
                        button { (t.unlink_identity) }
                    }
                }
            }
            form.stack method="post" action="/account/external" {
                (proof(t, "external-"))
                button { (t.link_identity) }
            }
        }
    };
    table::card(&fill(t.external_logins, &[&provider]), &content)
}

fn proof(t: &Texts, form: &str) -> Markup {
    let password = Field::password("password", t.present_password, "current-password");
    let code = Field { is_required: false, ..Field::text(totp::FIELD, t.code_if_used) }.with_fill("one-time-code");
    html! { (Field { form, ..password }.show()) (Field { form, ..code }.show()) }
}

//! Volumes of shared storage: how each is mounted, and where one more is made.

use maud::{Markup, html};

use crate::api::xtreemfs::SharedVolumeView;
use crate::frontend::text::Texts;
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::Place;

pub(super) fn show(t: &Texts, place: &Place, volumes: &[SharedVolumeView]) -> Markup {
    let row = |volume: &SharedVolumeView| -> Row {
        let host = volume.host.as_deref().unwrap_or_default();
        let command = format!("mfsmount -H {host} -S /{} -p MOUNT_POINT", volume.name);
        vec![
            html! { (volume.name) },
            html! { @if let Some(size) = volume.quota_mb { (size) " MB" } },
            html! { (form::copy(&command, t.copy)) },
        ]
    };
    let rows: Vec<Row> = volumes.iter().map(row).collect();
    table::card(
        t.volumes,
        &html! {
            div.stack {
                (table::show(&[t.name, t.size, t.connect], &rows, t.no_volume))
                form.row.end method="post" action={ (place.path()) "/shared-volumes" } {
                    div.grow { (Field::text("name", t.name).show()) }
                    button { (t.create) }
                }
                p.hint { (t.how_volumes_are_mounted) }
            }
        },
    )
}

//! Script, style and icon: their addresses change with what is in them, so that a browser keeps each for good.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::rpc::{Packing, Response};

/// One of them.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: usize = 0;
const STYLE: usize = 1;
const ICON: usize = 2;
const TERMINAL_SCRIPT: usize = 3;
const TERMINAL_STYLE: usize = 4;

const ASSETS: [Asset; 5] = [
    Asset { name: "app.js", content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("asset/app.js") },
    Asset { name: "conpaas.css", content_type: "text/css; charset=utf-8", bytes: include_bytes!("asset/conpaas.css") },
    Asset { name: "icon.svg", content_type: "image/svg+xml", bytes: include_bytes!("asset/icon.svg") },
    Asset {
        name: "terminal.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("asset/terminal.js"),
    },
    Asset {
        name: "terminal.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("asset/terminal.css"),
    },
];

static PATHS: LazyLock<[String; 5]> = LazyLock::new(|| {
    ASSETS.map(|asset| {
        let digest = Sha256::digest(asset.bytes);
        let mark: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("/assets/{mark}/{}", asset.name)
    })
});

/// Returns where the script is.
pub(super) fn script_path() -> &'static str {
    &PATHS[SCRIPT]
}

/// Returns where the style is.
pub(super) fn style_path() -> &'static str {
    &PATHS[STYLE]
}

/// Returns where the icon is.
pub(super) fn icon_path() -> &'static str {
    &PATHS[ICON]
}

/// Returns where script and style of the terminal are.
pub(super) fn terminal_paths() -> (&'static str, &'static str) {
    (&PATHS[TERMINAL_SCRIPT], &PATHS[TERMINAL_STYLE])
}

/// Returns what lies at a path; `None` for nothing.
pub(super) fn find(path: &str, packing: Packing) -> Option<Response> {
    let at = PATHS.iter().position(|own| own == path)?;
    Some(Response::lasting_asset(ASSETS[at].content_type, ASSETS[at].bytes, packing))
}

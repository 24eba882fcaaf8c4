//! What users add to the configuration of nginx: hook files of this node, as in ConPaaS 2.0, and what is set of the service.
//!
//! Both are copied into the configuration, so that nginx checks them before it uses them. A file of the node that changes
//! is taken with the next change of the configuration.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::place::Place;
use crate::api::web::HttpProxy;
use crate::supervise::daemon::ConfigurationFile;

const MAX_BYTES: u64 = 64 << 10;

/// Returns the files that `proxy.conf` includes: in the block `server`, and in the block `location /`. Blocking.
#[must_use]
pub(super) fn of(proxy: Option<&HttpProxy>, place: &Place) -> [ConfigurationFile; 2] {
    let added = |name: &str, of_service: fn(&HttpProxy) -> &str| {
        let of_service = proxy.map_or("", of_service);
        let of_node = match proxy {
            Some(_) => read(&place.cache.join(format!("nginx-{name}"))),
            None => String::new(),
        };
        let lines = [of_node.as_str(), of_service].into_iter().filter(|text| !text.trim().is_empty());
        place.file(name, lines.map(|text| format!("{}\n", text.trim_end())).collect())
    };
    [added("user-server.conf", |proxy| &proxy.hooks.server), added("user-rootloc.conf", |proxy| &proxy.hooks.rootloc)]
}

fn read(path: &Path) -> String {
    let mut text = Vec::new();
    if path.is_file() {
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
        if let Err(error) = read {
            tracing::warn!("{} is not used: {error}", path.display());
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

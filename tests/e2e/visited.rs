//! A site in real containers that visitors use without a pause while it changes.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::php::{Site, enable};
use super::world;
use crate::support::nutshell::Nutshell;
use crate::support::visitors::{Seen, Visitors};
use crate::support::wait::wait_until_within;

/// A page that tells nothing to anybody, and takes forms.
const PAGE: &str = "<?php echo 'hello ', $_POST['a'] ?? '', \"\\n\";\n";
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn no_request_fails_while_a_site_changes() {
    let image = world::php_base();
    world::inside("e2e::visited::no_request_fails_while_a_site_changes", |state| async move {
        let (namespace, nutshell) = world::nutshell(&state, &state, &image);
        let (site, address) = begin(&nutshell, &state);
        let visitors = Visitors::come(&namespace, address, &["/", "/style.css"]);
        let more = |what: &str| {
            let before = visitors.seen().n_good;
            let came = || (visitors.seen().n_good > before + 200).then_some(());
            wait_until_within(LIMIT, "visitors see the site", came);
            let Seen { n_good, n_reopened, n_failed, longest, failures } = visitors.seen();
            let first = failures.first();
            eprintln!("{what}: {n_good} good, {n_reopened} reopened, {n_failed} failed, longest {longest:?} {first:?}");
        };
        more("before");
        loop {
            change_everything(&site, &more);
            if !is_long() || visitors.seen().n_good > 100_000 {
                break;
            }
        }
        let seen = visitors.go();
        assert_eq!(seen.n_failed, 0, "{seen:?}");
    });
}

/// Whether the long form was asked for: ten new versions instead of three, and 100,000 requests.
fn is_long() -> bool {
    std::env::var_os("CONPAAS_TEST_LONG").is_some()
}

fn n_times(long: u32) -> u32 {
    if is_long() { long } else { 3 }
}

/// Starts a service with one node; returns its address.
fn begin<'a>(nutshell: &'a Nutshell, state: &'a Path) -> (Site<'a>, SocketAddr) {
    nutshell.succeed("up", &[]);
    let site = Site { nutshell, directory: state };
    for words in ["application create shop", "application start shop", "php add shop", "php start shop 1"] {
        site.client(words);
    }
    enable(&site, PAGE);
    let nodes = site.nodes();
    let address: IpAddr = nodes.first().expect("there is one").1.parse().expect("it is an address");
    (site, (address, 80).into())
}

//! The recorded session with a site in PHP once more, with the real director, managers, agents, nginx and PHP, on a cloud
//! of plain programs. Ids, times and addresses are other ones.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

use super::backend::Backend;
use super::place::Place;
use super::session::{Step, with_sites};
use crate::it::node::bench::tar_of;
use crate::support::all_ports::inside;

#[test]
fn the_session_with_a_site_is_the_same_with_real_nodes() {
    let name = "it::cli::sites::the_session_with_a_site_is_the_same_with_real_nodes";
    inside(name, async || {
        let place = Place::new().await;
        let backend = Backend::start(&place).await;
        for line in ["cps-user get_certificate", "cps-application create webapp", "cps-application start webapp"] {
            let words: Vec<&str> = line.split(' ').collect();
            let got = place.run(&words).await;
            assert_eq!(got.code, 0, "{line}: {got:?}");
        }
        let packed = gzip(&tar_of(&[("index.php", "<?php echo 'shop';")]));
        std::fs::write(place.work().join("php.tar.gz"), packed).unwrap();
        let mut session = Session { place: &place, names: BTreeMap::from([("6".to_owned(), "2".to_owned())]) };
        let of_php = with_sites().into_iter().filter(|step| step.command.starts_with("cps-php"));
        let mut n_taken = 0;
        for step in of_php {
            session.take(&step).await;
            n_taken += 1;
        }
        assert!(n_taken > 45, "only {n_taken} steps of the session were taken");
        backend.stop(&place).await;
    });
}

/// The session as it is typed now.
struct Session<'a> {
    place: &'a Place,
    /// What the recorded ids are called now.
    names: BTreeMap<String, String>,
}

impl Session<'_> {
    async fn take(&mut self, step: &Step) {
        let command = step.command.replace("/home/user", self.place.work().to_str().unwrap());
        if command.contains("iaasi-") {
            let node = self.first_node().await;
            self.names.insert("iaasi-00000012".to_owned(), node);
        }
        let words: Vec<&str> =
            command.split(' ').map(|word| self.names.get(word).map_or(word, String::as_str)).collect();
        let got = self.place.run(&words).await;
        let wanted = (step.code, shown(&step.stdout, &self.names), shown(&step.stderr, &self.names));
        let none = BTreeMap::new();
        assert_eq!((got.code, shown(&got.stdout, &none), shown(&got.stderr, &none)), wanted, "$ {command}: {got:?}");
        if words[1] == "upload_code" {
            let id = |text: &str| text.split('\'').nth(1).unwrap().to_owned();
            self.names.insert(id(&step.stdout), id(&got.stdout));
        }
    }

    async fn first_node(&self) -> String {
        let listed = self.place.run(&["cps-php", "list_nodes", "webapp", "1", "--json"]).await;
        let nodes: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
        nodes[0]["agent_id"].as_str().unwrap().to_owned()
    }
}

/// Lines with what differs from run to run replaced, and without the widths of columns. A list in the order of a
/// dictionary, which ids decide, is brought into one order.
fn shown(text: &str, names: &BTreeMap<String, String>) -> Vec<String> {
    let line = |line: &str| {
        let mut words: Vec<String> = line.split_whitespace().map(|word| masked(word, names)).collect();
        if line.contains("CodeVersion(") {
            words.iter_mut().for_each(|word| *word = word.replace(['{', '}', ',', '.'], ""));
            words.sort_unstable();
        }
        words.join(" ")
    };
    text.lines().map(line).collect()
}

fn masked(word: &str, names: &BTreeMap<String, String>) -> String {
    let is_time =
        |separator| word.split(separator).count() == 3 && word.split(separator).all(|part| part.parse::<u32>().is_ok());
    if is_time(':') || is_time('-') {
        return "<time>".to_owned();
    }
    let bare = word.trim_end_matches('.');
    let word = names.get(bare).map_or_else(|| word.to_owned(), |name| word.replace(bare, name));
    let mut shown = String::new();
    let mut run = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || "-.".contains(c) {
            run.push(c);
            continue;
        }
        shown.push_str(match run.as_str() {
            run if run.parse::<Ipv4Addr>().is_ok() => "<ip>",
            run if run.starts_with("iaas") => "<node>",
            run if run.starts_with("code-") && run.len() == 11 => "<code>",
            run if !run.is_empty() && run.chars().all(|c| c == '-') => "<rule>",
            run => run,
        });
        run.clear();
        if c != '\0' {
            shown.push(c);
        }
    }
    shown
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

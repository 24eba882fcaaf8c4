//! Labels: letters that servers bear, by which volumes choose where their files are.
//!
//! The first copy of a file is on a server with the first label of its volume, the second on one with the second, and so
//! on in turn. Where no such server has room or is there, files are on others meanwhile.

use std::collections::BTreeSet;

use super::roles::{OSD, plays};
use super::settings::XtreemfsSettings;
use super::volumes;
use crate::api::params::bad;
use crate::model::State;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::store::manager::NodeRow;

/// More copies of a file there are not.
const MOST_IN_LIST: usize = 9;

/// `set_server_labels` (ours): the letters that the server of a node bears; none takes them away.
pub(super) async fn set(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let id = call.params.string("serviceNodeId")?;
    let labels = call.params.string("labels")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let labels = parse(&labels).map_err(|text| bad("labels", &text))?;
    let nodes = service.nodes().await?;
    let node = nodes.iter().find(|node| node.view.id == id && plays(node, OSD));
    let node = node.ok_or_else(|| bad("serviceNodeId", &format!("'{}' is no osd node", id.escape_debug())))?;
    let mut settings: XtreemfsSettings = service.settings().await?.read()?;
    let reason = format!("The server of node {} bears the labels '{labels}'", node.view.id);
    settings.labels.insert(node.view.id.clone(), labels);
    settings.labels.retain(|_, labels| !labels.is_empty());
    check_left(&settings, &nodes)?;
    let settings = Document::of(&settings)?;
    Ok(Reply::Adapt { reason, change: Change::Settings { settings } })
}

/// Has a volume be on servers with these labels, or on any; returns what people are told.
///
/// # Errors
/// Returns an error if there is no such volume, or no server bears one of the labels.
pub(super) async fn choose(
    service: &ServiceContext,
    name: &str,
    kind: &'static str,
    policy: &str,
    labels: Vec<String>,
) -> Result<String, MethodError> {
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let borne = borne(&settings, &service.nodes().await?);
    if let Some(missing) = labels.iter().find(|label| !is_borne(label, &borne)) {
        return Err(MethodError::refused(format!("no osd node has the label {missing}: use set_server_labels first")));
    }
    let (policy, shown) = (policy.to_owned(), labels.join(", "));
    volumes::change(service, name, move |volume| {
        volume.labels = labels;
        volume.policies.insert(kind.to_owned(), policy);
    })
    .await?;
    Ok(match shown.as_str() {
        "" => format!("Any server may have files of volume '{name}'\n"),
        labels => format!("Servers with the labels {labels} have the files of volume '{name}'\n"),
    })
}

/// Refuses what would leave a volume without any server that bears its labels.
///
/// # Errors
/// Returns an error that names the volume.
pub(super) fn check_left(settings: &XtreemfsSettings, left: &[NodeRow]) -> Result<(), MethodError> {
    let borne = borne(settings, left);
    for (name, volume) in settings.volumes.iter().filter(|(_, volume)| !volume.is_leaving) {
        if let Some(missing) = volume.labels.iter().find(|label| !is_borne(label, &borne)) {
            return Err(MethodError::refused(format!(
                "volume '{name}' is on servers with the label {missing}, and none would be left: set its OSD selection \
                 policy to DEFAULT first"
            )));
        }
    }
    Ok(())
}

/// Reads the labels of copies, with commas between them.
///
/// # Errors
/// Returns an error if one is no letter.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, MethodError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let read = |label: &str| match parse(label.trim()) {
        Ok(label) if !label.is_empty() => Ok(label),
        Ok(_) => Err("a label is missing between commas".to_owned()),
        Err(text) => Err(text),
    };
    let list: Result<Vec<String>, String> = text.split(',').map(read).collect();
    let list = list.map_err(|text| bad("labels", &text))?;
    if list.len() > MOST_IN_LIST {
        return Err(bad("labels", &format!("{} are more than {MOST_IN_LIST}", list.len())).into());
    }
    Ok(list)
}

/// Reads letters, and puts them into order.
fn parse(text: &str) -> Result<String, String> {
    if text.chars().all(|c| c.is_ascii_uppercase()) {
        return Ok(text.chars().collect::<BTreeSet<char>>().into_iter().collect());
    }
    Err(format!("'{}' is not made of letters from A to Z", text.escape_debug()))
}

/// Returns what the servers of nodes bear, each by itself.
fn borne<'a>(settings: &'a XtreemfsSettings, nodes: &[NodeRow]) -> Vec<&'a str> {
    let servers = nodes.iter().filter(|node| plays(node, OSD));
    servers.filter_map(|node| settings.labels.get(&node.view.id).map(String::as_str)).collect()
}

/// Returns whether a server bears all letters of a label.
fn is_borne(label: &str, borne: &[&str]) -> bool {
    borne.iter().any(|letters| label.chars().all(|letter| letters.contains(letter)))
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::nodes;
    use super::super::settings::SharedVolume;
    use super::*;

    #[test]
    fn labels_are_letters_with_commas_between_those_of_copies() {
        let list = |text: &str| parse_list(text).map_err(|error| error.to_string());
        assert_eq!(list("").unwrap(), Vec::<String>::new());
        assert_eq!(list("S, HS,S").unwrap(), ["S", "HS", "S"]);
        for text in ["s", "S,", ",", "S;T", "S\nT", "1", "*", "[A]", "A,A,A,A,A,A,A,A,A,A"] {
            assert!(list(text).is_err_and(|error| error.contains("labels")), "{text:?}");
        }
        assert_eq!(parse("SAS").unwrap(), "AS");
    }

    #[test]
    fn the_last_server_with_a_label_does_not_leave_a_volume_that_wants_it() {
        let all = nodes(&["dir_mrc_osd", "osd", "osd"]);
        let mut settings = XtreemfsSettings::default();
        settings.labels.insert(all[1].view.id.clone(), "AS".to_owned());
        let volume = SharedVolume { labels: vec!["S".to_owned()], ..SharedVolume::new("xtreemfs".to_owned()) };
        settings.volumes.insert("v".to_owned(), volume);
        assert!(check_left(&settings, &all[..2]).is_ok());
        let refused = check_left(&settings, &all[2..]).unwrap_err().to_string();
        assert!(refused.contains("volume 'v' is on servers with the label S"), "{refused}");
        assert!(is_borne("SA", &["AS"]) && !is_borne("SA", &["A", "S"]));
    }
}

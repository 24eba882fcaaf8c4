//! Where the members of a cluster stand, and how it goes on without one of which nobody knows how far its data is.

use super::cluster;
use super::roles::{MYSQL, plays};
use crate::api::mysql::{MemberState, MemberView, Position, Stage};
use crate::api::params::bad;
use crate::model::State;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager::NodeRow;

/// `get_members` (ours): all members and where they stand.
pub(super) async fn get_members(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let views: Vec<MemberView> =
        ask(&service).await?.into_iter().map(|(node, state)| view(&node, state.as_ref())).collect();
    Ok(Reply::of(&views))
}

/// `recover` (ours): the cluster goes on without these members, whatever they have. They leave the service.
pub(super) async fn recover(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let without: Vec<String> = call.structure("without")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    check(&ask(&service).await?, &without)?;
    Ok(Reply::Remove { ids: without })
}

type Asked = (NodeRow, Option<MemberState>);

async fn ask(service: &ServiceContext) -> Result<Vec<Asked>, MethodError> {
    let mut members = service.nodes().await?;
    members.retain(|node| plays(node, MYSQL));
    let answers = cluster::ask(service, &members).await;
    Ok(members.into_iter().zip(answers).map(|(node, answer)| (node, answer.ok())).collect())
}

fn view(node: &NodeRow, state: Option<&MemberState>) -> MemberView {
    let (id, ip) = (node.view.id.clone(), node.view.ip.clone());
    let (stage, reason) = (state.map(|state| state.stage), state.and_then(|state| state.reason.clone()));
    MemberView { id, ip, stage, position: known_position(state), reason }
}

fn known_position(state: Option<&MemberState>) -> Option<Position> {
    let state = state.filter(|state| state.has_data && state.stage != Stage::Absent)?;
    state.position.clone().filter(Position::is_known)
}

/// Refuses to give up what need not be given up.
fn check(members: &[Asked], without: &[String]) -> Result<(), MethodError> {
    if without.is_empty() {
        return Err(bad("without", "it names no node").into());
    }
    let refuse = |text: String| Err(MethodError::refused(text));
    for id in without {
        let Some((_, state)) = members.iter().find(|(node, _)| node.view.id == *id) else {
            let ids: Vec<&str> = members.iter().map(|(node, _)| node.view.id.as_str()).collect();
            return refuse(format!("'{}' is no mysql node; these are: {}", id.escape_debug(), ids.join(", ")));
        };
        if known_position(state.as_ref()).is_some() {
            return refuse(format!("node {id} says how far its data is: nothing has to be given up"));
        }
    }
    if let Some((node, _)) =
        members.iter().find(|(_, state)| state.as_ref().is_some_and(|state| state.stage.is_serving()))
    {
        return refuse(format!("node {} serves: remove the others with remove_nodes", node.view.id));
    }
    let mut left = members.iter().filter(|(node, _)| !without.contains(&node.view.id));
    if !left.any(|(_, state)| known_position(state.as_ref()).is_some()) {
        return refuse("no node would be left that has the data".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::node;
    use super::*;

    fn member(last: u8, stage: Stage, change: i64) -> Asked {
        let position = Position { history: "e4b3f1c2-0000-11ef-8d2a-0242ac110002".to_owned(), change };
        let state = MemberState {
            stage,
            has_data: true,
            position: (change > 0).then_some(position),
            remembers_others: true,
            begins: false,
            waits_s: 60,
            searches_s: 60,
            gets_data: false,
            n_failures: 0,
            reason: None,
            last_backup: None,
        };
        (node(last, MYSQL), Some(state))
    }

    fn refusal(members: &[Asked], without: &[&str]) -> Option<String> {
        let without: Vec<String> = without.iter().map(|id| (*id).to_owned()).collect();
        check(members, &without).err().map(|error| error.to_string())
    }

    #[test]
    fn only_who_says_nothing_is_given_up_and_only_while_nobody_serves() {
        let silent = || (node(4, MYSQL), None);
        let down = [member(2, Stage::Joining, 7), member(3, Stage::Joining, 0), silent()];
        let ids: Vec<&str> = down.iter().map(|(node, _)| node.view.id.as_str()).collect();
        assert_eq!(refusal(&down, &ids[2..]), None);
        assert_eq!(refusal(&down, &ids[1..]), None, "one whose data cannot be read");
        assert!(refusal(&down, &ids[..1]).unwrap().contains("says how far"));
        assert!(refusal(&down, &["x'; \n"]).unwrap().contains(r"'x\'; \n' is no mysql node"));
        assert!(refusal(&down, &[]).is_some());
        let serving = [member(2, Stage::Synced, 7), silent()];
        assert!(refusal(&serving, &ids[2..]).unwrap().contains("remove_nodes"));
        assert!(
            refusal(&[member(3, Stage::Joining, 0), silent()], &ids[2..]).unwrap().contains("no node would be left")
        );
    }
}

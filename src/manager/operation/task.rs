//! What operations do, as their records keep it.

use serde::{Deserialize, Serialize};

use crate::model::{ServiceEvent, VolumeFate};
use crate::service::Change;

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Task {
    StartService {
        cloud: String,
        /// How many nodes of each role; as many as the last start had where nothing is said.
        #[serde(default)]
        counts: Vec<(String, i64)>,
    },
    AddNodes {
        counts: Vec<(String, i64)>,
        cloud: String,
    },
    RemoveNodes {
        ids: Vec<String>,
    },
    HealNodes {
        /// The dead nodes.
        ids: Vec<String>,
        /// What is made in their place.
        counts: Vec<(String, i64)>,
        cloud: String,
    },
    StopService,
    StopKeepingVolumes,
    RemoveService,
    CreateVolume {
        name: String,
    },
    DeleteVolume {
        name: String,
    },
    AttachVolume {
        name: String,
    },
    // The field has the name that older programs recorded.
    Adapt {
        #[serde(rename = "work")]
        change: Change,
    },
}

impl Task {
    /// Returns the task's name in logs and crash points.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Task::StartService { .. } => "start_service",
            Task::AddNodes { .. } => "add_nodes",
            Task::RemoveNodes { .. } => "remove_nodes",
            Task::HealNodes { .. } => "heal_nodes",
            Task::StopService => "stop_service",
            Task::StopKeepingVolumes => "stop_keeping_volumes",
            Task::RemoveService => "remove_service",
            Task::CreateVolume { .. } => "create_volume",
            Task::DeleteVolume { .. } => "delete_volume",
            Task::AttachVolume { .. } => "attach_volume",
            Task::Adapt { .. } => "adapt",
        }
    }

    /// Returns what happens to the service when the task is recorded.
    pub(super) fn begins(&self) -> ServiceEvent {
        match self {
            Task::StartService { .. } => ServiceEvent::Start,
            Task::StopService | Task::StopKeepingVolumes => ServiceEvent::Stop,
            Task::RemoveService => ServiceEvent::Remove,
            Task::AddNodes { .. }
            | Task::RemoveNodes { .. }
            | Task::HealNodes { .. }
            | Task::CreateVolume { .. }
            | Task::DeleteVolume { .. }
            | Task::AttachVolume { .. }
            | Task::Adapt { .. } => ServiceEvent::Change,
        }
    }

    /// Returns what happens to the service when the task is done, or undone.
    pub(super) fn ends(&self, ending: &Ending) -> ServiceEvent {
        let is_done = matches!(ending, Ending::Done);
        match self.begins() {
            ServiceEvent::Start if is_done => ServiceEvent::Started,
            ServiceEvent::Start => ServiceEvent::StartFailed,
            ServiceEvent::Stop | ServiceEvent::Remove if is_done => ServiceEvent::Stopped,
            ServiceEvent::Stop | ServiceEvent::Remove => ServiceEvent::StopFailed,
            _ => ServiceEvent::Changed,
        }
    }

    /// Returns the task that stops a service.
    pub(super) fn stop(volumes: VolumeFate) -> Self {
        match volumes {
            VolumeFate::Lost => Task::StopService,
            VolumeFate::Kept => Task::StopKeepingVolumes,
        }
    }

    /// Returns whether the task ends its service, and with it all earlier tasks.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Task::StopService | Task::StopKeepingVolumes | Task::RemoveService)
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// All steps are done.
    Done,
    /// It was undone for this reason.
    Undone(String),
}

/// A task and how many of its steps are noted as done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) steps_done: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{State, next_service};

    fn every_task() -> Vec<Task> {
        vec![
            Task::StartService { cloud: "iaas".to_owned(), counts: Vec::new() },
            Task::AddNodes { counts: vec![("node".to_owned(), 2)], cloud: "iaas".to_owned() },
            Task::RemoveNodes { ids: vec!["iaas1".to_owned()] },
            Task::HealNodes {
                ids: vec!["iaas1".to_owned()],
                counts: vec![("node".to_owned(), 1)],
                cloud: "iaas".to_owned(),
            },
            Task::StopService,
            Task::StopKeepingVolumes,
            Task::RemoveService,
            Task::CreateVolume { name: "v".to_owned() },
            Task::DeleteVolume { name: "v".to_owned() },
            Task::AttachVolume { name: "v".to_owned() },
            Task::Adapt { change: Change::Code { version: "code-a".to_owned() } },
        ]
    }

    #[test]
    fn a_task_ends_in_a_state_that_its_beginning_led_to() {
        for task in every_task() {
            for state in task.begins().states() {
                let begun = next_service(state, task.begins()).unwrap();
                for ending in [Ending::Done, Ending::Undone("why".to_owned())] {
                    // A stop that found nothing to stop records no task.
                    if begun == State::Stopped {
                        continue;
                    }
                    let ended = next_service(begun, task.ends(&ending));
                    assert!(ended.is_ok(), "{} from {state}, {ending:?}: {ended:?}", task.name());
                }
            }
        }
    }

    #[test]
    fn records_of_older_programs_are_read() {
        for (text, task) in [
            (r#"{"AddNodes": {"counts": [["node", 2]], "cloud": "iaas"}}"#, &every_task()[1]),
            (r#"{"StartService": {"cloud": "iaas"}}"#, &every_task()[0]),
            (r#""StopService""#, &Task::StopService),
            (r#"{"Adapt": {"work": {"codeVersionId": "code-a"}}}"#, &every_task()[10]),
        ] {
            assert_eq!(&serde_json::from_str::<Task>(text).unwrap(), task, "{text}");
        }
    }

    #[test]
    fn only_a_stop_and_a_removal_end_what_came_before() {
        let ends: Vec<&str> = every_task().iter().filter(|task| task.is_end()).map(Task::name).collect();
        assert_eq!(ends, ["stop_service", "stop_keeping_volumes", "remove_service"]);
    }
}

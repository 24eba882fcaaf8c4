//! The code version that every new generic service has: five scripts that
//! write down what they are told.

use super::scripts::SCRIPTS;

/// On a node of its own the files are `/root/generic.out` and
/// `/var/cache/cpsagent/agents.json`; a node that shares its machine has
/// them under its own directory, which the script finds by its own place.
const SCRIPT: &str = r#"#!/bin/bash
agents="$(dirname "$(dirname "$0")")/agents.json"
{
    date
    echo "Executing script $(basename "$0")"
    echo "Parameters ($#): $*"
    echo "My IP is $MY_IP"
    echo "My role is $MY_ROLE"
    echo "My master IP is $MASTER_IP"
    echo "Information about other agents is stored at $agents"
    cat "$agents"
    echo
    echo
} >> "$(dirname "$PWD")/generic.out"
"#;

/// The tar file.
pub(crate) fn tar() -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in SCRIPTS {
        let mut header = tar::Header::new_gnu();
        header.set_size(SCRIPT.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, name, SCRIPT.as_bytes())?;
    }
    builder.into_inner()
}

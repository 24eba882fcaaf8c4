//! What Tomcat says about the start of a version.

/// How the start of a version went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Startup {
    /// It goes on, or has not begun.
    Unknown,
    /// It serves.
    Started,
    /// It does not, with the reason.
    Failed(String),
}

/// Returns how the last start of the version with this file went.
pub(super) fn startup(output: &str, file_name: &str) -> Startup {
    let names_it = |line: &str, words: &str| line.contains(words) && line.contains(file_name);
    let mut lines: Vec<&str> = Vec::new();
    let mut found = Startup::Unknown;
    for line in output.lines() {
        if names_it(line, "Deploying deployment descriptor") {
            lines.clear();
            found = Startup::Unknown;
        }
        lines.push(line);
        if names_it(line, "Deployment of deployment descriptor") && line.contains("has finished in") {
            found = outcome(&lines);
        }
    }
    found
}

fn outcome(lines: &[&str]) -> Startup {
    let has_failed =
        |line: &&str| line.contains("startup failed due to previous errors") || line.contains("Error deploying");
    if lines.iter().any(has_failed) { Startup::Failed(reason(lines)) } else { Startup::Started }
}

/// Returns the first complaint, and the deepest cause that is told with it.
fn reason(lines: &[&str]) -> String {
    let Some(first) = lines.iter().position(|line| line.contains(" SEVERE ")) else {
        return "it does not say why".to_owned();
    };
    let complaint = message(lines[first]);
    let of_it = lines[first + 1..].iter().take_while(|line| !is_head(line)).map(|line| line.trim());
    let mut thrown = None;
    for line in of_it.filter(|line| !line.is_empty()) {
        match line.strip_prefix("Caused by: ") {
            Some(cause) => thrown = Some(cause),
            None if thrown.is_none() && !line.starts_with("at ") => thrown = Some(line),
            None => {}
        }
    }
    thrown.map_or_else(|| complaint.to_owned(), |thrown| format!("{complaint}: {thrown}"))
}

/// Returns a line without its time, level, thread and class.
fn message(line: &str) -> &str {
    let after_thread = line.split_once("] ").map_or(line, |(_, rest)| rest);
    after_thread.split_once(' ').map_or(after_thread, |(_, rest)| rest)
}

/// Returns whether a line begins what is told of one thing: a stack goes on with blanks.
fn is_head(line: &str) -> bool {
    [" SEVERE ", " WARNING ", " INFO "].iter().any(|level| line.contains(level)) && line.contains('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "\
29-Nov-2026 12:59:22.856 INFO [x-2] org.apache.catalina.startup.HostConfig.deployDescriptor Deploying deployment descriptor [/b/ROOT##000004.xml]
29-Nov-2026 12:59:22.901 SEVERE [x-2] org.apache.catalina.core.StandardContext.listenerStart Exception sending context initialized event to listener instance of class [Bad]
\tjava.lang.IllegalStateException: no shop
\t\tat Bad.contextInitialized(Bad.java:2)
\tCaused by: java.sql.SQLException: no database
\t\t... 3 more
29-Nov-2026 12:59:22.902 SEVERE [x-2] org.apache.catalina.core.StandardContext.startInternal One or more listeners failed to start.
29-Nov-2026 12:59:22.903 SEVERE [x-2] org.apache.catalina.core.StandardContext.startInternal Context [##000004] startup failed due to previous errors
";
    const END: &str = "29-Nov-2026 12:59:22.907 INFO [x-2] org.apache.catalina.startup.HostConfig.deployDescriptor Deployment of deployment descriptor [/b/ROOT##000004.xml] has finished in [50] ms\n";

    #[test]
    fn a_version_that_fails_says_why() {
        assert_eq!(startup(FAILED, "ROOT##000004.xml"), Startup::Unknown, "it has not ended yet");
        let whole = format!("{FAILED}{END}");
        let reason = "Exception sending context initialized event to listener instance of class [Bad]: \
                      java.sql.SQLException: no database";
        assert_eq!(startup(&whole, "ROOT##000004.xml"), Startup::Failed(reason.to_owned()));
        assert_eq!(startup(&whole, "ROOT##000005.xml"), Startup::Unknown, "another one");
    }

    #[test]
    fn the_last_start_counts() {
        let begin = FAILED.lines().next().unwrap();
        let again = format!("{FAILED}{END}{begin}\n");
        assert_eq!(startup(&again, "ROOT##000004.xml"), Startup::Unknown);
        assert_eq!(startup(&format!("{again}{END}"), "ROOT##000004.xml"), Startup::Started);
    }
}

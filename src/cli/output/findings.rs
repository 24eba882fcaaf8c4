//! What an examination of this machine found, for people or for programs.

use std::io::IsTerminal;
use std::process::ExitCode;

use serde::Serialize;

use super::printer::write_out;
use super::table::value_of;
use crate::model::{Finding, Verdict};

/// A finding as `--json` prints it.
#[derive(Serialize)]
struct FindingLine<'a> {
    verdict: &'static str,
    text: &'a str,
    remedy: &'a str,
}

/// Prints all, and returns the exit code: 1 when something does not work.
pub(crate) fn report(findings: &[Finding], is_json: bool) -> ExitCode {
    if is_json {
        let lines: Vec<FindingLine<'_>> = findings.iter().map(line).collect();
        write_out(&format!("{}\n", value_of(&lines)));
    } else {
        findings.iter().for_each(print);
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn line(finding: &Finding) -> FindingLine<'_> {
    FindingLine { verdict: word(finding.verdict), text: &finding.text, remedy: &finding.remedy }
}

fn print(finding: &Finding) {
    let use_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (colour, plain) = match (use_colour, finding.verdict) {
        (false, _) => ("", ""),
        (true, Verdict::Good) => ("\u{1b}[32m", "\u{1b}[0m"),
        (true, Verdict::Warning) => ("\u{1b}[33m", "\u{1b}[0m"),
        (true, Verdict::Bad) => ("\u{1b}[31m", "\u{1b}[0m"),
    };
    write_out(&format!("{colour}{:<8}{plain} {}\n", word(finding.verdict), finding.text));
    if !finding.remedy.is_empty() && finding.verdict != Verdict::Good {
        write_out(&format!("         remedy: {}\n", finding.remedy));
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "ok",
        Verdict::Warning => "warning",
        Verdict::Bad => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_verdict_text_and_remedy() {
        let findings = [Finding::good("all is well"), Finding::bad("the disk is full", "remove something")];
        let lines: Vec<FindingLine<'_>> = findings.iter().map(line).collect();
        assert_eq!(
            value_of(&lines).to_string(),
            r#"[{"verdict":"ok","text":"all is well","remedy":""},{"verdict":"ERROR","text":"the disk is full","remedy":"remove something"}]"#
        );
    }
}

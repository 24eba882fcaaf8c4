//! How code is looked at that is uploaded: whether it is a web application, and for which Java it was made.

use crate::model::CodeFormat;
use crate::service::code::{Inspection, UploadedCode};
use crate::service::error::MethodError;
use crate::service::web::war::{self, Dialect};

pub(super) const INSPECTION: Inspection = Inspection { scripts: &[], look };

fn look(code: &UploadedCode<'_>) -> Result<Vec<String>, MethodError> {
    let name = code.filename;
    if code.format != CodeFormat::Zip {
        return Err(MethodError::invalid(format!(
            "'{name}' is a tar archive and not a web application: upload the .war file that your build makes, or pack one \
             with 'jar -cf site.war -C DIRECTORY .'"
        )));
    }
    let unpacked = code.unpack()?;
    let mut notes: Vec<String> = code.contents.top_note().into_iter().collect();
    if !war::is_web_application(unpacked.content()) {
        return Err(MethodError::invalid(format!("'{name}' {}", without_web_inf(&code.contents.names))));
    }
    if !unpacked.content().join("WEB-INF").is_dir() {
        notes.push("it has no directory WEB-INF: its pages are served, and no servlet".to_owned());
    }
    let survey = war::survey(unpacked.content(), code.limits);
    if survey.dialect == Dialect::Javax {
        notes.push(
            "it is written for javax.servlet (Tomcat 9 and older): nodes convert it for jakarta.servlet, which their Tomcat \
             10 has"
                .to_owned(),
        );
    }
    notes.extend(survey.oddities);
    Ok(notes)
}

/// Says what a zip archive is that is no web application.
fn without_web_inf(names: &[String]) -> &'static str {
    let has = |is_it: fn(&str) -> bool| names.iter().any(|name| is_it(name));
    if has(|name| name.ends_with(".war")) {
        return "has a .war file inside and no directory WEB-INF: upload that .war file itself";
    }
    if has(|name| name.starts_with("src/") || name == "pom.xml" || name.starts_with("build.gradle")) {
        return "has the source of a program and no directory WEB-INF: build it, and upload the .war file, such as \
                target/*.war or build/libs/*.war";
    }
    if has(|name| name == "META-INF/MANIFEST.MF") {
        return "is a program of its own (a .jar) and no web application: it has no directory WEB-INF. Build it as a .war, \
                or run it by a run.sh in a service of the kind generic";
    }
    "has neither a directory WEB-INF nor a first page, so it is no web application: put WEB-INF/web.xml, WEB-INF/classes or \
     index.html at its top and pack it again"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_no_web_application_is_told_with_the_next_step() {
        let of = |names: &[&str]| without_web_inf(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(of(&["readme.txt", "shop.war"]).contains("upload that .war file itself"));
        assert!(of(&["pom.xml", "src/main"]).contains("target/*.war"));
        assert!(of(&["META-INF/MANIFEST.MF", "Main.class"]).contains("run.sh"));
        assert!(of(&["readme.txt"]).contains("put WEB-INF/web.xml"));
    }
}

//! Whole web applications.

use std::io::Write;

use super::class::tests::class_with;
use super::*;

const SERVLET: &str = "Ljakarta/servlet/annotation/WebServlet;";

fn surveyed(files: &[(&str, &[u8])]) -> Survey {
    let place = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    survey(place.path(), &ArchiveLimits::default())
}

fn library(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut jar = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        jar.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        jar.write_all(content).unwrap();
    }
    jar.finish().unwrap().into_inner()
}

#[test]
fn annotated_servlets_and_the_descriptor_say_what_is_no_plain_file() {
    let class = class_with(&[SERVLET, "/pictures/*", "hello"]);
    let descriptor = b"<web-app><servlet-mapping><url-pattern>*.do</url-pattern></servlet-mapping></web-app>";
    let found = surveyed(&[("WEB-INF/classes/a/B.class", &class), ("WEB-INF/web.xml", descriptor)]);
    assert_eq!(found.statics, Statics::AllBut(vec!["*.do".to_owned(), "/pictures/*".to_owned()]));
    assert_eq!((found.dialect, found.oddities), (Dialect::Jakarta, vec![]));
}

#[test]
fn whatever_may_stand_before_a_file_leaves_all_files_to_tomcat() {
    let filter = class_with(&["Ljakarta/servlet/annotation/WebFilter;"]);
    let listener = class_with(&["addFilter"]);
    let everything = b"<web-app><servlet-mapping><url-pattern>/</url-pattern></servlet-mapping></web-app>";
    let strange = "<web-app><servlet-mapping><url-pattern>/a b</url-pattern></servlet-mapping></web-app>".as_bytes();
    let fragment = library(&[("META-INF/web-fragment.xml", b"<web-fragment/>")]);
    let spring = library(&[("META-INF/services/jakarta.servlet.ServletContainerInitializer", b"x.Y")]);
    let servlets = library(&[("a/B.class", &class_with(&[SERVLET, "/x"]))]);
    let cases: [(&str, &[u8]); 10] = [
        ("WEB-INF/classes/F.class", &filter),
        ("WEB-INF/classes/L.class", &listener),
        ("WEB-INF/classes/Broken.class", b"no class"),
        ("WEB-INF/web.xml", everything),
        ("WEB-INF/web.xml", strange),
        ("WEB-INF/web.xml", b"<web-app>"),
        ("WEB-INF/lib/a.jar", &fragment),
        ("WEB-INF/lib/a.jar", &spring),
        ("WEB-INF/lib/a.jar", &servlets),
        ("WEB-INF/lib/a.jar", b"no library"),
    ];
    for (name, content) in cases {
        assert_eq!(surveyed(&[(name, content)]).statics, Statics::None, "{name}");
    }
    let plain = library(&[("a/B.class", &class_with(&["hello"]))]);
    assert_eq!(surveyed(&[("WEB-INF/lib/a.jar", &plain)]).statics, Statics::AllBut(vec![]));
}

#[test]
fn a_program_for_the_old_name_is_known_wherever_it_names_it() {
    let old = class_with(&["javax/servlet/http/HttpServlet"]);
    let new = class_with(&["jakarta/servlet/http/HttpServlet"]);
    let both = library(&[("a/Old.class", &old), ("a/New.class", &new)]);
    let old_library = library(&[("a/Old.class", &old)]);
    let dialect = |files: &[(&str, &[u8])]| surveyed(files).dialect;
    assert_eq!(dialect(&[("WEB-INF/classes/Old.class", &old)]), Dialect::Javax);
    assert_eq!(dialect(&[("a.jsp", b"<%@ page import='javax.servlet.http.*' %>")]), Dialect::Javax);
    assert_eq!(dialect(&[("WEB-INF/lib/a.jar", &old_library)]), Dialect::Javax);
    assert_eq!(dialect(&[("WEB-INF/lib/a.jar", &both)]), Dialect::Jakarta);
    let mixed: [(&str, &[u8]); 2] = [("WEB-INF/lib/a.jar", &old_library), ("WEB-INF/classes/New.class", &new)];
    assert_eq!(dialect(&mixed), Dialect::Jakarta);
}

#[test]
fn what_may_surprise_is_told() {
    let found = surveyed(&[("WEB-INF/web.xml", b"<web-app>"), ("META-INF/context.xml", b"<Context/>")]);
    assert!(found.oddities[0].contains("web.xml cannot be read"), "{:?}", found.oddities);
    assert_eq!(found.oddities[1..], ["its META-INF/context.xml is not read"]);
}

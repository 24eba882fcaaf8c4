//! Runs the example program on two nodes and looks at its pages.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Typist, field, rows, type_command};
use super::{NutshellError, Place, Say, daemon, example};
use crate::sys::file;

const APPLICATION: &str = "hello";
const ARCHIVE: &str = "hello-web.tar";
const N_NODES: usize = 2;
const PORT: u16 = 8080;
/// How long the program may take until its first page.
const PAGE_LIMIT: Duration = Duration::from_secs(60);

/// Runs the example program in the nutshell of `place`. May be repeated: what is there already is used.
///
/// # Errors
/// The nutshell is not up; the first step that failed.
pub(super) async fn demo(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    if daemon::running(place).is_none() {
        return Err(NutshellError::NotUp);
    }
    let shown = show(&Typist::of(place), &place.directory, say).await?;
    let options = place.options();
    let program = program_as_typed(&place.program);
    say("");
    say("Try next:");
    say(&format!("    {program} nutshell shell{options}     # a shell in which all of this works:"));
    invite(say, &shown);
    say(&format!("And when you have seen enough: {program} nutshell down{options}"));
    Ok(())
}

/// As [`demo`], on the director that the caller's own settings name.
///
/// # Errors
/// The first step that failed.
pub async fn demo_of_caller(say: Say<'_>) -> Result<(), NutshellError> {
    let directory = tempfile::tempdir()
        .map_err(|source| file::FileError::new("make a directory in", &std::env::temp_dir(), source))?;
    let shown = show(&Typist::caller()?, directory.path(), say).await?;
    say("");
    say("Try next:");
    invite(say, &shown);
    Ok(())
}

/// What a demo leaves running.
struct Shown {
    aid: String,
    sid: String,
    url: String,
}

/// Creates and starts an application with a generic service, gives it the
/// example program, runs it on two nodes and fetches its page from both.
/// `directory` is for the program's archive.
async fn show(typist: &Typist, directory: &Path, say: Say<'_>) -> Result<Shown, NutshellError> {
    let aid = ensure_application(typist, say).await?;
    let sid = ensure_service(typist, say, &aid).await?;
    let nodes = ensure_nodes(typist, say, &aid, &sid).await?;
    ensure_code(typist, directory, say, &aid, &sid).await?;
    let urls: Vec<String> = nodes.iter().map(|node| format!("http://{}:{PORT}/", field(node, "ip"))).collect();
    if fetch(&nodes).await.is_err() {
        typed(typist, say, &["generic", "run", &aid, &sid, "-p", &PORT.to_string()]).await?;
        wait_for_pages(&nodes).await?;
    }
    say("");
    say("Your program answers from both nodes:");
    for (url, line) in urls.iter().zip(fetch(&nodes).await?) {
        say(&format!("    {url}    {line}"));
    }
    let url = urls.into_iter().next().unwrap_or_default();
    Ok(Shown { aid, sid, url })
}

async fn ensure_application(typist: &Typist, say: Say<'_>) -> Result<String, NutshellError> {
    if application(typist).await?.is_none() {
        typed(typist, say, &["application", "create", APPLICATION]).await?;
    }
    let found = application(typist).await?;
    let row = found.ok_or_else(|| unexpected("application list", "the new application is not in it"))?;
    let aid = field(&row, "aid");
    if field(&row, "status") != "RUNNING" {
        typed(typist, say, &["application", "start", &aid]).await?;
    }
    Ok(aid)
}

async fn ensure_service(typist: &Typist, say: Say<'_>, aid: &str) -> Result<String, NutshellError> {
    if service(typist, aid).await?.is_none() {
        typed(typist, say, &["generic", "add", aid]).await?;
    }
    let found = service(typist, aid).await?;
    let row = found.ok_or_else(|| unexpected("generic list", "the new service is not in it"))?;
    let sid = field(&row, "sid");
    if field(&row, "status") != "RUNNING" {
        typed(typist, say, &["generic", "start", aid, &sid]).await?;
    }
    Ok(sid)
}

async fn ensure_nodes(typist: &Typist, say: Say<'_>, aid: &str, sid: &str) -> Result<Vec<Value>, NutshellError> {
    let list = ["generic", "list_nodes", aid, sid];
    let nodes = rows(typist, &list).await?;
    if nodes.len() >= N_NODES {
        return Ok(nodes);
    }
    let count = (N_NODES - nodes.len()).to_string();
    typed(typist, say, &["generic", "add_nodes", "--count", &count, aid, sid]).await?;
    rows(typist, &list).await
}

async fn ensure_code(
    typist: &Typist,
    directory: &Path,
    say: Say<'_>,
    aid: &str,
    sid: &str,
) -> Result<(), NutshellError> {
    let versions = rows(typist, &["generic", "list_codes", aid, sid]).await?;
    let is_ours = |row: &&Value| field(row, "filename") == ARCHIVE;
    if versions.iter().filter(is_ours).any(is_current) {
        return Ok(());
    }
    let path = directory.join(ARCHIVE);
    let archive = example::archive().map_err(|source| file::FileError::new("write", &path, source))?;
    file::write_atomic(&path, &archive, 0o644)?;
    typed(typist, say, &["generic", "upload_code", aid, sid, &path.to_string_lossy()]).await?;
    let versions = rows(typist, &["generic", "list_codes", aid, sid]).await?;
    let version = versions.iter().find(is_ours);
    let version = version.ok_or_else(|| unexpected("generic list_codes", "the uploaded code is not in it"))?;
    typed(typist, say, &["generic", "enable_code", aid, sid, &field(version, "codeVersionId")]).await
}

/// Types a command and shows it, so that people can do the same by hand.
async fn typed(typist: &Typist, say: Say<'_>, words: &[&str]) -> Result<(), NutshellError> {
    say(&format!("$ conpaas {}", words.join(" ")));
    let output = type_command(typist, words).await?;
    for line in output.lines() {
        say(line);
    }
    // A command of ConPaaS 2.0 could fail and still end well.
    if output.contains("FAILED!") {
        return Err(unexpected(&words.join(" "), output.trim()));
    }
    Ok(())
}

async fn application(typist: &Typist) -> Result<Option<Value>, NutshellError> {
    let applications = rows(typist, &["application", "list"]).await?;
    Ok(applications.into_iter().find(|row| field(row, "name") == APPLICATION))
}

async fn service(typist: &Typist, aid: &str) -> Result<Option<Value>, NutshellError> {
    let services = rows(typist, &["generic", "list", "-a", aid]).await?;
    Ok(services.into_iter().find(|row| field(row, "aid") == aid))
}

fn is_current(row: &Value) -> bool {
    match row.get("current") {
        Some(Value::Bool(is_current)) => *is_current,
        _ => field(row, "current").contains('*'),
    }
}

async fn wait_for_pages(nodes: &[Value]) -> Result<(), NutshellError> {
    let end = Instant::now() + PAGE_LIMIT;
    loop {
        match fetch(nodes).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What the page of each node says about itself.
async fn fetch(nodes: &[Value]) -> Result<Vec<String>, NutshellError> {
    let mut lines = Vec::new();
    for node in nodes {
        let ip = field(node, "ip");
        let fail = |reason: String| NutshellError::Page { url: format!("http://{ip}:{PORT}/json"), reason };
        let answer =
            timeout(Duration::from_secs(5), get(&ip)).await.map_err(|_| fail("no answer in 5 s".to_owned()))?;
        let answer = answer.map_err(|error| fail(error.to_string()))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let facts: Value = serde_json::from_str(body).map_err(|error| fail(error.to_string()))?;
        let n_peers = facts["peers"].as_array().map_or(0, Vec::len);
        lines.push(format!("Hello from {}, role {}, {n_peers} peer(s)", field(&facts, "ip"), field(&facts, "role")));
    }
    Ok(lines)
}

async fn get(ip: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((ip, PORT)).await?;
    stream.write_all(format!("GET /json HTTP/1.0\r\nHost: {ip}:{PORT}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn invite(say: Say<'_>, shown: &Shown) {
    let Shown { aid, sid, url } = shown;
    say(&format!("    curl {url}"));
    say(&format!("    conpaas generic add_nodes --count 1 {aid} {sid}"));
    say(&format!("    conpaas generic get_script_status {aid} {sid}"));
    say("    conpaas cloud list_resources");
    say(&format!("    conpaas application stop {aid}"));
}

/// What a person has to type to run this program: its name, if the shell
/// finds it by that, else its file.
fn program_as_typed(program: &Path) -> String {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .any(|directory| directory.join("conpaas").canonicalize().is_ok_and(|found| found == program));
    if is_found { "conpaas".to_owned() } else { program.display().to_string() }
}

fn unexpected(command: &str, answer: &str) -> NutshellError {
    NutshellError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}

//! An application that is there becomes a tar file: its manifest, code and scripts.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use tempfile::TempDir;

use crate::api::ApplicationView;
use crate::api::manager::ServiceDescription;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::session::Session;
use crate::manifest::{Described, Manifest};
use crate::model::ServiceId;
use crate::rpc::RpcCall;
use crate::sys;

/// Writes the application to a tar file. Returns how many files are in it besides the manifest.
///
/// # Errors
/// The manager cannot be called, or the file cannot be written.
pub(super) async fn export(session: &Session, app: &ApplicationView, path: &Path) -> Result<usize, Failure> {
    let unwritten = |error: std::io::Error| Failure::said(format!("cannot write {}: {error}", path.display()));
    let work = TempDir::new().map_err(unwritten)?;
    let services = lookup::services(session, None, Some(app.aid)).await?;
    let names: BTreeMap<ServiceId, String> =
        services.iter().map(|found| (found.service.sid, found.service.name.clone())).collect();
    let mut entries = Vec::new();
    for found in &services {
        let service = FoundService { application: app.aid, service: found.service.sid };
        let call = RpcCall::get(0, "describe_service").param("service_id", service.service.0);
        let description: ServiceDescription = session.manager(app.aid, call).await?;
        let (name, kind) = (found.service.name.as_str(), found.service.kind.as_str());
        let described = Described { sid: service.service, name, kind, description: &description };
        if let (Some(file), Some(script)) = (described.script_file(), &description.startup_script) {
            std::fs::write(work.path().join(file), script).map_err(unwritten)?;
        }
        if let (Some(file), Some(code)) = (described.code_file(), &description.code) {
            session.download_code(&service, &code.id, &work.path().join(file)).await?;
        }
        entries.push(described.entry(&names));
    }
    let manifest = Manifest { application: Some(app.name.clone()), services: entries };
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::said(error.to_string()))?;
    std::fs::write(work.path().join("manifest.json"), text + "\n").map_err(unwritten)?;
    let (path, shown) = (path.to_owned(), path.display().to_string());
    let packed = sys::blocking(move || pack(work.path(), &path)).await;
    packed.map_err(|error| Failure::said(format!("cannot write {shown}: {error}")))
}

/// Blocking.
fn pack(directory: &Path, path: &Path) -> std::io::Result<usize> {
    let mut names: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    names.sort_by_key(std::fs::DirEntry::file_name);
    let mut tar = tar::Builder::new(File::create(path)?);
    for entry in &names {
        tar.append_path_with_name(entry.path(), entry.file_name())?;
    }
    tar.into_inner()?.sync_all()?;
    Ok(names.len() - 1)
}

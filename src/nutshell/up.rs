//! Makes a nutshell, or what is missing of it.

use std::path::Path;

use super::client::Client;
use super::daemon::{self, Daemon};
use super::error::NutshellError;
use super::place::{NutshellCloud, Place};
use super::say::Say;
use crate::config::{SHIPPED_DIRECTOR_CFG, with_option};
use crate::sys::lock::DirectoryLock;
use crate::sys::{blocking, file, random};

/// The nutshell's user.
const USER: &str = "nutshell";
/// Its own bridge: that of an installed director is another one.
const BRIDGE: &str = "nutshell0";
/// Enough for every node that fits on one machine, for days.
const CREDIT: &str = "10000";

/// Makes everything that is missing and starts the director. May be repeated.
///
/// # Errors
/// What is missing and cannot be made.
pub(crate) async fn up(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    check_image(place)?;
    ensure_directories(place)?;
    let _one_at_a_time = alone(place, say).await?;
    ensure_configuration(place, say)?;
    ensure_certificates(place, say).await?;
    if daemon::running(place, Daemon::Director).is_some() {
        say("The director runs.");
    } else {
        say("Starting the director.");
        daemon::ensure_started(place, Daemon::Director).await?;
    }
    ensure_user(place, say).await?;
    let (address, port) = (place.director_ip(), place.settings.port);
    let log = Daemon::Director.log(place);
    say(&format!("The director answers on https://{address}:{port}; its log is {}.", log.display()));
    show_pages(place, say).await;
    Ok(())
}

/// Pages are one more way to what works without them.
async fn show_pages(place: &Place, say: Say<'_>) {
    let url = format!("https://{}:{}/", place.director_ip(), place.pages_listen().port());
    match daemon::ensure_started(place, Daemon::Frontend).await {
        Ok(()) => say(&format!("Its pages for your browser are on {url}")),
        Err(error) => say(&format!("There are no pages for your browser: {error}")),
    }
}

/// Waits until no other command makes or ends this nutshell.
pub(crate) async fn alone(place: &Place, say: Say<'_>) -> Result<DirectoryLock, NutshellError> {
    let home = place.home();
    if let Some(lock) = DirectoryLock::try_take(&home)? {
        return Ok(lock);
    }
    say("Another command makes or ends this nutshell; waiting for it.");
    let lock = blocking(move || DirectoryLock::take(&home)).await?;
    // The other one may have removed everything.
    ensure_directories(place)?;
    Ok(lock)
}

/// Looks for the containers' root file system before anything is made.
pub(crate) fn check_image(place: &Place) -> Result<(), NutshellError> {
    if place.settings.cloud == NutshellCloud::Lxc && !place.settings.image.join("usr").is_dir() {
        return Err(NutshellError::NoImage(place.settings.image.clone()));
    }
    Ok(())
}

fn ensure_directories(place: &Place) -> Result<(), NutshellError> {
    // Root users of containers pass through to their own files.
    for (path, mode) in [(place.directory.clone(), 0o711), (place.home().join(".conpaas"), 0o700)] {
        file::ensure_directory(&path)?;
        set_mode(&path, mode)?;
    }
    set_mode(&place.home(), 0o700)
}

fn ensure_configuration(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    let path = place.director_cfg();
    if path.exists() {
        return Ok(());
    }
    say(&format!("Writing the director's configuration, {}.", path.display()));
    let given = match &place.settings.section {
        Some(path) => read_options(&file::read_text(path)?),
        None if place.settings.cloud == NutshellCloud::OpenStack => return Err(NutshellError::NoSection),
        None => Vec::new(),
    };
    let text = plan_configuration(place, &given);
    // Written only when it is good: a broken file would stop every later `up`.
    crate::config::DirectorConfig::parse(&path, &text)?;
    // A cloud's password may be in it.
    Ok(file::write_atomic(&path, text.as_bytes(), 0o600)?)
}

/// Returns the text of `director.cfg`: the shipped one, with what this
/// nutshell needs and, above that, the options `given` of its cloud.
fn plan_configuration(place: &Place, given: &[(String, String)]) -> String {
    let directory = &place.directory;
    let listen = match place.settings.cloud {
        NutshellCloud::Lxc | NutshellCloud::OpenStack => format!("0.0.0.0:{}", place.settings.port),
        NutshellCloud::Process => format!("{}:{}", place.director_ip(), place.settings.port),
    };
    let mut options = vec![
        ("conpaas", "CONF_DIR", directory.display().to_string()),
        ("conpaas", "CERT_DIR", place.cert_dir().display().to_string()),
        ("director", "DATABASE_URI", format!("sqlite:///{}", directory.join("director.db").display())),
        ("director", "USERDATA_DIR", directory.join("data").display().to_string()),
        ("director", "STATE_DIR", directory.display().to_string()),
        ("director", "LISTEN", listen),
        ("iaas", "DRIVER", place.settings.cloud.as_str().to_owned()),
    ];
    match place.settings.cloud {
        NutshellCloud::Lxc => {
            options.push(("iaas", "NETWORK", place.network().to_string()));
            options.push(("iaas", "BRIDGE", BRIDGE.to_owned()));
            options.push(("iaas", "IMAGE", place.settings.image.display().to_string()));
        }
        NutshellCloud::Process => options.push(("iaas", "NETWORK", place.network().to_string())),
        NutshellCloud::OpenStack => {}
    }
    let shipped = options
        .iter()
        .fold(SHIPPED_DIRECTOR_CFG.to_owned(), |text, (section, key, value)| with_option(&text, section, key, value));
    given.iter().fold(shipped, |text, (key, value)| with_option(&text, "iaas", key, value))
}

/// Reads options as `KEY = VALUE` lines; lines of another form are passed over.
fn read_options(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

async fn ensure_certificates(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    let is_whole = place.cert_dir().join("key.pem").exists() && place.cert_dir().join("ca_cert.pem").exists();
    if is_whole {
        return Ok(());
    }
    say("Making the certificate authority, the director's certificate and the database.");
    let hostname = place.director_ip().to_string();
    let config = place.director_cfg();
    let config = config.to_string_lossy();
    Client::of_nutshell(place)
        .type_command(&["director", "init", "--hostname", &hostname, "--config", &config])
        .await?;
    Ok(())
}

/// The password stands in the user's file only until his certificate is
/// there: an `up` that is ended in between goes on with it.
async fn ensure_user(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    let directory = place.home().join(".conpaas");
    if directory.join("cert.pem").exists() {
        return Ok(());
    }
    let path = directory.join("cps-tools.conf");
    let kept = crate::config::ClientConfig::read(&place.home(), Some(&path)).ok().and_then(|config| config.password);
    let password = kept.unwrap_or_else(|| random::alphanumeric(16));
    let url = format!("https://{}:{}", place.director_ip(), place.settings.port);
    let common = format!("[cps-tools]\ndirector_url = {url}\nusername = {USER}\n");
    write_private(&path, &format!("{common}password = {password}\n"))?;
    say(&format!("Making the user {USER}."));
    let users = Client::of_nutshell(place).type_command(&["user", "list"]).await?;
    if !users.lines().any(|line| line.trim() == USER) {
        let email = format!("{USER}@localhost");
        let words = ["user", "create", USER, "--email", &email, "--credit", CREDIT];
        Client::of_nutshell(place).type_with_answers(&words, &format!("{password}\n{password}\n")).await?;
    }
    Client::of_nutshell(place).type_command(&["user", "get_certificate"]).await?;
    write_private(&path, &common)?;
    say(&format!("    user {USER}, password {password}"));
    say("    The password is shown this once and kept nowhere; the user's certificate opens everything here.");
    Ok(())
}

fn write_private(path: &Path, text: &str) -> Result<(), NutshellError> {
    Ok(file::write_atomic(path, text.as_bytes(), 0o600)?)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), NutshellError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|source| file::FileError::new("set the mode of", path, source).into())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{DirectorConfig, DriverConfig};
    use crate::nutshell::place::Settings;

    fn planned(cloud: NutshellCloud, given: &str) -> DirectorConfig {
        let settings = Settings {
            cloud,
            netns: None,
            image: PathBuf::from("/image"),
            section: None,
            state_dir: Some(PathBuf::from("/state")),
            network: None,
            port: 5556,
        };
        let directory = PathBuf::from("/state");
        let place = Place { settings, directory, program: PathBuf::from("/bin/conpaas") };
        let text = plan_configuration(&place, &read_options(given));
        DirectorConfig::parse(Path::new("/state/director.cfg"), &text).unwrap()
    }

    #[test]
    fn plain_processes_are_reached_on_this_machine_alone() {
        let config = planned(NutshellCloud::Process, "");
        assert_eq!(config.listen.to_string(), "127.0.0.1:5556");
        assert_eq!(config.state_dir, Path::new("/state"));
        assert_eq!(config.cert_dir, Path::new("/state/certs"));
        assert!(matches!(config.clouds[0].driver, DriverConfig::Process(_)));
    }

    #[test]
    fn containers_have_a_bridge_of_their_own_unless_options_name_another() {
        let bridge = |config: DirectorConfig| match &config.clouds[0].driver {
            DriverConfig::Lxc(lxc) => lxc.bridge.clone(),
            other => panic!("{other:?}"),
        };
        let config = planned(NutshellCloud::Lxc, "");
        assert_eq!(config.listen.to_string(), "0.0.0.0:5556");
        assert_eq!(bridge(config), BRIDGE);
        assert_eq!(bridge(planned(NutshellCloud::Lxc, "# mine\nBRIDGE = other0\n")), "other0");
    }
}

//! The shipped files against the tables of keys: every key is in its file,
//! with its meaning and its real default, and the files can be read.

use std::path::{Path, PathBuf};

use super::ini::Key;
use super::{ClientConfig, DirectorConfig, DriverConfig, client, cloud, director, ec2, openid, openstack};

fn shipped(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// Returns the lines of a section of the file, up to the next one. A section that is
/// commented out as an example counts.
fn section(text: &str, header: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| line.trim() != header).skip(1);
    let lines: Vec<String> =
        lines.take_while(|line| !line.trim_start_matches("# ").starts_with('[')).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no section {header}");
    lines
}

/// Every key of `keys` stands in `lines` as `NAME = default`, commented out
/// or not, after at least one line of prose; and no other does.
fn assert_described(header: &str, lines: &[String], keys: &[Key]) {
    for key in keys {
        let at =
            lines.iter().position(|line| option(line).is_some_and(|(name, _)| name.eq_ignore_ascii_case(key.name)));
        let at = at.unwrap_or_else(|| panic!("{header} does not describe {}", key.name));
        let (_, value) = option(&lines[at]).unwrap();
        if let Some(default) = key.default {
            assert_eq!(value, default, "{header} {}", key.name);
        }
        let before = lines[..at].last().map_or("", String::as_str);
        assert!(before.starts_with("# ") && option(before).is_none(), "{header} {} has no meaning", key.name);
    }
    for (name, _) in lines.iter().filter_map(|line| option(line)) {
        assert!(keys.iter().any(|key| key.name.eq_ignore_ascii_case(name)), "{header} {name} is no key");
    }
}

/// `NAME = value` or `# NAME = value`.
fn option(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start_matches("# ").split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, value.trim()))
}

#[test]
fn director_cfg_describes_every_key_with_its_default() {
    let (path, text) = shipped("director.cfg");
    let config = DirectorConfig::parse(&path, &text).unwrap();
    assert!(matches!(config.clouds[0].driver, DriverConfig::Lxc(_)));
    let conpaas: Vec<String> =
        section(&text, "[conpaas]").into_iter().filter(|line| !line.contains("_debug_level")).collect();
    assert_described("[conpaas]", &conpaas, director::CONPAAS_KEYS);
    assert_described("[director]", &section(&text, "[director]"), director::DIRECTOR_KEYS);
    assert_described("[openid_connect]", &section(&text, "# [openid_connect]"), openid::KEYS);
    assert_described("[iaas]", &section(&text, "[iaas]"), cloud::LXC_KEYS);
    let process: Vec<Key> = cloud::PROCESS_KEYS.iter().copied().filter(|key| key.name != "OTHER_CLOUDS").collect();
    assert_described("[processes]", &section(&text, "# [processes]"), &process);
    let ec2: Vec<Key> = ec2::EC2_KEYS.iter().copied().filter(|key| key.name != "OTHER_CLOUDS").collect();
    assert_described("[amazon]", &section(&text, "# [amazon]"), &ec2);
    let openstack: Vec<Key> =
        openstack::OPENSTACK_KEYS.iter().copied().filter(|key| key.name != "OTHER_CLOUDS").collect();
    assert_described("[openstack]", &section(&text, "# [openstack]"), &openstack);
}

#[test]
fn the_shipped_file_says_nothing_but_defaults() {
    let (path, text) = shipped("director.cfg");
    let shipped = format!("{:?}", DirectorConfig::parse(&path, &text).unwrap());
    let bare = format!("{:?}", DirectorConfig::parse(&path, "[iaas]\nDRIVER = lxc\n").unwrap());
    assert_eq!(shipped, bare);
}

#[test]
fn the_examples_of_more_clouds_work_when_they_are_uncommented() {
    let (path, text) = shipped("director.cfg");
    let (before, examples) = text.split_once("# [processes]").unwrap();
    let is_required = |name: &str| ec2::EC2_REQUIRED.contains(&name) || openstack::OPENSTACK_REQUIRED.contains(&name);
    let uncomment = |line: &str| {
        let bare = line.trim_start_matches("# ");
        match option(line) {
            // What has no default must be filled in.
            Some(("REGION", "")) => "REGION = us-east-1".to_owned(),
            Some((name, "")) if is_required(name) => format!("{name} = x"),
            Some(_) => bare.to_owned(),
            None if bare.starts_with('[') => bare.to_owned(),
            None => line.to_owned(),
        }
    };
    let examples: Vec<String> = examples.lines().map(uncomment).collect();
    let before = before.replace("# OTHER_CLOUDS =", "OTHER_CLOUDS = processes, amazon, openstack");
    let text = format!("{before}[processes]\n{}\n", examples.join("\n"));
    let config = DirectorConfig::parse(&path, &text).unwrap();
    assert!(matches!(config.clouds[1].driver, DriverConfig::Process(_)), "{:?}", config.clouds);
    assert!(matches!(config.clouds[2].driver, DriverConfig::Ec2(_)), "{:?}", config.clouds);
    assert!(matches!(config.clouds[3].driver, DriverConfig::OpenStack(_)), "{:?}", config.clouds);
}

#[test]
fn cps_tools_conf_describes_every_key() {
    let (path, text) = shipped("cps-tools.conf");
    assert_described("[cps-tools]", &section(&text, "[cps-tools]"), client::KEYS);
    let home = tempfile::tempdir().unwrap();
    let config = ClientConfig::read(home.path(), Some(&path)).unwrap();
    assert!(config.warnings.is_empty() && config.director_url.is_none() && !config.is_debug);
}

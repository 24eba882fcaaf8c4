use super::*;

fn url() -> DirectorUrl {
    "https://10.0.0.1:5555".parse().unwrap()
}

fn agent() -> AgentConfig {
    AgentConfig {
        base: NodeBase::for_agent(UserId(1), ApplicationId(2), Ipv4Addr::new(172, 16, 0, 3), url()),
        agent_type: "helloworld".to_owned(),
        service_id: ServiceId(4),
        manager_ip: Ipv4Addr::new(172, 16, 0, 2),
    }
}

#[test]
fn what_a_manager_is_told_comes_back_the_same() {
    let base = NodeBase::for_manager(UserId(7), ApplicationId(8), Ipv4Addr::new(127, 77, 0, 3), url());
    let mut config = ManagerConfig::new(base, "conpaas");
    let plain = ManagerConfig::parse(Path::new("/x"), &config.to_text().unwrap(), Path::new("/")).unwrap();
    assert_eq!(plain, config);
    config.base.root = PathBuf::from("/srv/node1");
    config.base.hostname = Some("conpaas-u7-a8-mgr".to_owned());
    config.base.time_servers = vec!["10.0.0.1".to_owned(), "ntp:1123".to_owned()];
    config.base.manager_port = 10443;
    config.base.agent_port = 10555;
    config.base.archive.max_entries = 3;
    config.base.script_output_bytes = 1 << 20;
    config.base.extra.insert("NEW_KEY".to_owned(), "a = b # c".to_owned());
    let read = ManagerConfig::parse(Path::new("/x"), &config.to_text().unwrap(), Path::new("/srv/node1")).unwrap();
    assert_eq!(read, config);
}

#[test]
fn what_an_agent_is_told_comes_back_the_same() {
    let mut config = agent();
    config.base.extra.insert("STRING_TO_GENERATE".to_owned(), "hello \"world\" \\n".to_owned());
    let read = AgentConfig::parse(Path::new("/x"), &config.to_text().unwrap(), Path::new("/")).unwrap();
    assert_eq!(read, config);
}

#[test]
fn it_is_found_under_the_root_and_its_paths_lie_there_too() {
    let root = tempfile::tempdir().unwrap();
    file::ensure_directory(&root.path().join("root")).unwrap();
    let text = agent().to_text().unwrap();
    file::write_atomic(&root.path().join("root/config.cfg"), text.as_bytes(), 0o600).unwrap();
    let config = AgentConfig::read(root.path()).unwrap();
    assert_eq!(config.base.var_cache, Path::new("/var/cache/cpsagent"));
    assert_eq!(config.base.rooted(&config.base.var_cache), root.path().join("var/cache/cpsagent"));
    assert_eq!(agent().base.rooted("/media/x"), Path::new("/media/x"));
}

#[test]
fn the_defaults_are_upstreams() {
    let text = "[manager]\nUSER_ID=1\nAPP_ID=1\nMY_IP=1.2.3.4\nDIRECTOR_URL=https://d:5555\n";
    let config = ManagerConfig::parse(Path::new("/x"), text, Path::new("/")).unwrap();
    let base = NodeBase::for_manager(UserId(1), ApplicationId(1), Ipv4Addr::new(1, 2, 3, 4), "d".parse().unwrap());
    assert_eq!(config, ManagerConfig::new(base, "conpaas"));
    assert_eq!(config.base.cert_dir, Path::new("/etc/cpsmanager/certs"));
    assert_eq!(config.base.log_file, Path::new("/var/log/cpsmanager.log"));
    assert_eq!((config.base.manager_port, config.base.agent_port), (443, 5555));
}

#[test]
fn a_value_cannot_smuggle_in_another_key() {
    for value in ["a\nMY_IP = 6.6.6.6", "a\r", " a", "a ;b", ";", "\0"] {
        let mut config = agent();
        config.base.extra.insert("STRING_TO_GENERATE".to_owned(), value.to_owned());
        assert!(config.to_text().is_err(), "{value:?}");
    }
    let mut config = agent();
    config.base.extra.insert("A = b\nC".to_owned(), String::new());
    assert!(config.to_text().is_err());
}

#[test]
fn a_missing_key_is_named() {
    let error = AgentConfig::parse(Path::new("/x"), "[agent]\nTYPE = generic\n", Path::new("/")).unwrap_err();
    assert_eq!(error.to_string(), "/x: [agent] USER_ID: is missing or empty");
}

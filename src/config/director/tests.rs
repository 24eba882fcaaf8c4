use super::*;
use crate::config::{DriverConfig, Floating, LxcConfig};

fn parse(text: &str) -> Result<DirectorConfig, ConfigError> {
    DirectorConfig::parse(Path::new("/d.cfg"), text)
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn lxc(config: &DirectorConfig, index: usize) -> &LxcConfig {
    match &config.clouds[index].driver {
        DriverConfig::Lxc(lxc) => lxc,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_driver_is_all_that_must_be_said() {
    let config = parse("[iaas]\ndriver = LXC\n").unwrap();
    assert_eq!(config.listen.port(), 5555);
    assert_eq!(config.database, Path::new("/etc/cpsdirector/director.db"));
    assert_eq!(config.director_url, None);
    assert_eq!(config.node_start_timeout, Duration::from_secs(300));
    let lxc = lxc(&config, 0);
    assert_eq!(lxc.state_dir, Path::new("/var/lib/conpaas/clouds/iaas"));
    assert_eq!(lxc.gateway.to_string(), "172.16.0.1");
    assert_eq!(lxc.first_address.to_string(), "172.16.0.2");
    assert_eq!(lxc.last_address.to_string(), "172.16.0.254");
    assert_eq!(lxc.memory_bytes, Some(256 << 20));
    assert_eq!(lxc.cpu_percent, Some(100));
}

#[test]
fn empty_limits_are_no_limits() {
    let config = parse("[iaas]\nDRIVER = lxc\nMEMORY =\nCPU =\nPIDS =\n").unwrap();
    assert_eq!(lxc(&config, 0).memory_bytes, None);
    assert_eq!((lxc(&config, 0).cpu_percent, lxc(&config, 0).max_pids), (None, None));
}

#[test]
fn an_upstream_file_with_our_cloud_is_read() {
    let config = parse(
        "[conpaas]\nCONF_DIR: /etc/cpsdirector\nCERT_DIR: /c\nDEPLOYMENT_NAME: conpaas-online\n\
         php_debug_level = 1\nSUPPORT_EXTERNAL_IDP: false\nEXTERNAL_IDPS = saml\nMAX_CREDIT: 100\n\
         [saml]\nanything: goes\n\
         [director]\nDATABASE_URI: sqlite:////tmp/d.db\nDEBUG: true\nDIRECTOR_URL = https://d.example.org:5555\n\
         [iaas]\nDRIVER: lxc\nOTHER_CLOUDS = second,third\n\
         [second]\nDRIVER: process\n[third]\nDRIVER: lxc\nNETWORK = 10.1.0.0/16\nBRIDGE = br1\n",
    )
    .unwrap();
    assert_eq!(config.clouds.iter().map(|cloud| cloud.name.as_str()).collect::<Vec<_>>(), ["iaas", "second", "third"]);
    assert_eq!(config.director_url.map(|url| url.to_string()).as_deref(), Some("https://d.example.org:5555"));
    assert_eq!(config.max_credit, 100);
    assert!(config.is_debug);
}

#[test]
fn upstream_clouds_get_upstream_texts_and_then_ours() {
    let openstack = "[iaas]\nDRIVER = openstack\nUSER = u\nPASSWORD = p\nHOST = h\nIMAGE_ID = i\nSIZE_ID = s\n\
                     KEY_NAME = k\n";
    assert_eq!(refusal(openstack), "/d.cfg: Missing openstack config param SECURITY_GROUP_NAME for iaas");
    let empty = format!("{openstack}SECURITY_GROUP_NAME =\n");
    assert_eq!(refusal(&empty), "/d.cfg: Empty openstack config param SECURITY_GROUP_NAME for iaas");
    let whole = format!("{openstack}SECURITY_GROUP_NAME = g\n");
    assert!(matches!(parse(&whole).unwrap().clouds[0].driver, DriverConfig::OpenStack(_)));
    assert!(refusal(&format!("{whole}COLOUR = red\n")).contains("[iaas] COLOUR: unknown key"));
    assert_eq!(refusal("[iaas]\nDRIVER=ec2\n"), "/d.cfg: Missing ec2 config param USER for iaas");
    assert!(
        refusal("[iaas]\nDRIVER=opennebula\nURL=x\n")
            .ends_with("no driver 'opennebula'; it has lxc, process, ec2 and openstack")
    );
    assert_eq!(refusal("[conpaas]\n"), "/d.cfg: no DRIVER specified in [iaas] section");
}

const OPENSTACK: &str = "[iaas]\nDRIVER = OpenStack\nUSER = conpaas\nPASSWORD = s3cr3t word\nHOST = cloud.example.org\n\
                         IMAGE_ID = services image\nSIZE_ID = 1\nKEY_NAME = k\nSECURITY_GROUP_NAME = g\n";

#[test]
fn upstreams_section_of_openstack_is_read_and_its_secret_is_not_shown() {
    let read = |more: &str| match parse(&format!("{OPENSTACK}{more}")).unwrap().clouds.remove(0).driver {
        DriverConfig::OpenStack(openstack) => openstack,
        other => panic!("{other:?}"),
    };
    let upstreams = read("NETWORK_ID = net\n");
    assert_eq!(upstreams.auth_url, "http://cloud.example.org:5000");
    assert_eq!((upstreams.project.as_str(), upstreams.user_domain.as_str()), ("conpaas", "Default"));
    assert_eq!((upstreams.password.reveal(), upstreams.floating.clone()), ("s3cr3t word", Floating::ByCloud));
    assert!(!format!("{upstreams:?}").contains("s3cr3t"));
    let own = read("PROJECT = p\nREGION = r\nAUTO_ASSIGN_FLOATING_IP = false\nFLOATING_NETWORK_ID = public\n");
    assert_eq!((own.project.as_str(), own.region.as_deref()), ("p", Some("r")));
    assert_eq!(own.floating, Floating::ByDirector { pool: Some("public".to_owned()) });
    let useless = refusal(&format!("{OPENSTACK}FLOATING_NETWORK_ID = public\n"));
    assert!(useless.contains("[iaas] FLOATING_NETWORK_ID: is for AUTO_ASSIGN_FLOATING_IP = false"), "{useless}");
    let host = refusal(&OPENSTACK.replace("cloud.example.org", "ftp://cloud"));
    assert!(host.contains("[iaas] HOST: 'ftp://cloud' is neither a host nor the URL of keystone"), "{host}");
}

const EC2: &str = "[iaas]\nDRIVER = ec2\nUSER = AKIA1\nPASSWORD = s3cr3t/+\nIMAGE_ID = ami-1\nSIZE_ID = t3.micro\n\
                   KEY_NAME = k\nSECURITY_GROUP_NAME = conpaas group\n";

#[test]
fn upstreams_section_of_ec2_is_read_and_its_secret_is_not_shown() {
    let config = parse(&format!("{EC2}REGION = ec2.eu-west-1.amazonaws.com\n")).unwrap();
    let DriverConfig::Ec2(ec2) = &config.clouds[0].driver else { panic!("{:?}", config.clouds) };
    assert_eq!((ec2.region.as_str(), ec2.endpoint.as_str()), ("eu-west-1", "https://ec2.eu-west-1.amazonaws.com"));
    assert_eq!((ec2.secret_key.reveal(), ec2.subnet_id.as_deref()), ("s3cr3t/+", None));
    assert!(!format!("{config:?}").contains("s3cr3t"));
    let own = parse(&format!("{EC2}REGION = RegionOne\nENDPOINT = https://cloud.local:8773/\nSUBNET_ID = subnet-1\n"));
    let DriverConfig::Ec2(own) = &own.unwrap().clouds[0].driver.clone() else { panic!("it is ec2") };
    assert_eq!((own.region.as_str(), own.endpoint.as_str()), ("RegionOne", "https://cloud.local:8773"));
    assert_eq!(refusal(EC2), "/d.cfg: Missing ec2 config param REGION for iaas");
    let unknown = refusal(&format!("{EC2}REGION = virginia\n"));
    assert_eq!(unknown, "/d.cfg: [iaas] REGION: Unknown EC2 region: virginia");
    assert!(refusal(&format!("{EC2}REGION=us-east-1\nHOST=x\n")).contains("[iaas] HOST: unknown key"));
    let blank = refusal(&EC2.replace("s3cr3t/+", "two s3cr3ts").replace("KEY_NAME", "REGION = us-east-1\nKEY_NAME"));
    assert!(blank.contains("[iaas] PASSWORD: has a blank") && !blank.contains("s3cr3ts"), "{blank}");
}

#[test]
fn every_refusal_names_section_and_key() {
    let table = [
        ("[director]\nPROT = 1\n", "[director] PROT: unknown key"),
        ("[colour]\n[iaas]\nDRIVER=lxc\n", "unknown section [colour]"),
        ("[iaas]\nDRIVER=lxc\nMANAGER_PORT=1\n", "[iaas] MANAGER_PORT: unknown key"),
        ("[director]\nLISTEN=5555\n[iaas]\nDRIVER=lxc\n", "[director] LISTEN: '5555' is not an address and a port"),
        ("[director]\nDATABASE_URI=mysql://x\n[iaas]\nDRIVER=lxc\n", "[director] DATABASE_URI: 'mysql://x'"),
        ("[director]\nDATABASE_URI=sqlite:///x.db\n[iaas]\nDRIVER=lxc\n", "four slashes"),
        ("[director]\nNODE_START_TIMEOUT=0\n[iaas]\nDRIVER=lxc\n", "NODE_START_TIMEOUT: must be above zero"),
        ("[director]\nREQUIRE_TIME_SERVER=yes\n[iaas]\nDRIVER=lxc\n", "REQUIRE_TIME_SERVER: is true, but"),
        ("[director]\nDIRECTOR_URL=http://a\n[iaas]\nDRIVER=lxc\n", "[director] DIRECTOR_URL"),
        ("[director]\nUSERDATA_DIR=\n[iaas]\nDRIVER=lxc\n", "[director] USERDATA_DIR: is missing or empty"),
        ("[conpaas]\nphp_debug_level=high\n[iaas]\nDRIVER=lxc\n", "[conpaas] PHP_DEBUG_LEVEL: 'high'"),
        ("[conpaas]\nDEPLOYMENT_NAME=a b\n[iaas]\nDRIVER=lxc\n", "[conpaas] DEPLOYMENT_NAME: 'a b'"),
        ("[iaas]\nDRIVER=lxc\nGATEWAY=10.0.0.1\n", "[iaas] GATEWAY: 10.0.0.1 is not an address for a host"),
        ("[iaas]\nDRIVER=lxc\nFIRST_ADDRESS=172.16.0.9\nLAST_ADDRESS=172.16.0.8\n", "FIRST_ADDRESS: 172.16.0.9 comes"),
        ("[iaas]\nDRIVER=lxc\nID_BASE=4294967295\n", "[iaas] ID_COUNT"),
        ("[iaas]\nDRIVER=lxc\nID_POOL=1000-99999\n", "[iaas] ID_POOL: '1000-99999' must lie between 65536"),
        ("[iaas]\nDRIVER=lxc\nID_POOL=100000-165534\n", "[iaas] ID_POOL: 100000-165534 has less than ID_COUNT"),
        ("[iaas]\nDRIVER=lxc\nBRIDGE=a-name-that-is-too-long\n", "[iaas] BRIDGE"),
        ("[iaas]\nDRIVER=process\nNETWORK=10.0.0.0/8\n", "[iaas] NETWORK: 10.0.0.0/8 is not a part of 127"),
        ("[iaas]\nDRIVER=lxc\nOTHER_CLOUDS=a\n", "[iaas] OTHER_CLOUDS: there is no section [a]"),
        ("[iaas]\nDRIVER=lxc\nOTHER_CLOUDS=director\n[director]\n", "OTHER_CLOUDS: 'director' cannot name"),
        ("[iaas]\nDRIVER=lxc\nOTHER_CLOUDS=a\n[a]\nDRIVER=lxc\n", "[a] NETWORK: 172.16.0.0/24 overlaps"),
        ("[iaas]\nDRIVER=lxc\nOTHER_CLOUDS=a\n[a]\nDRIVER=lxc\nNETWORK=10.0.0.0/8\n", "[a] BRIDGE: conpaas0 is that"),
        (
            "[iaas]\nDRIVER=lxc\nSTATE_DIR=/x\nOTHER_CLOUDS=a\n[a]\nDRIVER=process\nSTATE_DIR=/x/y\n",
            "[a] STATE_DIR: /x/y overlaps",
        ),
    ];
    for (text, expected) in table {
        let text = refusal(text);
        assert!(text.starts_with("/d.cfg: ") && text.contains(expected), "{text:?} should say {expected:?}");
    }
}

#[test]
fn nodes_ask_the_servers_of_the_director_or_their_own() {
    let servers = |text: &str| {
        let clock = parse(&format!("[director]\n{text}\n[iaas]\nDRIVER=lxc\n")).unwrap().clock;
        (clock.time_servers.join(" "), clock.node_time_servers.join(" "))
    };
    let pair = |own: &str, nodes: &str| (own.to_owned(), nodes.to_owned());
    assert_eq!(servers(""), pair("", ""));
    assert_eq!(servers("TIME_SERVERS = a, b:1"), pair("a b:1", "a b:1"));
    assert_eq!(servers("NODE_TIME_SERVERS = 172.16.0.11"), pair("", "172.16.0.11"));
    assert_eq!(servers("TIME_SERVERS = a\nNODE_TIME_SERVERS = b"), pair("a", "b"));
}

//! The units and data of first boot and welcome page, read as text.

use std::path::Path;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All values of a key, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = text(unit);
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
}

#[test]
fn the_first_boot_comes_before_everything_that_uses_what_it_makes() {
    let unit = "systemd/conpaas-first-boot.service";
    let conditions = ["!/var/lib/conpaas/first-boot/done", "/usr/lib/conpaas/first-boot.txt"];
    assert_eq!(values(unit, "ConditionPathExists"), conditions);
    assert_eq!(values(unit, "ExecStart"), ["/usr/bin/conpaas first-boot"]);
    let before = values(unit, "Before").join(" ");
    for later in [
        "network-pre.target",
        "getty-pre.target",
        "systemd-networkd.service",
        "avahi-daemon.service",
        "chrony.service",
        "ssh.service",
        "conpaas-director.service",
        "conpaas-web.service",
        "conpaas-console.service",
    ] {
        assert!(before.split(' ').any(|unit| unit == later), "{later}");
    }
    assert!(values(unit, "After").join(" ").contains("conpaas-time.service"));
    assert_eq!(values(unit, "Requires"), Vec::<String>::new(), "nothing that is missing stops it");
}

#[test]
fn the_page_may_read_no_secret_and_only_it_may_ask_for_one() {
    let page = "systemd/conpaas-web.service";
    assert_eq!(values(page, "User"), ["conpaas-web"]);
    assert_eq!(values(page, "CapabilityBoundingSet"), ["CAP_NET_BIND_SERVICE"]);
    assert_eq!(values(page, "ProtectSystem"), ["strict"]);
    assert_eq!(values(page, "ReadWritePaths"), Vec::<String>::new());
    let socket = "systemd/conpaas-first-login.socket";
    assert_eq!(values(socket, "ListenStream"), [conpaas::api::first_boot::FIRST_LOGIN_SOCKET]);
    assert_eq!(
        (values(socket, "SocketGroup"), values(socket, "SocketMode")),
        (vec!["conpaas-web".into()], vec!["0660".into()])
    );
    assert_eq!(values(socket, "Accept"), ["yes"]);
    let giver = "systemd/conpaas-first-login@.service";
    assert_eq!(values(giver, "ExecStart"), ["/usr/bin/conpaas first-boot take --json"]);
    assert_eq!(values(giver, "StandardOutput"), ["socket"]);
    assert!(values(giver, "ReadWritePaths")[0].split(' ').any(|path| path == conpaas::api::first_boot::FIRST_BOOT_DIR));
    assert!(text("systemd/conpaas.sysusers").contains("\nu conpaas-web "));
}

#[test]
fn every_unit_is_confined_and_runs_this_program() {
    for unit in ["first-boot", "console", "first-login@", "web", "frontend"] {
        let unit = format!("systemd/conpaas-{unit}.service");
        for (key, value) in [
            ("NoNewPrivileges", "yes"),
            ("ProtectKernelModules", "yes"),
            ("ProtectKernelTunables", "yes"),
            ("RestrictNamespaces", "yes"),
            ("MemoryDenyWriteExecute", "yes"),
            ("SystemCallArchitectures", "native"),
        ] {
            assert_eq!(values(&unit, key), [value], "{unit} {key}");
        }
        assert!(values(&unit, "ExecStart")[0].starts_with("/usr/bin/conpaas "), "{unit}");
        assert!(!values(&unit, "SystemCallFilter").is_empty(), "{unit}");
    }
    assert_eq!(values("systemd/conpaas-web.service", "Type"), ["notify"]);
    assert!(!values("systemd/conpaas-web.service", "WatchdogSec").is_empty());
}

#[test]
fn what_avahi_announces_is_where_it_is() {
    let announcement = text("config/avahi.service");
    let port = |kind: &str| {
        let (_, rest) = announcement.split_once(&format!("<type>{kind}</type>")).unwrap();
        let (_, rest) = rest.split_once("<port>").unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    assert_eq!(port("_conpaas._tcp"), conpaas::config::DEFAULT_DIRECTOR_PORT.to_string());
    assert_eq!(port("_http._tcp"), "80");
    assert!(announcement.contains("<name replace-wildcards=\"yes\">ConPaaS on %h</name>"));
}

#[test]
fn the_script_in_imagers_place_only_takes_its_order_away() {
    let script = text("config/firstrun.sh");
    assert!(script.starts_with("#!/bin/sh\n"));
    assert!(script.ends_with("\nexec /usr/bin/conpaas first-boot forget-script\n"));
}

/// An image starts every unit of ours that an installed package leaves alone.
#[test]
fn images_start_the_units_and_say_what_they_are() {
    let enabled = text("images/parts/machine/80-units.script");
    for unit in [
        "conpaas-first-boot.service multi-user.target",
        "conpaas-console.service multi-user.target",
        "conpaas-console.path multi-user.target",
        "conpaas-web.service multi-user.target",
        "conpaas-first-login.socket sockets.target",
    ] {
        assert!(enabled.contains(&format!("\nenable {unit}\n")), "{unit}");
    }
    for (image, is_compute) in
        [("images/parts/machine/12-machine.overlay", false), ("images/rpi-compute/30-compute.overlay", true)]
    {
        let defaults = text(&format!("{image}/usr/lib/conpaas/first-boot.txt"));
        let (entries, mut problems) = conpaas::first_boot::settings::read("first-boot.txt", defaults.as_bytes());
        let settings = conpaas::first_boot::settings::resolve(&[entries], &mut problems);
        assert_eq!(problems, Vec::new(), "{image}");
        assert_eq!(settings.role == conpaas::first_boot::settings::MachineRole::Compute, is_compute, "{image}");
    }
}

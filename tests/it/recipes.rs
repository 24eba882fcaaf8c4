//! The recipes of the images, read as the engine reads them, for every machine
//! that they are for; and every file of them looked at.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use conpaas::image::{Architecture, Output, RecipeDirectory, overview};
use conpaas::service::kind_names;

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}

fn recipes() -> RecipeDirectory {
    RecipeDirectory::open(Some(&images())).unwrap()
}

/// Every file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[test]
fn every_recipe_can_be_resolved_for_every_machine_that_it_is_for() {
    let list = recipes().list().unwrap();
    let names: Vec<&str> = list.iter().map(|recipe| recipe.name.as_str()).collect();
    for name in ["services", "rpi-standalone", "rpi-compute", "nutshell"] {
        assert!(names.contains(&name), "there is no recipe {name}");
    }
    for recipe in &list {
        for architecture in &recipe.architectures {
            let overview = overview(&recipes(), &recipe.name, *architecture, None);
            let overview = overview.unwrap_or_else(|error| panic!("{error}"));
            assert!(!overview.packages.is_empty(), "{} installs nothing", recipe.name);
            for embed in &overview.embeds {
                let inner = list.iter().find(|other| other.name == *embed);
                let inner = inner.unwrap_or_else(|| panic!("{} contains {embed}, which is not there", recipe.name));
                assert!(inner.architectures.contains(architecture), "{embed} is not for {architecture}");
            }
        }
    }
}

#[test]
fn every_step_belongs_to_a_recipe() {
    let mut used: Vec<PathBuf> = Vec::new();
    for recipe in recipes().list().unwrap() {
        let kinds = recipe.directory.join("kinds");
        let all = std::fs::read_dir(kinds).map_or(Vec::new(), |entries| {
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        });
        for architecture in &recipe.architectures {
            used.extend(overview(&recipes(), &recipe.name, *architecture, Some(all.clone())).unwrap().steps);
        }
    }
    // The whole OpenStack is no image: its own programs use what is there.
    let openstack = images().join("nutshell-openstack");
    for file in files(&images()).into_iter().filter(|file| !file.starts_with(&openstack)) {
        // Which releases have steps of their own, a recipe of another release does not use.
        let is_of_release = |part: &str| part.contains(".bookworm.") || part.contains(".trixie.");
        let is_data = ["recipe.toml", "README.md"].iter().any(|name| file.ends_with(name))
            || file.iter().any(|part| is_of_release(&part.to_string_lossy()));
        let is_used =
            used.iter().any(|step| file.starts_with(step) || step.parent() == file.parent().and_then(Path::parent));
        assert!(is_data || is_used, "no recipe uses {}", file.display());
    }
}

#[test]
fn the_containers_can_run_every_kind_of_service() {
    let kinds = images().join("services/kinds");
    for name in kind_names() {
        assert!(
            kinds.join(name).is_dir(),
            "nothing says what the kind {name} needs: make images/services/kinds/{name}"
        );
    }
    for name in ["php", "java", "mysql"] {
        let list = recipes().list().unwrap();
        let services = list.iter().find(|recipe| recipe.name == "services").unwrap();
        assert_eq!(services.output, Output::Directory);
        let overview = |kind: &str| {
            overview(&recipes(), "services", services.architectures[0], Some(vec![kind.to_owned()])).unwrap().packages
        };
        assert!(overview(name).len() > overview("helloworld").len(), "{name} brings no package");
    }
}

#[test]
fn every_script_is_one_for_a_plain_shell() {
    let is_shell = |file: &Path| {
        let start = std::fs::read(file).unwrap();
        ["script", "chroot", "boot"].contains(&extension(file)) || start.starts_with(b"#!/bin/sh")
    };
    let scripts: Vec<PathBuf> =
        files(&images()).into_iter().filter(|file| !file.is_symlink() && is_shell(file)).collect();
    assert!(scripts.len() > 5, "the scripts are not where this test looks");
    for script in scripts {
        let output = Command::new("dash").arg("-n").arg(&script).output().unwrap();
        assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(text.starts_with("#!/bin/sh\n") || text.starts_with("#!/bin/busybox sh\n"), "{}", script.display());
        let says_why = text.lines().nth(1).is_some_and(|line| line.starts_with("# "));
        assert!(says_why, "{}: the second line tells what the script is for", script.display());
        assert!(text.lines().any(|line| line.starts_with("set -e")), "{}: a failure must end it", script.display());
    }
}

#[test]
fn modes_are_those_that_git_keeps_and_nothing_is_secret() {
    for file in files(&images()) {
        let metadata = std::fs::symlink_metadata(&file).unwrap();
        if metadata.is_symlink() {
            continue;
        }
        let is_program = metadata.mode() & 0o111 != 0;
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!is_program || text.starts_with("#!"), "{} is no program", file.display());
        assert!(!text.contains("PRIVATE KEY-----"), "{} has a private key", file.display());
    }
}

/// The text of a file of the recipes.
fn text(path: &str) -> String {
    let path = images().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn packages_have_the_names_of_the_recipes_release() {
    let all = recipes();
    let packages = |name: &str, architecture| overview(&all, name, architecture, None).unwrap().packages;
    let machine = |name: &str| packages(name, all.read(name).unwrap().architectures[0]);
    // Debian 13 takes the usual settings of the kernel out of systemd: ping is for root alone without them.
    let defaults = "linux-sysctl-defaults".to_owned();
    assert!(machine("nutshell").contains(&defaults) && machine("rpi-standalone").contains(&defaults));
    assert!(!machine("rpi-compute").contains(&defaults), "Debian 12 has no such package");
    // Debian 13's own kernel starts no Raspberry Pi 5, and its backports are not for every architecture.
    let kernels = |architecture| {
        let packages = packages("rpi-standalone", architecture).into_iter();
        packages.filter(|package| package.starts_with("linux-image-")).collect::<Vec<_>>()
    };
    assert_eq!(kernels(Architecture::Arm64), ["linux-image-arm64/trixie-backports"]);
    assert_eq!(kernels(Architecture::Armhf), ["linux-image-armmp"]);
    let kinds = Some(vec!["development".to_owned(), "xtreemfs".to_owned()]);
    let services = overview(&all, "services", Architecture::Amd64, kinds).unwrap().packages;
    let has = |name: &str| services.contains(&name.to_owned());
    assert!(has("liblxc1") && has("moosefs-master/bookworm-backports"), "{services:?}");
}

#[test]
fn swap_is_packed_in_a_way_that_every_kernel_of_ours_knows() {
    let settings = text("parts/machine/12-machine.overlay/etc/systemd/zram-generator.conf");
    let algorithm = settings.lines().find_map(|line| line.strip_prefix("compression-algorithm = "));
    // Kernels from 6.12 on were built without lzo.
    assert!(matches!(algorithm, Some("zstd" | "lz4")), "{settings}");
}

/// Runs the step that fills the FAT partition over a root with these firmware files.
fn fill_boot_partition(directory: &Path, has_pi_5: bool) -> PathBuf {
    let (root, boot) = (directory.join("root"), directory.join("boot"));
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("usr/lib/raspi-firmware/start.elf", "firmware");
    write("usr/lib/raspi-firmware/overlays/some.dtbo", "overlay");
    let share = "parts/raspberry-pi/18-raspberry-pi.overlay/usr/share/conpaas-raspberry-pi";
    for name in ["config.txt", "cmdline.arm64.txt"] {
        write(&format!("usr/share/conpaas-raspberry-pi/{name}"), &text(&format!("{share}/{name}")));
    }
    write("usr/share/conpaas/conpaas.txt", "");
    write("usr/sbin/conpaas-pi-boot", "#!/bin/sh\n: > \"$3/vmlinuz-$1\"\n");
    write("boot/vmlinuz-7.3.4", "kernel");
    if has_pi_5 {
        write("usr/lib/modules/7.3.4/dtb/broadcom/bcm2712-rpi-5-b.dtb", "tree");
    }
    std::fs::create_dir_all(&boot).unwrap();
    let part = images().join("parts/raspberry-pi");
    let output = Command::new("sh")
        .arg("-eu")
        .arg(part.join("90-boot.boot"))
        .args([&root, &boot])
        .env("ARCH", "arm64")
        .env("FILES", part.join("files"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    boot
}

#[test]
fn firmware_is_copied_with_its_directories() {
    let directory = tempfile::tempdir().unwrap();
    let boot = fill_boot_partition(directory.path(), false);
    assert_eq!(std::fs::read_to_string(boot.join("overlays/some.dtbo")).unwrap(), "overlay");
    for name in ["start.elf", "config.txt", "cmdline.txt", "conpaas.txt", "vmlinuz-7.3.4"] {
        assert!(boot.join(name).is_file(), "{name}");
    }
    assert!(!boot.join("overlays/bcm2712d0.dtbo").exists(), "this kernel knows no Raspberry Pi 5");
}

/// Reads a device tree back as text.
fn decompiled(tree: &Path) -> String {
    let output = Command::new("dtc").args(["-q", "-I", "dtb", "-O", "dts"]).arg(tree).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_overlay_makes_a_tree_of_the_second_stepping() {
    let directory = tempfile::tempdir().unwrap();
    let boot = fill_boot_partition(directory.path(), true);
    // The nodes of Debian's tree that differ between the steppings.
    let base = directory.path().join("base.dts");
    let source = "/dts-v1/;\n/ { compatible = \"brcm,bcm2712\"; #address-cells = <1>; #size-cells = <1>;\n\
                  uart10: serial@7d001000 { reg = <0x7d001000 0x200>; interrupts = <0 0x79 4>; };\n\
                  pinctrl: pinctrl@7d504100 { compatible = \"brcm,bcm2712c0-pinctrl\"; reg = <0x7d504100 0x30>; };\n\
                  pinctrl_aon: pinctrl@7d510700 { compatible = \"brcm,bcm2712c0-aon-pinctrl\"; reg = <0x7d510700 0x20>; };\n\
                  gio_aon: gpio@7d517c00 { reg = <0x7d517c00 0x40>; brcm,gpio-bank-widths = <17 6>; };\n};\n";
    std::fs::write(&base, source).unwrap();
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("dtc", &["-q", "-@", "-O", "dtb", "-o", "base.dtb", "base.dts"]);
    let overlay = boot.join("overlays/bcm2712d0.dtbo");
    run("fdtoverlay", &["-i", "base.dtb", "-o", "d0.dtb", overlay.to_str().unwrap()]);
    let tree = decompiled(&directory.path().join("d0.dtb"));
    for words in ["bcm2712d0-pinctrl", "bcm2712d0-aon-pinctrl", "<0x7d510700 0x1c>", "<0x00 0x78 0x04>", "<0x0f 0x06>"]
    {
        assert!(tree.contains(words), "{words} is not in {tree}");
    }
    assert!(!tree.contains("bcm2712c0"), "{tree}");
}

#[test]
fn the_ssh_server_keeps_the_programs_that_it_consists_of() {
    let root = tempfile::tempdir().unwrap();
    let path = |path: &str| root.path().join(path);
    for directory in ["usr/sbin", "usr/bin", "usr/lib/openssh", "etc/ssh"] {
        std::fs::create_dir_all(path(directory)).unwrap();
    }
    let unused =
        ["usr/bin/sftp", "usr/lib/openssh/sftp-server", "usr/lib/openssh/ssh-keysign", "etc/ssh/ssh_host_rsa_key"];
    // Of OpenSSH 10 each session and each login is a program of its own.
    let used = ["usr/sbin/sshd", "usr/lib/openssh/sshd-session", "usr/lib/openssh/sshd-auth"];
    for file in unused.iter().chain(&used) {
        std::fs::write(path(file), "").unwrap();
        std::fs::set_permissions(path(file), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let script = images().join("services/85-git.script");
    let output = Command::new("sh").arg("-eu").arg(script).arg(root.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(used.iter().all(|file| path(file).exists()), "what sshd starts is gone");
    assert!(!unused.iter().any(|file| path(file).exists()), "what nobody uses is there");
}

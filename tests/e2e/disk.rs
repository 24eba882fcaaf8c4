//! The disk of a node: what one tenant can fill, and what crashes leave of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use conpaas::cloud::Cloud;

use super::world;

const DISK_BYTES: u64 = 64 << 20;
/// Fills a disk but for 48 MB.
const FILL: &str =
    r#"free=$(df -k --output=avail "${1%/*}" | tail -n 1); head -c $(((free - 48000) * 1024)) /dev/zero > "$1""#;

#[test]
fn a_node_fills_its_own_disk_and_no_more() {
    world::inside("e2e::disk::a_node_fills_its_own_disk_and_no_more", |state| async move {
        let mut settings = world::settings(&state);
        settings.limits.disk_bytes = Some(DISK_BYTES);
        let cloud = world::cloud(settings);
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let image = image(&state, "a");

        let (_, shown) = world::run_in(&node.vmid, "df -k / | tail -n 1 | tr -s ' ' | cut -d' ' -f2");
        let shown: u64 = shown.parse().unwrap();
        assert!((40_000..=DISK_BYTES >> 10).contains(&shown), "df shows {shown} kB");

        // What users upload and what services write is in the same disk.
        let (_, said) = world::run_in(&node.vmid, "for d in /root /var/tmp /opt; do cat /dev/zero > $d/full; done");
        assert_eq!(said.matches("No space left").count(), 3, "{said}");
        assert!(taken(&image) <= DISK_BYTES + (1 << 20), "{} bytes", taken(&image));
        assert!(world::run_in(&node.vmid, "rm -f /root/full /var/tmp/full /opt/full && echo room > /root/file").0);

        let many = "mkdir /root/many && cd /root/many && seq 1 30000 | xargs touch 2>/dev/null; ls | wc -l";
        let (_, n_files) = world::run_in(&node.vmid, many);
        assert!(n_files.parse::<u64>().unwrap() < 20_000, "{n_files} files");
        assert!(world::run_in(&node.vmid, "touch /root/more").1.contains("No space left"));

        // A tree without end goes with the disk, and the neighbour has noticed nothing.
        let deep = "rm -r /root/many; python3 -c \"import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\"";
        assert!(world::run_in(&node.vmid, deep).0);
        let neighbour = cloud.ensure_node(&world::agent("b")).await.unwrap();
        assert!(world::run_in(&neighbour.vmid, "head -c 10000000 /dev/zero > /root/data").0);
        cloud.remove_node(&node.tag).await.unwrap();
        assert!(!image.exists() && world::is_running(&cloud, &neighbour));
        cloud.remove_node(&neighbour.tag).await.unwrap();
        cloud.remove_network().await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn who_asks_for_a_node_that_has_no_room_is_told_so() {
    world::inside("e2e::disk::who_asks_for_a_node_that_has_no_room_is_told_so", |state| async move {
        let small = state.join("small");
        fs::create_dir(&small).unwrap();
        fs::set_permissions(&small, fs::Permissions::from_mode(0o711)).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=1g,mode=711", "tmpfs"].map(std::ffi::OsStr::new);
        run("mount", &[&options[..], &[small.as_os_str()]].concat());
        let (_, nutshell) = world::nutshell(&state, &small, &world::base());
        nutshell.succeed("up", &[]);
        nutshell.type_command(&["conpaas", "application", "create", "shop"]);
        let filler = small.join("filler");
        // The director itself goes on; a node would take what is left.
        run("sh", &["-c".as_ref(), FILL.as_ref(), "sh".as_ref(), filler.as_os_str()]);
        let output = nutshell.run("shell", &["--", "conpaas", "application", "start", "shop"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("no room for a node, 4"), "{said}");
        assert!(said.contains("remove nodes or volumes, or add disk"), "{said}");
        fs::remove_file(&filler).unwrap();
        nutshell.type_command(&["conpaas", "application", "start", "shop"]);
    });
}

#[test]
fn disks_survive_crashes_and_nodes_of_before_have_none() {
    world::inside("e2e::disk::disks_survive_crashes_and_nodes_of_before_have_none", |state| async move {
        let mut settings = world::settings(&state);
        settings.limits.disk_bytes = None;
        let old = world::cloud(settings.clone());
        let before = old.ensure_node(&world::agent("before")).await.unwrap();
        assert!(world::run_in(&before.vmid, "echo mine > /root/file").0);
        old.stop_node(&before.tag).await.unwrap();

        settings.limits.disk_bytes = Some(DISK_BYTES);
        let cloud = world::cloud(settings);
        cloud.ensure_node(&world::agent("before")).await.unwrap();
        assert_eq!(world::run_in(&before.vmid, "cat /root/file").1, "mine");
        assert!(!image(&state, "before").exists());
        let findings = cloud.check().await;
        assert!(findings.iter().any(|finding| finding.text.contains("1 nodes have no limit of disk")), "{findings:?}");

        // A disk that was mounted and not named when the power failed: nothing else was prepared then.
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        assert!(world::run_in(&node.vmid, "echo kept > /root/file").0);
        cloud.stop_node(&node.tag).await.unwrap();
        let (disk, new) = (image(&state, "a"), image(&state, "a").with_extension("img.new"));
        fs::rename(&disk, &new).unwrap();
        let mounted = disk.with_file_name("disk");
        fs::remove_dir(disk.with_file_name("root")).unwrap();
        run("mount", &["-o".as_ref(), "loop".as_ref(), new.as_os_str(), mounted.as_os_str()]);
        cloud.ensure_node(&world::agent("a")).await.unwrap();
        assert!(disk.exists() && !new.exists(), "what was mounted is named");
        assert_eq!(world::run_in(&node.vmid, "cat /root/file").1, "kept");

        cloud.stop_node(&node.tag).await.unwrap();
        fs::write(&new, vec![0; 1 << 20]).unwrap();
        for left in [&disk, &new] {
            run("losetup", &["--find".as_ref(), left.as_os_str()]);
        }
        cloud.ensure_node(&world::agent("a")).await.unwrap();
        assert_eq!(world::run_in(&node.vmid, "cat /root/file").1, "kept");
        // One is made ahead; what a killed director left of such a one is nobody's disk.
        let spare = state.join("cloud/spare-disk.img");
        fs::write(&spare, "a part").unwrap();
        for _ in 0..2 {
            cloud.prepare_next().await.unwrap();
        }
        assert!(fs::metadata(&spare).unwrap().len() > 1 << 20, "it is made anew");
        let next = cloud.ensure_node(&world::agent("b")).await.unwrap();
        assert!(!spare.exists() && image(&state, "b").exists(), "the node has it");
        assert!(world::run_in(&next.vmid, "echo mine > /root/file").0);
        cloud.stop_node(&next.tag).await.unwrap();
        cloud.ensure_node(&world::agent("b")).await.unwrap();
        assert_eq!(world::run_in(&next.vmid, "cat /root/file").1, "mine");
        for tag in [&node.tag, &before.tag, &next.tag] {
            cloud.remove_node(tag).await.unwrap();
        }
        cloud.remove_network().await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

fn image(state: &Path, tag: &str) -> PathBuf {
    state.join("cloud/nodes").join(tag).join("disk.img")
}

fn taken(image: &Path) -> u64 {
    fs::metadata(image).unwrap().blocks() * 512
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

//! Volumes that are block devices, as in virtual machines.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use conpaas::config::NodeBase;
use conpaas::model::{ApplicationId, UserId, VolumeName};
use conpaas::service::volume::mount::Volumes;

use super::world;

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A loop device with an empty disk, known in `dev` under another name.
fn plug(dev: &Path, name: &str, image: &Path) -> String {
    std::fs::File::create(image).unwrap().set_len(16 << 20).unwrap();
    let device = run("losetup", &["--find", "--show", &image.display().to_string()]);
    let number = std::fs::metadata(&device).unwrap().rdev();
    let (major, minor) = (nix::sys::stat::major(number).to_string(), nix::sys::stat::minor(number).to_string());
    run("mknod", &[&dev.join(name).display().to_string(), "b", &major, &minor]);
    device
}

#[test]
fn a_block_device_is_formatted_once_and_found_under_any_name() {
    world::inside("e2e::device::a_block_device_is_formatted_once_and_found_under_any_name", |state| async move {
        let root = state.join("root");
        for directory in ["dev", "media", "var/tmp/cpsagent"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let device = plug(&root.join("dev"), "vdb", &state.join("disk"));
        let (url, address) = ("https://127.0.0.1:5555".parse().unwrap(), "127.0.0.1".parse().unwrap());
        let mut base = NodeBase::for_agent(UserId(1), ApplicationId(1), address, url);
        base.root = root.clone();
        let volumes = Volumes::new(&base);
        let name: VolumeName = "data".parse().unwrap();
        let id = Some("5f0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b");
        let file = root.join("media/data/file");
        volumes.mount("sdb", id, &name).await.unwrap();
        std::fs::write(&file, b"kept").unwrap();
        volumes.unmount(&name).await.unwrap();
        assert!(!file.exists());
        // Attached again as something else, it is the only disk that says nothing and that nobody uses.
        volumes.mount("sdf", id, &name).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        // After a power cut the node has it again.
        run("umount", &[&root.join("media/data").display().to_string()]);
        Volumes::new(&base).resume().await;
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        volumes.unmount(&name).await.unwrap();
        run("losetup", &["-d", &device]);
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

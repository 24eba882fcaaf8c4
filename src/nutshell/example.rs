//! The example program, carried along so that the demo needs no checkout.

use std::io;

use tar::{Builder, Header};

const FILES: &[(&str, &[u8], u32)] = &[
    ("init.sh", include_bytes!("../../examples/hello-web/init.sh"), 0o755),
    ("notify.sh", include_bytes!("../../examples/hello-web/notify.sh"), 0o755),
    ("run.sh", include_bytes!("../../examples/hello-web/run.sh"), 0o755),
    ("interrupt.sh", include_bytes!("../../examples/hello-web/interrupt.sh"), 0o755),
    ("cleanup.sh", include_bytes!("../../examples/hello-web/cleanup.sh"), 0o755),
    ("server.py", include_bytes!("../../examples/hello-web/server.py"), 0o644),
];

/// `examples/hello-web` as a tar archive, ready to be uploaded.
pub(crate) fn archive() -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (name, content, mode) in FILES {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        builder.append_data(&mut header, name, *content)?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_archive_is_the_directory() {
        let archive = archive().unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(&archive[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello-web/").to_owned() + &name;
            assert_eq!(content, std::fs::read(path).unwrap(), "{name}");
            names.push(name);
        }
        let directory = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello-web")).unwrap();
        let is_code = |name: &String| name != "README.md" && name != "__pycache__";
        let mut expected: Vec<String> =
            directory.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(is_code).collect();
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
    }
}

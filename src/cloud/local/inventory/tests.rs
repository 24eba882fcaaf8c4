use super::*;
use crate::cloud::fixed_context::fixed;

fn inventory(directory: &Path) -> Inventory {
    Inventory::new("iaas".parse().unwrap(), directory, Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 4))
}

fn spec(tag: &str) -> NodeSpec {
    let tag: NodeTag = tag.parse().unwrap();
    NodeSpec {
        name: tag.to_string(),
        tag,
        group: NodeGroup(1),
        role: NodeRole::Manager,
        context: fixed(Vec::new()),
        instance_type: None,
        needs: crate::model::NodeNeeds::default(),
    }
}

fn volume_spec() -> VolumeSpec {
    VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 3, node: None }
}

#[test]
fn addresses_are_used_again_and_numbers_never() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = inventory(directory.path());
    let first = inventory.ensure_node(&spec("a")).unwrap();
    assert_eq!((first.vmid.as_str(), first.ip), ("i-00000001", Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(inventory.ensure_node(&spec("a")).unwrap(), first);
    inventory.ensure_node(&spec("b")).unwrap();
    file::ensure_absent(&inventory.node_directory(&first.tag)).unwrap();
    inventory.forget_node(&first.tag).unwrap();
    let third = inventory.ensure_node(&spec("c")).unwrap();
    assert_eq!((third.vmid.as_str(), third.ip), ("i-00000003", first.ip));
    inventory.ensure_node(&spec("d")).unwrap();
    let error = inventory.ensure_node(&spec("e")).unwrap_err();
    assert!(matches!(error, CloudError::Exhausted { .. }), "{error}");
}

#[test]
fn ids_are_shared_by_no_two_nodes_of_any_cloud_and_given_again_when_one_is_gone() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node_ids = |neighbour: &Path| NodeIds {
        pool: "3000000000-3000262143".parse().unwrap(),
        size: 65_536,
        neighbours: vec![neighbour.to_owned()],
    };
    let here = inventory(directory.path()).with_ids(node_ids(other.path()));
    let there = inventory(other.path()).with_ids(node_ids(directory.path()));
    let old = inventory(directory.path()).ensure_node(&spec("old")).unwrap();
    assert_eq!(old.ids, None);
    let first = here.ensure_node(&spec("a")).unwrap();
    let given = [&here, &there, &there].into_iter().zip(["b", "a", "b"]);
    let given: Vec<IdMap> = given.map(|(at, tag)| at.ensure_node(&spec(tag)).unwrap().ids.unwrap()).collect();
    assert_eq!(given.iter().chain(&first.ids).collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(here.node(&first.tag).unwrap(), Some(first.clone()), "recorded, and kept");
    assert_eq!(here.node(&old.tag).unwrap().unwrap().ids, None, "an old node keeps what it has");
    let error = there.ensure_node(&spec("c")).unwrap_err().to_string();
    assert!(error.contains("ID_POOL 3000000000-3000262143"), "{error}");
    file::ensure_absent(&here.node_directory(&first.tag)).unwrap();
    here.forget_node(&first.tag).unwrap();
    assert_eq!(there.ensure_node(&spec("c")).unwrap().ids, first.ids);
}

#[test]
fn what_is_damaged_or_half_made_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = inventory(directory.path());
    inventory.ensure_node(&spec("a")).unwrap();
    fs::write(inventory.node_directory(&"a".parse().unwrap()).join(NODE_FILE), b"{").unwrap();
    fs::create_dir(inventory.nodes_directory().join("b")).unwrap();
    fs::create_dir(inventory.nodes_directory().join(".c.new")).unwrap();
    let tags: Vec<String> = inventory.nodes().unwrap().iter().map(|record| record.tag.to_string()).collect();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!(inventory.ensure_node(&spec("a")).unwrap().number, 1, "its copy is sound");
    fs::write(inventory.copy_of(NODE_FILE, "a"), b"").unwrap();
    assert!(inventory.ensure_node(&spec("a")).unwrap_err().to_string().contains("damaged"));
    assert_eq!(inventory.ensure_node(&spec("b")).unwrap().number, 2);
}

#[test]
fn a_damaged_record_is_no_absence_and_its_address_stays_taken() {
    for damage in ["", "{", "\0\0\0\0", r#"{"tag": "other"}"#, "gone", "all gone"] {
        let directory = tempfile::tempdir().unwrap();
        let inventory = inventory(directory.path());
        let node = inventory.ensure_node(&spec("a")).unwrap();
        let volume = inventory.ensure_volume(&volume_spec()).unwrap();
        let place = Some(Attachment { node: node.tag.clone(), device: "sdb".to_owned() });
        let volume = inventory.move_volume(&volume, place).unwrap();
        let (of_node, of_volume) = (inventory.node_directory(&node.tag), inventory.volume_directory(&volume.tag));
        for (home, name) in [(of_node, NODE_FILE), (of_volume, VOLUME_FILE)] {
            match damage {
                "gone" => fs::remove_file(home.join(name)).unwrap(),
                "all gone" => fs::remove_dir_all(&home).unwrap(),
                text => fs::write(home.join(name), text).unwrap(),
            }
        }
        assert_eq!(inventory.nodes().unwrap(), std::slice::from_ref(&node), "{damage}");
        assert_eq!(inventory.volumes().unwrap(), std::slice::from_ref(&volume), "{damage}");
        assert_eq!(inventory.volumes_of(&node.tag).unwrap().len(), 1, "{damage}");
        assert_ne!(inventory.ensure_node(&spec("b")).unwrap().ip, node.ip, "{damage}");
        fs::write(directory.path().join("last-number"), "").unwrap();
        let inventory = super::tests::inventory(directory.path());
        assert!(inventory.ensure_node(&spec("c")).unwrap().number > 3, "{damage}");
        file::ensure_absent(&inventory.node_directory(&node.tag)).unwrap();
        inventory.forget_node(&node.tag).unwrap();
        assert_eq!(inventory.ensure_node(&spec("d")).unwrap().ip, node.ip, "its holder is gone");
    }
}

#[test]
fn what_a_broken_removal_left_is_made_whole_again() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = inventory(directory.path());
    let node = inventory.ensure_node(&spec("a")).unwrap();
    let volume = inventory.ensure_volume(&volume_spec()).unwrap();
    let homes = [inventory.node_directory(&node.tag), inventory.volume_directory(&volume.tag)];
    for gone in [&homes[..], &[inventory.volumes_directory(), inventory.nodes_directory()]] {
        for home in gone {
            file::ensure_absent(home).unwrap();
        }
        assert_eq!(inventory.ensure_node(&spec("a")).unwrap(), node);
        assert_eq!(inventory.ensure_volume(&volume_spec()).unwrap(), volume);
        assert!(homes.iter().all(|home| home.is_dir()), "{gone:?}");
    }
}

#[test]
fn a_volume_remembers_where_it_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = inventory(directory.path());
    let node = inventory.ensure_node(&spec("n")).unwrap();
    let record = inventory.ensure_volume(&volume_spec()).unwrap();
    assert_eq!(record.volume_id, "vol-00000002");
    let place = Attachment { node: node.tag.clone(), device: "sdb".to_owned() };
    inventory.move_volume(&record, Some(place)).unwrap();
    assert_eq!(inventory.volumes_of(&node.tag).unwrap().len(), 1);
    assert_eq!(inventory.cloud_volumes().unwrap()[0].attached_to.as_deref(), Some("i-00000001"));
    assert_eq!(inventory.promised_bytes(|_| 1 << 20).unwrap(), 2 << 20);
}

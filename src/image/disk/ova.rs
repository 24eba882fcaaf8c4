//! The description of an appliance: what machine a virtual disk wants (OVF 1.0,
//! as VirtualBox and VMware read it).

use crate::image::recipe::output::Machine;
use crate::template::markup;

/// A virtual disk beside the description.
pub(crate) struct DiskFile<'a> {
    /// Its file's name.
    pub name: &'a str,
    /// The size of the disk.
    pub capacity_bytes: u64,
    /// The size of the file.
    pub stored_bytes: u64,
}

/// One device of the machine: its resource type and number, and what else is said of it.
struct Item<'a> {
    id: u32,
    resource_type: u32,
    name: String,
    more: Vec<(&'a str, String)>,
}

const PROCESSOR: u32 = 3;
const MEMORY: u32 = 4;
const ETHERNET: u32 = 10;
const DISK: u32 = 17;
const SATA: u32 = 20;
const SATA_ID: u32 = 3;

/// Returns the description's text.
pub(crate) fn description(machine: &Machine, disk: &DiskFile<'_>) -> String {
    let name = markup(&machine.name);
    let file = markup(disk.name);
    let networks: String = machine
        .networks
        .iter()
        .map(|network| {
            format!("    <Network ovf:name=\"{0}\"><Description>{0}</Description></Network>\n", markup(network))
        })
        .collect();
    let items: String = items(machine).iter().map(item).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:id="file1" ovf:href="{file}" ovf:size="{stored}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="{capacity}"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
{networks}  </NetworkSection>
  <VirtualSystem ovf:id="{name}">
    <Info>A virtual machine</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="96">
      <Info>The kind of operating system</Info>
      <Description>Debian_64</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType>
      </System>
{items}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#,
        stored = disk.stored_bytes,
        capacity = disk.capacity_bytes,
    )
}

fn items(machine: &Machine) -> Vec<Item<'static>> {
    let cpus = machine.cpus.to_string();
    let memory = machine.memory_mb.to_string();
    let mut items = vec![
        Item {
            id: 1,
            resource_type: PROCESSOR,
            name: format!("{cpus} processors"),
            more: vec![("VirtualQuantity", cpus)],
        },
        Item {
            id: 2,
            resource_type: MEMORY,
            name: format!("{memory} MB of memory"),
            more: vec![("AllocationUnits", "byte * 2^20".to_owned()), ("VirtualQuantity", memory)],
        },
        Item {
            id: SATA_ID,
            resource_type: SATA,
            name: "SATA controller".to_owned(),
            more: vec![("Address", "0".to_owned()), ("ResourceSubType", "AHCI".to_owned())],
        },
        Item {
            id: 4,
            resource_type: DISK,
            name: "Disk".to_owned(),
            more: vec![
                ("AddressOnParent", "0".to_owned()),
                ("HostResource", "/disk/disk1".to_owned()),
                ("Parent", SATA_ID.to_string()),
            ],
        },
    ];
    for (id, network) in (5..).zip(&machine.networks) {
        let more = vec![
            ("AutomaticAllocation", "true".to_owned()),
            ("Connection", network.clone()),
            ("ResourceSubType", "E1000".to_owned()),
        ];
        items.push(Item { id, resource_type: ETHERNET, name: format!("Ethernet on {network}"), more });
    }
    items
}

/// Writes a device. The schema wants its elements in alphabetical order.
fn item(item: &Item<'_>) -> String {
    let mut fields = vec![
        ("ElementName", item.name.clone()),
        ("InstanceID", item.id.to_string()),
        ("ResourceType", item.resource_type.to_string()),
    ];
    fields.extend(item.more.clone());
    fields.sort();
    let fields: String =
        fields.iter().map(|(name, value)| format!("<rasd:{name}>{}</rasd:{name}>", markup(value))).collect();
    format!("      <Item>{fields}</Item>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_description() {
        let machine =
            Machine { name: "A & B <\"C\">".to_owned(), networks: vec!["NAT".to_owned()], ..Machine::default() };
        let disk = DiskFile { name: "a.vmdk", capacity_bytes: 1 << 30, stored_bytes: 77 };
        let text = description(&machine, &disk);
        assert!(text.contains("<Name>A &amp; B &lt;&quot;C&quot;&gt;</Name>"), "{text}");
        assert!(text.contains(r#"ovf:capacity="1073741824""#) && text.contains(r#"ovf:size="77""#));
        // What must stand in order does.
        let memory = text.lines().find(|line| line.contains("MB of memory")).unwrap();
        let place = |name: &str| memory.find(name).unwrap();
        assert!(place("AllocationUnits") < place("ElementName") && place("ResourceType") < place("VirtualQuantity"));
    }
}

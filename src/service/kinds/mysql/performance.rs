//! What the old frontend's performance monitor reads: means over all members, and figures of all machines as XML in
//! the form of Ganglia.

use std::fmt::Write as _;

use crate::api::mysql::{Figures, Load, MeanLoad};
use crate::template::markup;

/// Returns what the members say, and the means of it; the means of nothing are 0.
pub(super) fn mean_load(loads: &[Load]) -> MeanLoad {
    let texts = |value: fn(&Load) -> &String| loads.iter().map(|load| value(load).clone()).collect::<Vec<String>>();
    let mean = |value: fn(&Load) -> &String| {
        let numbers = loads.iter().map(|load| value(load).parse::<f64>().unwrap_or(0.0));
        if loads.is_empty() { 0.0 } else { numbers.sum::<f64>() / loads.len() as f64 }
    };
    MeanLoad {
        loads: texts(|load| &load.load),
        mean_load: mean(|load| &load.load),
        updates: texts(|load| &load.updates),
        mean_update: mean(|load| &load.updates),
        selects: texts(|load| &load.selects),
        mean_select: mean(|load| &load.selects),
        deletes: texts(|load| &load.deletes),
        mean_delete: mean(|load| &load.deletes),
        inserts: texts(|load| &load.inserts),
        mean_insert: mean(|load| &load.inserts),
    }
}

/// One machine of the monitor.
pub(super) struct Host {
    /// Its name.
    pub name: String,
    /// Its address.
    pub ip: String,
    /// What it is doing.
    pub figures: Figures,
}

/// Returns the XML that `gmond` and `gmetad` send.
pub(super) fn ganglia_xml(cluster: &str, hosts: &[Host], at: i64) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <GANGLIA_XML VERSION=\"3.6.0\" SOURCE=\"gmetad\">\n\
         <GRID NAME=\"conpaas\" AUTHORITY=\"\" LOCALTIME=\"{at}\">\n\
         <CLUSTER NAME=\"{}\" LOCALTIME=\"{at}\" OWNER=\"unspecified\" LATLONG=\"unspecified\" URL=\"unspecified\">\n",
        markup(cluster)
    );
    let mut add = |line: std::fmt::Arguments<'_>| xml.write_fmt(line).expect("a string takes all");
    for Host { name, ip, figures } in hosts {
        let (name, ip) = (markup(name), markup(ip));
        add(format_args!("<HOST NAME=\"{name}\" IP=\"{ip}\" REPORTED=\"{at}\" TN=\"0\" TMAX=\"20\" DMAX=\"0\">\n"));
        for (metric, value, units) in metrics(figures) {
            add(format_args!(
                "<METRIC NAME=\"{metric}\" VAL=\"{value}\" TYPE=\"float\" UNITS=\"{units}\" TN=\"0\" TMAX=\"60\" \
                 DMAX=\"0\" SLOPE=\"both\" SOURCE=\"gmond\"></METRIC>\n"
            ));
        }
        add(format_args!("</HOST>\n"));
    }
    xml.push_str("</CLUSTER>\n</GRID>\n</GANGLIA_XML>\n");
    xml
}

fn metrics(figures: &Figures) -> [(&'static str, String, &'static str); 9] {
    let Figures { cpu_idle, mem_total, mem_free, disk_total, disk_free, bytes_in, bytes_out, pkts_in, pkts_out } =
        figures;
    [
        ("cpu_idle", format!("{cpu_idle:.1}"), "%"),
        ("mem_total", format!("{mem_total}.000"), "KB"),
        ("mem_free", format!("{mem_free}.000"), "KB"),
        ("disk_total", format!("{disk_total:.3}"), "GB"),
        ("disk_free", format!("{disk_free:.3}"), "GB"),
        ("bytes_in", format!("{bytes_in:.2}"), "bytes/sec"),
        ("bytes_out", format!("{bytes_out:.2}"), "bytes/sec"),
        ("pkts_in", format!("{pkts_in:.2}"), "packets/sec"),
        ("pkts_out", format!("{pkts_out:.2}"), "packets/sec"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(load: &str, selects: &str) -> Load {
        let zero = || "0".to_owned();
        Load { load: load.to_owned(), selects: selects.to_owned(), updates: zero(), deletes: zero(), inserts: zero() }
    }

    #[test]
    fn means_are_over_all_members_and_nothing_has_the_mean_0() {
        let mean = mean_load(&[load("0.5", "10"), load("1.5", "20")]);
        assert_eq!((mean.mean_load, mean.mean_select, mean.mean_insert), (1.0, 15.0, 0.0));
        assert_eq!(mean.selects, ["10", "20"]);
        assert_eq!(mean_load(&[]), MeanLoad::default());
    }

    #[test]
    fn the_monitor_finds_hosts_and_metrics_where_ganglia_has_them() {
        let figures = Figures { cpu_idle: 87.25, mem_total: 524_288, ..Figures::default() };
        let host = Host { name: "a\"<b>".to_owned(), ip: "10.0.0.2".to_owned(), figures };
        let xml = ganglia_xml("mysql", &[host], 1_795_325_789);
        let mut reader = quick_xml::Reader::from_str(&xml);
        let mut found = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(tag) => found.push(tag.name().0.to_owned()),
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(found[..5], ["GANGLIA_XML", "GRID", "CLUSTER", "HOST", "METRIC"]);
        assert!(xml.contains("NAME=\"a&quot;&lt;b&gt;\" IP=\"10.0.0.2\""), "{xml}");
        assert!(xml.contains("NAME=\"cpu_idle\" VAL=\"87.2\"") && xml.contains("VAL=\"524288.000\""), "{xml}");
    }
}

use super::*;
use crate::model::NodeRole;
use crate::store::director::node;
use crate::store::director::sample::Sample;

fn found(tag: &str) -> Vec<Found> {
    vec![Found { tag: tag.to_owned(), shown_id: format!("id-of-{tag}") }]
}

/// Judges one orphan that was removed by this database or never named by it.
fn judge(sample: &Sample, kind: Kind, tag: &str, is_own: bool, seconds: i64) -> Option<(Fate, News)> {
    let judging = Judging { cloud: "iaas", kind, is_own, quarantine_seconds: 100 };
    let now = SinceBoot { boot: "a".to_owned(), seconds };
    let judged = sample.write(|tx| judging.judge(tx, found(tag), now)).expect("a judgement");
    judged.into_iter().next().map(|(orphan, news)| (orphan.fate, news))
}

#[test]
fn what_was_never_named_waits_and_what_was_named_once_goes() {
    let sample = Sample::new(0);
    sample.run(|tx| orphan::remember_removed(tx, "old"));
    assert_eq!(judge(&sample, Kind::Node, "new", true, 1), Some((Fate::Waiting, News::First)));
    assert_eq!(judge(&sample, Kind::Node, "new", true, 2), Some((Fate::Waiting, News::Known)));
    assert_eq!(judge(&sample, Kind::Node, "old", true, 3), Some((Fate::Discarded, News::First)));
    assert_eq!(judge(&sample, Kind::Node, "old", false, 4), Some((Fate::Waiting, News::First)), "another database");
}

#[test]
fn a_volume_that_was_named_once_stays_for_its_time() {
    let sample = Sample::new(0);
    sample.run(|tx| orphan::remember_removed(tx, "v"));
    let at = |seconds| judge(&sample, Kind::Volume, "v", true, seconds);
    assert_eq!(at(1000), Some((Fate::Quarantined, News::First)));
    assert_eq!(at(1099), Some((Fate::Quarantined, News::Known)));
    assert_eq!(at(1100), Some((Fate::Discarded, News::Known)));
}

#[test]
fn what_has_a_row_is_no_orphan_and_what_was_decided_stays_so() {
    let sample = Sample::new(0);
    let rid = sample.add_node("n1", NodeRole::Agent);
    assert_eq!(judge(&sample, Kind::Node, "n1", true, 1), None);
    // Its cloud has it still, or again, after the row was taken out.
    sample.run(|tx| node::set_removing(tx, rid));
    sample.run(|tx| node::delete(tx, rid));
    assert_eq!(judge(&sample, Kind::Node, "n1", true, 1), Some((Fate::Discarded, News::First)));
    judge(&sample, Kind::Volume, "v", true, 1);
    let mut orphan = sample.run(|tx| orphan::get(tx, "v")).expect("it waits");
    for fate in [Fate::Kept, Fate::Discarded] {
        orphan.fate = fate;
        sample.run(|tx| orphan::put(tx, &orphan));
        assert_eq!(judge(&sample, Kind::Volume, "v", true, 999_999), Some((fate, News::Known)));
    }
    sample.run(|tx| orphan::retain(tx, &"iaas".parse().expect("a name"), Kind::Volume, &[]));
    assert!(sample.run(orphan::all).is_empty(), "what is gone is forgotten");
}

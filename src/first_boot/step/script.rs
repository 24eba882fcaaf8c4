//! An Imager that was not told the image's format makes the kernel start a
//! script, and nothing else. The image has a program of ours at the place
//! that the kernel's command line names; it takes the order off the card, and
//! the machine starts as it should.

use crate::first_boot::card;
use crate::first_boot::error::FirstBootError;
use crate::first_boot::place::Place;
use crate::task::crash_point;

const COMMAND_LINE: &str = "cmdline.txt";
const ORDERS: &[&str] = &[
    "systemd.run=",
    "systemd.run_success_action=",
    "systemd.run_failure_action=",
    "systemd.unit=kernel-command-line.target",
];

/// Takes Imager's order out of `cmdline.txt`, and returns whether there was one.
/// The settings in the script are read as data, by [`run`](crate::first_boot::run()).
/// Blocking.
///
/// # Errors
/// The card cannot be read or written.
pub(crate) fn forget_script(place: &Place) -> Result<bool, FirstBootError> {
    let Some(before) = card::read(place, COMMAND_LINE)? else { return Ok(false) };
    let after = without_orders(&before);
    if after == before {
        return Ok(false);
    }
    card::overwrite(place, COMMAND_LINE, &after)?;
    crash_point("first-boot.script.forgotten");
    Ok(true)
}

/// Returns the same length, with blanks in the place of the orders: changed in its
/// place, and almost always within one sector.
fn without_orders(line: &[u8]) -> Vec<u8> {
    let mut after = line.to_vec();
    for word in after.split_mut(u8::is_ascii_whitespace) {
        if ORDERS.iter().any(|order| word.starts_with(order.as_bytes())) {
            word.fill(b' ');
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::without_orders;

    #[test]
    fn only_the_orders_go() {
        let before = b"console=tty1 root=LABEL=x rootwait systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot \
                       systemd.unit=kernel-command-line.target cfg80211.ieee80211_regdom=NL systemd.unit=rescue.target\n";
        let after = without_orders(before);
        assert_eq!(after.len(), before.len());
        let words: Vec<String> = String::from_utf8(after).unwrap().split_whitespace().map(str::to_owned).collect();
        let kept =
            ["console=tty1", "root=LABEL=x", "rootwait", "cfg80211.ieee80211_regdom=NL", "systemd.unit=rescue.target"];
        assert_eq!(words, kept);
    }
}

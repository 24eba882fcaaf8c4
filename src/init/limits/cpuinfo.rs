//! `/proc/cpuinfo` of some processors.

use crate::sys::processors::Processors;

/// Returns what `all` tells of `own`, and of no processor at all. They keep their numbers, which the kernel calls them by.
pub(crate) fn of(own: &Processors, all: &str) -> String {
    let is_shown = |part: &&str| processor(part).is_none_or(|number| own.0.contains(&number));
    let parts: Vec<&str> = all.trim_end().split("\n\n").filter(is_shown).collect();
    parts.join("\n\n") + "\n\n"
}

fn processor(part: &str) -> Option<u32> {
    let line = part.lines().find_map(|line| line.strip_prefix("processor"))?;
    line.split_once(':')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_processors_are_left_out_and_the_machine_is_not() {
        let all = "processor\t: 0\nBogoMIPS\t: 108.00\n\nprocessor\t: 1\nBogoMIPS\t: 109.00\n\n\
                   Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n";
        let expected = "processor\t: 1\nBogoMIPS\t: 109.00\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n\n";
        assert_eq!(of(&"1".parse().unwrap(), all), expected);
    }
}

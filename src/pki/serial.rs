//! Serial numbers of certificates: random, and in a node's certificate also
//! the node's number. So a certificate is known as that of a node which is
//! still wanted, or was removed, without a list of all certificates.

/// The number of a node in the director's records; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeNumber(i64);

const LENGTH: usize = 16;
/// How a serial number with a node's number begins: other than all others.
const MARK: u8 = 0x01;
const NUMBER_BYTES: usize = 7;

impl NodeNumber {
    /// `number`, if it is not negative and fits seven bytes.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        (0..1 << (8 * NUMBER_BYTES)).contains(&number).then_some(NodeNumber(number))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// Returns a serial number: positive, and never the same twice.
pub(crate) fn serial(node: Option<NodeNumber>) -> [u8; LENGTH] {
    let mut serial: [u8; LENGTH] = rand::random();
    match node {
        None => serial[0] = serial[0] & 0x7f | 0x40,
        Some(NodeNumber(number)) => {
            serial[..=NUMBER_BYTES].copy_from_slice(&number.to_be_bytes());
            serial[0] = MARK;
        }
    }
    serial
}

/// Returns the node that a serial number names.
pub(crate) fn node_of(serial: &[u8]) -> Option<NodeNumber> {
    let serial: &[u8; LENGTH] = serial.try_into().ok()?;
    let (MARK, number) = (serial[0], serial[1..=NUMBER_BYTES].iter()) else { return None };
    NodeNumber::new(number.fold(0, |number, byte| number << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_names_its_node_and_no_other_does() {
        for number in [0, 1, 255, 256, (1 << 56) - 1] {
            let node = NodeNumber::new(number).unwrap();
            assert_eq!(node_of(&serial(Some(node))), Some(node));
            assert_ne!(serial(Some(node)), serial(Some(node)), "two certificates of one node differ");
        }
        for number in [-1, 1 << 56, i64::MAX, i64::MIN] {
            assert_eq!(NodeNumber::new(number), None);
        }
        for _ in 0..1000 {
            assert_eq!(node_of(&serial(None)), None);
        }
        for foreign in [&[][..], &[1], &[1; 15], &[1; 17]] {
            assert_eq!(node_of(foreign), None);
        }
    }
}

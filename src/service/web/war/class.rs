//! The constants of a class file: every name and every text that the class uses is one.

/// How a class file begins.
const MAGIC: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];

/// Returns the texts among the constants of a class file; `None` if it is none.
pub(super) fn constants(class: &[u8]) -> Option<Vec<String>> {
    let mut rest = class.strip_prefix(&MAGIC)?.get(4..)?;
    let count = take_u16(&mut rest)?;
    let mut texts = Vec::new();
    let mut index = 1;
    while index < count {
        let (tag, after) = rest.split_first()?;
        rest = after;
        let n_bytes = match tag {
            1 => {
                let length = usize::from(take_u16(&mut rest)?);
                texts.push(String::from_utf8_lossy(rest.get(..length)?).into_owned());
                length
            }
            3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => 4,
            5 | 6 => 8,
            7 | 8 | 16 | 19 | 20 => 2,
            15 => 3,
            _ => return None,
        };
        rest = rest.get(n_bytes..)?;
        // Long numbers take two places.
        index += if matches!(tag, 5 | 6) { 2 } else { 1 };
    }
    Some(texts)
}

fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    let (head, after) = rest.split_first_chunk::<2>()?;
    *rest = after;
    Some(u16::from_be_bytes(*head))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A class that has these constants, as a compiler lays them out.
    pub(crate) fn class_with(texts: &[&str]) -> Vec<u8> {
        let mut class = [&MAGIC[..], &[0, 0, 0, 52]].concat();
        let count = u16::try_from(texts.len() + 3).unwrap();
        class.extend(count.to_be_bytes());
        class.extend([5, 0, 0, 0, 0, 0, 0, 0, 9]);
        for text in texts {
            class.push(1);
            class.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            class.extend(text.as_bytes());
        }
        class
    }

    #[test]
    fn the_texts_of_a_class_are_read_and_broken_ones_are_none() {
        let class = class_with(&["Hello", "/hello"]);
        assert_eq!(constants(&class).unwrap(), ["Hello", "/hello"]);
        for length in [0, 3, 9, class.len() - 1] {
            assert_eq!(constants(&class[..length]), None, "{length}");
        }
    }
}

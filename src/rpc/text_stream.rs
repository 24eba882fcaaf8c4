//! A result that is one text of any size, written into its envelope as it comes.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::json::python_json;
use crate::sys::pipe::ByteStream;

/// Returns the envelope of a result around a text.
pub(super) fn enveloped(text: ByteStream, id: &Value) -> ByteStream {
    let before = stream::iter([Ok(Bytes::from_static(b"{\"result\": \""))]);
    let after = stream::iter([Ok(Bytes::from(format!("\", \"error\": null, \"id\": {}}}", python_json(id))))]);
    let mut escape = Escape::default();
    // The end of the text is an empty piece: half a character may be left.
    let pieces = text.map_ok(Some).chain(stream::iter([Ok(None)]));
    let escaped = pieces.map_ok(move |piece| escape.next(piece.as_deref()));
    before.chain(escaped).chain(after).boxed()
}

/// Writes pieces of a text as JSON; a character may be cut between two of them.
#[derive(Default)]
struct Escape {
    cut: Vec<u8>,
}

impl Escape {
    fn next(&mut self, piece: Option<&[u8]>) -> Bytes {
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(piece.unwrap_or_default());
        if piece.is_some() {
            let whole = match std::str::from_utf8(&bytes) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => bytes.len(),
            };
            self.cut = bytes.split_off(whole);
        }
        let quoted = Value::from(String::from_utf8_lossy(&bytes)).to_string();
        let n_bytes = quoted.len();
        Bytes::from(quoted).slice(1..n_bytes - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8], piece_bytes: usize) -> Value {
        let pieces: Vec<_> = text.chunks(piece_bytes).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let whole = enveloped(stream::iter(pieces).boxed(), &Value::from("7"));
        let whole: Vec<Bytes> = whole.try_collect().await.unwrap();
        serde_json::from_slice(&whole.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_text_is_the_same_however_it_is_cut() {
        let text = "INSERT 'ä\"\\\n\t\u{1}€\u{1F600}';\n";
        for piece_bytes in [1, 2, 3, 5, 1000] {
            let reply = read(text.as_bytes(), piece_bytes).await;
            assert_eq!((reply["result"].as_str(), reply["id"].as_str()), (Some(text), Some("7")));
            assert!(reply["error"].is_null(), "{reply}");
        }
        assert_eq!(read(b"", 1).await["result"], "");
        assert_eq!(read(b"a\xffb\xe2\x82", 2).await["result"], "a\u{fffd}b\u{fffd}");
    }
}

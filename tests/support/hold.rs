//! Connections that hold what they have, from any address of loopback.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use conpaas::pki::Credentials;
use conpaas::rpc::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::ask_from::{connect, shake_hands};

/// How a connection holds its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is open, and nothing comes.
    Silence,
    /// The first bytes of a handshake.
    Handshake,
    /// All of the handshake and no request.
    Idle,
    /// A head that does not end.
    Head,
    /// A body of which a byte has come.
    Body,
}

impl Hold {
    /// All of them.
    pub(crate) const ALL: [Hold; 5] = [Hold::Silence, Hold::Handshake, Hold::Idle, Hold::Head, Hold::Body];
}

/// A connection that is held; it ends with this value.
pub(crate) enum Held {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Held {
    /// Whether the other side has ended it.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let mut byte = [0];
        let look = async {
            match self {
                Held::Plain(stream) => stream.read(&mut byte).await,
                Held::Tls(stream) => stream.read(&mut byte).await,
            }
        };
        tokio::time::timeout(Duration::from_millis(5), look).await.is_ok()
    }
}

/// Opens a connection from `source` that holds its place. `who` is shown as certificate.
pub(crate) async fn hold(
    source: Ipv4Addr,
    endpoint: &Endpoint,
    who: Option<&Credentials>,
    how: Hold,
) -> io::Result<Held> {
    let mut stream = connect(source, endpoint).await?;
    let sent: &[u8] = match how {
        Hold::Silence => return Ok(Held::Plain(stream)),
        Hold::Handshake => {
            stream.write_all(b"\x16\x03\x01").await?;
            return Ok(Held::Plain(stream));
        }
        Hold::Idle => b"",
        Hold::Head => b"GET /version HTTP/1.1\r\nHost: x\r\n",
        Hold::Body => {
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 1000\r\n\r\nu"
        }
    };
    let mut stream = shake_hands(stream, who).await?;
    stream.write_all(sent).await?;
    stream.flush().await?;
    Ok(Held::Tls(Box::new(stream)))
}

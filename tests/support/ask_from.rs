//! Requests from any address of loopback, byte by byte as they are given.

use std::io;
use std::net::Ipv4Addr;

use conpaas::pki::Credentials;
use conpaas::rpc::{Endpoint, PeerRule, client_config};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Sends one request from `source` and reads to the end, as an old client does.
pub(crate) async fn ask_from(
    source: Ipv4Addr,
    endpoint: &Endpoint,
    who: Option<&Credentials>,
    request: &[u8],
) -> io::Result<String> {
    let mut stream = shake_hands(connect(source, endpoint).await?, who).await?;
    // The other side may answer and close before it has read everything.
    let _closed_early = stream.write_all(request).await;
    let _also = stream.flush().await;
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A login as a form.
pub(crate) fn login(username: &str, password: &str) -> Vec<u8> {
    let body = format!("username={username}&password={password}");
    format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The status of an answer; 0 of none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Connects from `source`.
pub(crate) async fn connect(source: Ipv4Addr, endpoint: &Endpoint) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let host: Ipv4Addr = endpoint.host.parse().map_err(io::Error::other)?;
    socket.connect((host, endpoint.port).into()).await
}

/// Shakes hands, with `who` as certificate.
pub(crate) async fn shake_hands(stream: TcpStream, who: Option<&Credentials>) -> io::Result<TlsStream<TcpStream>> {
    let config = client_config(who, PeerRule::Unverified).map_err(io::Error::other)?;
    let name = ServerName::try_from("conpaas.invalid").expect("a fixed valid name");
    TlsConnector::from(config).connect(name, stream).await
}

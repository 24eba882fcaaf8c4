//! A metadata service that is as strict, as old or as slow as a test wants.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// EC2 that insists on sessions (version 2).
    Sessions,
    /// EC2 of version 1, or OpenStack at EC2's paths.
    Plain,
    /// OpenStack at its own paths alone.
    OpenStack,
}

const SESSION: &str = "a-session";

pub(crate) struct Metadata {
    pub(crate) url: String,
    /// The first line of each request.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Metadata {
    pub(crate) async fn serve(address: Ipv4Addr, port: u16, sort: Sort, user_data: &str) -> Metadata {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let SocketAddr::V4(bound) = listener.local_addr().unwrap() else { panic!("an IPv4 address") };
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, user_data) = (Arc::clone(&requests), user_data.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, sort, &user_data, &seen).await;
            }
        });
        Metadata { url: format!("http://{bound}"), requests, serving }
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, sort: Sort, user_data: &str, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let first = head.lines().next().unwrap().to_owned();
    let words: Vec<&str> = first.split(' ').collect();
    let has_session = head.contains(&format!("x-aws-ec2-metadata-token: {SESSION}"));
    let (status, body) = match (words[0], words[1], sort) {
        ("put", "/latest/api/token", Sort::Sessions) if head.contains("ttl-seconds: ") => ("200 OK", SESSION),
        ("put", ..) => ("405 Method Not Allowed", ""),
        ("get", "/latest/user-data", Sort::Sessions) if !has_session => ("401 Unauthorized", ""),
        ("get", "/latest/user-data", Sort::Sessions | Sort::Plain) => ("200 OK", user_data),
        ("get", "/openstack/latest/user_data", Sort::OpenStack) => ("200 OK", user_data),
        _ => ("404 Not Found", ""),
    };
    seen.lock().unwrap().push(first);
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let _caller_may_be_gone = stream.write_all(answer.as_bytes()).await;
}

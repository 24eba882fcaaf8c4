//! Stands between the program and the mock: adds what the mock does not do
//! (client tokens), and what a test wants to go wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is refused with this status, code and message.
    Refuse(u16, &'static str, &'static str),
    /// It is carried out, and the answer is lost.
    LoseAnswer,
    /// It is lost itself.
    LoseCall,
    /// It is answered with this instead.
    Answer(String),
    /// It is not answered until [`Proxy::hang`] ends.
    Hang,
}

#[derive(Default)]
struct State {
    faults: VecDeque<(String, Fault)>,
    is_hanging: bool,
    calls: Vec<String>,
    /// Answers to what was made, with the request, by client token.
    made: BTreeMap<String, (String, Vec<u8>)>,
    requests: Vec<u8>,
}

pub(crate) struct Proxy {
    state: Arc<Mutex<State>>,
    released: Arc<Notify>,
    serving: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(address: &'static str, mock: &'static str) -> Proxy {
        let listener = TcpListener::bind(address).await.unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let released: Arc<Notify> = Arc::default();
        let (shared, waiting) = (Arc::clone(&state), Arc::clone(&released));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, mock, Arc::clone(&shared), Arc::clone(&waiting)));
            }
        });
        Proxy { state, released, serving }
    }

    /// Has the next call of `action` go wrong; more faults for one action come one after the other.
    pub(crate) fn fail(&self, action: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((action.to_owned(), fault));
    }

    /// Has every call go unanswered; or no more, and breaks off those that wait.
    pub(crate) fn hang(&self, is_hanging: bool) {
        self.state.lock().unwrap().is_hanging = is_hanging;
        if !is_hanging {
            self.released.notify_waiters();
        }
    }

    /// The actions that were called since the last time this was asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Whether `text` was in any request.
    pub(crate) fn has_heard(&self, text: &str) -> bool {
        self.state.lock().unwrap().requests.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// Faults that nothing ran into: a test that names them and passes proves nothing.
    pub(crate) fn faults_left(&self) -> usize {
        self.state.lock().unwrap().faults.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(mut stream: TcpStream, mock: &str, state: Arc<Mutex<State>>, released: Arc<Notify>) {
    let Some((head, body)) = read_message(&mut stream).await else { return };
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let action = form.get("Action").cloned().unwrap_or_default();
    let fault = {
        let mut state = state.lock().unwrap();
        state.calls.push(action.clone());
        state.requests.extend(head.as_bytes().iter().chain(body.as_bytes()));
        let at = state.faults.iter().position(|(wanted, _)| *wanted == action);
        if state.is_hanging {
            Some(Fault::Hang)
        } else {
            at.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault)
        }
    };
    match fault {
        Some(Fault::LoseCall) => return,
        Some(Fault::Hang) => return released.notified().await,
        Some(Fault::Refuse(status, code, message)) => {
            let _caller_may_be_gone = stream.write_all(&refusal(status, code, message)).await;
            return;
        }
        Some(Fault::Answer(text)) => {
            let _caller_may_be_gone = stream.write_all(&answer(200, &text)).await;
            return;
        }
        Some(Fault::LoseAnswer) | None => {}
    }
    let token = form.get("ClientToken").cloned();
    let before = token.as_ref().and_then(|token| state.lock().unwrap().made.get(token).cloned());
    let answer = match before {
        Some((asked, answer)) if asked == body => answer,
        Some(_) => refusal(400, "IdempotentParameterMismatch", "the client token was used with other parameters"),
        None => {
            let answer = forward(mock, &head, &body).await;
            if let Some(token) = token.filter(|_| answer.starts_with(b"HTTP/1.1 200")) {
                state.lock().unwrap().made.insert(token, (body, answer.clone()));
            }
            answer
        }
    };
    if fault.is_none() {
        let _caller_may_be_gone = stream.write_all(&answer).await;
    }
}

async fn read_message(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

async fn forward(mock: &str, head: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(mock).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

fn refusal(status: u16, code: &str, message: &str) -> Vec<u8> {
    let text = format!(
        "<?xml version=\"1.0\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>0</RequestID></Response>"
    );
    answer(status, &text)
}

fn answer(status: u16, text: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len()).into_bytes()
}

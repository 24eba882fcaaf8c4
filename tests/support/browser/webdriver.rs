//! The few words of WebDriver that the tests need, over plain HTTP on this machine.
//!
//! Its crate would bring two dozen others into every test binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// A page may take so long to load.
const LIMIT: Duration = Duration::from_secs(120);
/// The name under which an element stands in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session of a browser.
pub(crate) struct Driver {
    port: u16,
    session: String,
}

/// Something on a page, as long as the page has it.
pub(crate) struct Element(String);

impl Driver {
    /// Starts a browser that can do all this.
    pub(crate) fn connect(port: u16, capabilities: &Value) -> Driver {
        let mut driver = Driver { port, session: String::new() };
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let made = driver.call("POST", "/session", &wanted).unwrap_or_else(|error| panic!("no browser: {error}"));
        driver.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        driver
    }

    /// Goes to an address.
    pub(crate) fn go(&self, url: &str) {
        self.of_session("POST", "/url", &json!({"url": url})).unwrap();
    }

    /// Returns the address of the page.
    pub(crate) fn url(&self) -> String {
        self.of_session("GET", "/url", &Value::Null).unwrap().as_str().unwrap().to_owned()
    }

    /// Returns all that a selector finds.
    pub(crate) fn find(&self, selector: &str) -> Vec<Element> {
        let query = json!({"using": "css selector", "value": selector});
        let found = self.of_session("POST", "/elements", &query).unwrap_or_default();
        let names = found.as_array().cloned().unwrap_or_default();
        names.iter().filter_map(|name| Some(Element(name[ELEMENT].as_str()?.to_owned()))).collect()
    }

    /// Clicks it; says why not.
    pub(crate) fn click(&self, element: &Element) -> Result<(), String> {
        self.of_element(element, "/click", &json!({})).map(drop)
    }

    /// Empties a field and types a text into it.
    pub(crate) fn type_into(&self, element: &Element, text: &str) -> Result<(), String> {
        self.of_element(element, "/clear", &json!({}))?;
        self.of_element(element, "/value", &json!({"text": text})).map(drop)
    }

    /// Chooses a file.
    pub(crate) fn choose(&self, element: &Element, path: &str) {
        self.of_element(element, "/value", &json!({"text": path})).unwrap();
    }

    /// Carries out a script and returns what it returns, even where the page's own scripts are off.
    pub(crate) fn script(&self, script: &str, arguments: &[Value]) -> Result<Value, String> {
        self.of_session("POST", "/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Carries out a script that tells its end by a call of its last argument; returns with what.
    pub(crate) fn script_with_callback(&self, script: &str, arguments: &[Value]) -> Result<Value, String> {
        self.of_session("POST", "/execute/async", &json!({"script": script, "args": arguments}))
    }

    /// Opens another tab, which is the one that is meant from then on. Returns its name.
    pub(crate) fn open_tab(&self) -> String {
        let made = self.of_session("POST", "/window/new", &json!({"type": "tab"})).unwrap();
        let name = made["handle"].as_str().unwrap().to_owned();
        self.choose_tab(&name);
        name
    }

    /// Goes on in this tab.
    pub(crate) fn choose_tab(&self, name: &str) {
        self.of_session("POST", "/window", &json!({"handle": name})).unwrap();
    }

    /// Returns the text that a person sees.
    pub(crate) fn text(&self) -> String {
        let Some(body) = self.find("body").into_iter().next() else { return String::new() };
        let text = self.of_session("GET", &format!("/element/{}/text", body.0), &Value::Null);
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Sends no more than so many bytes a second from now on.
    pub(crate) fn slow_down(&self, bytes_a_second: u32) {
        let conditions =
            json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second});
        for (name, parameters) in [("Network.enable", json!({})), ("Network.emulateNetworkConditions", conditions)] {
            let call = json!({"cmd": name, "params": parameters});
            self.of_session("POST", "/goog/cdp/execute", &call).unwrap();
        }
    }

    /// Returns a picture of what a window of this size shows, made so much smaller, in base64.
    pub(crate) fn small_picture(&self, (width, height): (u32, u32), scale: f64) -> String {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": scale});
        let call = json!({"cmd": "Page.captureScreenshot", "params": {"format": "png", "clip": clip}});
        let taken = self.of_session("POST", "/goog/cdp/execute", &call).unwrap();
        taken["data"].as_str().unwrap().to_owned()
    }

    /// Returns a picture of the page in base64.
    pub(crate) fn picture(&self) -> String {
        self.of_session("GET", "/screenshot", &Value::Null).unwrap().as_str().unwrap().to_owned()
    }

    fn of_element(&self, element: &Element, deed: &str, body: &Value) -> Result<Value, String> {
        self.of_session("POST", &format!("/element/{}{deed}", element.0), body)
    }

    fn of_session(&self, verb: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.call(verb, &format!("{}{path}", self.session), body)
    }

    fn call(&self, verb: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n");
        let head = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        sent.map_err(|error| error.to_string())?;
        let (is_good, body) = read_answer(stream).map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if is_good { Ok(value) } else { Err(value["message"].to_string()) }
    }
}

/// Returns whether the status is a good one, and the body. The driver keeps the connection, whatever it is asked.
fn read_answer(stream: TcpStream) -> std::io::Result<(bool, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    let (mut status, mut length, mut line) = (String::new(), 0, String::new());
    while stream.read_line(&mut line)? > 2 {
        match line.to_ascii_lowercase().trim_end().strip_prefix("content-length:") {
            Some(number) => length = number.trim().parse().unwrap_or(0),
            None if status.is_empty() => status.clone_from(&line),
            None => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status.starts_with("HTTP/1.1 200"), body))
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _best_effort = self.of_session("DELETE", "", &Value::Null);
    }
}

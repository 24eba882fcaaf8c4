//! A Chromium that does as it is told.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::webdriver::Driver;
use crate::support::wait::try_until_within;

/// How long a page may take to become what it should be.
const LIMIT: Duration = Duration::from_secs(60);

/// A script that drops a file, of a name and bytes in base64, on the form for uploads.
pub(crate) const DROP: &str = "
    const bytes = Uint8Array.from(atob(arguments[1]), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], arguments[0]));
    const form = document.querySelector('form[data-upload]');
    form.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
";

/// The phone that pages are looked at with.
pub(crate) fn phone() -> Value {
    json!({"mobileEmulation": {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2.0}}})
}

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// A browser with its driver. It bears a certificate of an authority that nobody has installed.
pub(crate) struct Chromium {
    /// Dropped first: it ends the browser.
    pub(crate) driver: Driver,
    _program: Program,
    _home: tempfile::TempDir,
}

/// The driver's process.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Chromium {
    pub(crate) fn start(scripts: Scripts) -> Chromium {
        Chromium::start_with(scripts, &json!({}))
    }

    /// The same with further options of Chrome.
    pub(crate) fn start_with(scripts: Scripts, more: &Value) -> Chromium {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", home.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().expect("chromedriver is there: apt-get install chromium chromium-driver");
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let begin = "ChromeDriver was started successfully on port ";
        let port = lines.find_map(|line| line.ok()?.strip_prefix(begin)?.trim_end_matches('.').parse().ok());
        let port: u16 = port.expect("chromedriver says its port");
        // What it says later is not needed, and must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let javascript = if scripts == Scripts::On { 1 } else { 2 };
        let mut options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--window-size=1280,900"],
            "prefs": {"profile.managed_default_content_settings.javascript": javascript},
        });
        for (name, value) in more.as_object().unwrap() {
            options[name] = value.clone();
        }
        let capabilities = json!({"acceptInsecureCerts": true, "goog:chromeOptions": options});
        let program = Program(program);
        Chromium { driver: Driver::connect(port, &capabilities), _program: program, _home: home }
    }

    /// Goes to a page.
    pub(crate) fn go(&self, url: &str) {
        self.driver.go(url);
    }

    /// Writes into the field of this name.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let selector = format!("[name='{name}']");
        self.until(&format!("{name} can be written"), || {
            let field = self.driver.find(&selector).into_iter().next()?;
            self.driver.type_into(&field, text).ok()
        });
    }

    /// Clicks what a selector finds; a piece that changes meanwhile is found again.
    pub(crate) fn click(&self, selector: &str) {
        self.until(&format!("{selector} can be clicked"), || {
            let found = self.driver.find(selector).into_iter().next()?;
            self.driver.click(&found).ok()
        });
    }

    /// Waits until the page says this.
    pub(crate) fn await_text(&self, text: &str) {
        self.until(&format!("the page says '{text}'"), || self.driver.text().contains(text).then_some(()));
    }

    /// Waits until a selector finds something.
    pub(crate) fn await_element(&self, selector: &str) {
        self.until(&format!("there is {selector}"), || (!self.driver.find(selector).is_empty()).then_some(()));
    }

    /// Waits until a selector finds something that says this.
    pub(crate) fn await_text_in(&self, selector: &str, text: &str) {
        let script =
            "return [...document.querySelectorAll(arguments[0])].some((one) => one.textContent.includes(arguments[1]))";
        let words = [json!(selector), json!(text)];
        self.until(&format!("{selector} says '{text}'"), || {
            (self.driver.script(script, &words).ok()? == json!(true)).then_some(())
        });
    }

    /// Signs in on the login page.
    pub(crate) fn sign_in(&self, origin: &str, name: &str) {
        self.sign_in_with(origin, name, &format!("{name}-secret"));
    }

    /// The same with this password.
    pub(crate) fn sign_in_with(&self, origin: &str, name: &str, password: &str) {
        self.go(&format!("{origin}/login"));
        self.write("username", name);
        self.write("password", password);
        self.click("form button.primary");
        self.await_element("#applications");
    }

    pub(crate) fn until(&self, what: &str, ask: impl FnMut() -> Option<()>) {
        if try_until_within(LIMIT, ask).is_none() {
            panic!("waited in vain until {what}; {} says:\n{}", self.driver.url(), self.driver.text());
        }
    }
}

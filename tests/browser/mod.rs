//! A browser that a test clicks in: Chromium without a window, driven by chromedriver.

mod driver;

use crate::tools;
use driver::Driver;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Under this key WebDriver answers with elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const LONG: Duration = Duration::from_secs(120);

/// One page in a browser of its own, which ends when this is dropped.
pub struct Browser {
    driver: Driver,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// None where there is no Chromium, or nothing to drive it.
    #[track_caller]
    pub fn open(url: &str) -> Option<Self> {
        if !tools::is_installed("chromium", "chromium")
            || !tools::is_installed("chromedriver", "chromium-driver")
        {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = tools::CHROMIUM.map(str::to_owned).to_vec();
        arguments.push("--window-size=1200,900".to_owned());
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let driver = Driver::start(profile.path());
        let capabilities =
            json!({ "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } });
        let opened = driver
            .ask("POST", "/session", &json!({ "capabilities": capabilities }))
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        let session = opened["sessionId"].as_str().unwrap().to_owned();
        let browser = Self {
            driver,
            session,
            _profile: profile,
        };
        browser.command("url", &json!({ "url": url })).unwrap();
        Some(browser)
    }

    fn command(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        let path = format!("/session/{}/{command}", self.session);
        self.driver.ask("POST", &path, parameters)
    }

    /// What a script returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Clicks on what an XPath finds, as soon as it is there. The page draws itself anew while somebody
    /// looks, so that what was found may be gone by the click.
    #[track_caller]
    pub fn click(&self, xpath: &str) {
        self.do_to(xpath, "click", &json!({}));
    }

    /// Types into what an XPath finds, in place of what stands there.
    #[track_caller]
    pub fn write(&self, xpath: &str, text: &str) {
        // As a person does: select all, delete, type.
        const CONTROL: char = '\u{E009}';
        const LET_GO: char = '\u{E000}';
        const BACKSPACE: char = '\u{E003}';
        let keys = format!("{CONTROL}a{LET_GO}{BACKSPACE}{text}");
        self.do_to(xpath, "value", &json!({ "text": keys }));
    }

    /// Gives what an XPath finds the focus, and presses keys there.
    #[track_caller]
    pub fn press(&self, xpath: &str, keys: &str) {
        self.do_to(xpath, "value", &json!({ "text": keys }));
    }

    /// Has the page believe that its user prefers `light` or `dark`.
    #[track_caller]
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let command = json!({
            "cmd": "Emulation.setEmulatedMedia",
            "params": { "features": [feature] },
        });
        self.command("goog/cdp/execute", &command).unwrap();
    }

    #[track_caller]
    fn do_to(&self, xpath: &str, action: &str, parameters: &Value) {
        let begin = Instant::now();
        loop {
            let found = self.command("element", &json!({ "using": "xpath", "value": xpath }));
            let done = found.and_then(|found| {
                let element = found[ELEMENT].as_str().ok_or("no element")?.to_owned();
                self.command(&format!("element/{element}/{action}"), parameters)
            });
            match done {
                Ok(_) => return,
                Err(error) if begin.elapsed() > LONG => panic!("{action} {xpath}: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Asks by a script until its answer is the right one.
    #[track_caller]
    pub fn until(&self, script: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            let answer = self.run(script);
            if is_right(&answer) {
                return answer;
            }
            assert!(begin.elapsed() < LONG, "{script}: still {answer:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // So that Chromium ends too, and not only its driver.
        let path = format!("/session/{}", self.session);
        let _ = self.driver.ask("DELETE", &path, &Value::Null);
    }
}

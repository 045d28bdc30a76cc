//! A real browser, driven through a pipe of its debugging protocol: what it sends, refuses and shows
//! is its own.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::patience::{PATIENCE, wait_for};

/// The browser's program.
pub const PROGRAM: &str = "chromium";

/// Longest wait for one answer of the browser.
const ANSWER: Duration = Duration::from_secs(60);

/// The pipe that the browser reads is its descriptor 3, and the one it writes its descriptor 4.
const START: &str = "exec chromium --headless=new --no-sandbox --disable-gpu --no-first-run \
    --host-resolver-rules=\"MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1\" \
    --disable-background-networking --disable-component-update --disable-sync \
    --remote-debugging-pipe --user-data-dir=\"$1\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    pipe: ChildStdin,
    said: Receiver<Value>,
    session: String,
    asked: u64,
}

impl Browser {
    /// Starts one with a fresh profile in a folder.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(profile: &Path) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", START, "sh", &profile.display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            // It ends when the browser does, or when nobody listens any more.
            while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if say.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self { child, pipe, said, session: String::new(), asked: 0 };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let wanted = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &wanted);
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser
    }

    /// Asks the browser something, and waits for its answer.
    ///
    /// # Panics
    /// When it refuses, or does not answer in time.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.pipe.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let said = self.said.recv_timeout(ANSWER).unwrap();
            if said["id"] == self.asked {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// Opens an address and waits until its page is there.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn go(&mut self, url: &str) {
        self.run("document.documentElement.dataset.old = 1");
        self.call("Page.navigate", &json!({"url": url}));
        self.arrived();
    }

    /// Does something that leads to another page, and waits until that is there.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn go_by(&mut self, script: &str) {
        self.run("document.documentElement.dataset.old = 1");
        self.run(script);
        self.arrived();
    }

    #[track_caller]
    fn arrived(&mut self) {
        let look = "document.readyState === 'complete' && !document.documentElement.dataset.old";
        wait_for(PATIENCE, "the next page", || self.run(look).as_bool().filter(|there| *there));
    }

    /// What a script comes to; a promise is waited for. A page that is just going away says nothing.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The address and the text of the page.
    #[track_caller]
    pub fn page(&mut self) -> (String, String) {
        let address = self.run("location.pathname + location.search");
        let text = self.run("document.body.innerText");
        (
            address.as_str().unwrap_or_default().to_owned(),
            text.as_str().unwrap_or_default().to_owned(),
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The shell became the browser, which ends its own helpers.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

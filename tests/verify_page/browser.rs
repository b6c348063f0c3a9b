//! The page in a real browser, started once for all tests: questions go in, and what the page shows comes back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

struct Browser {
    _process: Child,
    _profile: TempDir,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Browser {
    fn start() -> Self {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let profile = tempfile::tempdir().unwrap();
        // The page that the program writes, as an auditor gets it.
        let page = profile.path().join("verify.html");
        let written = Command::new(env!("CARGO_BIN_EXE_pgdossier"))
            .arg("page")
            .output()
            .unwrap();
        assert!(written.status.success());
        std::fs::write(&page, written.stdout).unwrap();
        let mut process = Command::new("node")
            .arg(here.join("tests/verify_page/browser.mjs"))
            .arg(&page)
            .arg(crate::chromium::binary())
            .arg(profile.path().join("profile"))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node; see scripts/install-test-needs");
        Self {
            to: process.stdin.take().unwrap(),
            from: BufReader::new(process.stdout.take().unwrap()),
            _process: process,
            _profile: profile,
        }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.to, "{question}").unwrap();
        let mut answer = String::new();
        self.from.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|_| panic!("the browser is gone; see its last words above: {question}"));
        assert!(answer["error"].is_null(), "{question}: {}", answer["error"]);
        answer
    }
}

/// The browser, for one test alone for as long as it is held.
pub(crate) struct Held(std::sync::MutexGuard<'static, Browser>);

pub(crate) fn hold() -> Held {
    static BROWSER: OnceLock<Mutex<Browser>> = OnceLock::new();
    let browser = BROWSER.get_or_init(|| Mutex::new(Browser::start()));
    // A test that failed left nothing behind: every question sets everything anew.
    Held(browser.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Held {
    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        self.0.ask(question)
    }
}

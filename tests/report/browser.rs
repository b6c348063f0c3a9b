//! A real browser, without a window: what it makes of a page, what it complains about, and what it asks the network.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the browser asks by itself, whatever the page: the time, its updates, who is signed in.
const HOUSEKEEPING: &[&str] = &[
    "//clients2.google.com/",
    " update.googleapis.com:",
    " accounts.google.com:",
    " optimizationguide-pa.googleapis.com:",
    " safebrowsing.googleapis.com:",
    " content-autofill.googleapis.com:",
    " android.clients.google.com:",
    " www.google.com:",
];

/// A page as a browser understood it.
pub(super) struct Opened {
    /// The document, written out again after everything in it had its chance to run.
    pub(super) dom: String,
    /// What the page made the browser complain about.
    pub(super) console: Vec<String>,
    /// The first lines of requests that left the browser, but those that it makes on its own behalf.
    pub(super) requests: Vec<String>,
}

/// Opens a page from a file, with a profile of its own and a proxy that only notes who calls.
pub(super) fn open(html: &str) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("index.html");
    std::fs::write(&page, html).unwrap();
    let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let output = Command::new(super::chromium::binary())
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            "--timeout=20000",
        ])
        .args([
            "--enable-logging=stderr",
            "--log-level=0",
            "--no-first-run",
            "--disable-extensions",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-default-apps",
            "--disable-domain-reliability",
            "--no-pings",
            "--disable-breakpad",
        ])
        .arg("--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter,Translate,AutofillServerCommunication")
        .arg(format!("--proxy-server=http://{}", proxy.local_addr().unwrap()))
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the browser failed: {log}");
    let dom = String::from_utf8(output.stdout).unwrap();
    assert!(dom.contains("</html>"), "the browser showed nothing: {log}");
    Opened {
        dom,
        console: log
            .lines()
            .filter(|line| line.contains(":CONSOLE"))
            .map(str::to_owned)
            .collect(),
        requests: callers(&proxy),
    }
}

/// Whoever called stands in the listener's queue.
fn callers(proxy: &TcpListener) -> Vec<String> {
    proxy.set_nonblocking(true).unwrap();
    let mut requests = Vec::new();
    while let Ok((mut caller, _)) = proxy.accept() {
        caller.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut bytes = [0; 512];
        let count = caller.read(&mut bytes).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        let request = text.lines().next().unwrap_or_default();
        if !HOUSEKEEPING.iter().any(|host| request.contains(host)) {
            requests.push(request.to_owned());
        }
    }
    requests
}

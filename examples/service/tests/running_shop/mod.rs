//! The example, run as a person would.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The shop as a process of its own, with its customers.
pub(crate) struct RunningShop {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
}

impl RunningShop {
    pub(crate) fn open(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_service"))
            .args(["--keep-running", "--without-prometheus"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo built it");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says where it is");
        // Nobody reads on, but somebody must, or the shop would end when it cannot print.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let address = line
            .trim()
            .trim_start_matches("The tasks: http://")
            .trim_end_matches("/debug/tasks");
        let address = address
            .parse()
            .unwrap_or_else(|_| panic!("no address: {line}"));
        Self { process, address }
    }

    #[allow(dead_code, reason = "a browser asks by itself")]
    pub(crate) fn page(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let mut answer = ureq::get(&url)
            .call()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        answer.body_mut().read_to_string().expect("it is text")
    }
}

impl Drop for RunningShop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

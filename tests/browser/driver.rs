//! chromedriver, and the few lines of HTTP that it takes to talk to it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A chromedriver on a free loopback port, until it is dropped.
pub struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// It and its browsers leave files in that folder.
    #[track_caller]
    pub fn start(temporary: &Path) -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was asked for its version before");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut said = String::new();
        let port = loop {
            let begin = said.len();
            if output.read_line(&mut said).unwrap_or(0) == 0 {
                panic!("chromedriver did not say its port: {said}");
            }
            let after = said[begin..].rsplit_once("started successfully on port ");
            let port = after.and_then(|(_, port)| port.trim().trim_end_matches('.').parse().ok());
            if let Some(port) = port {
                break port;
            }
        };
        // Somebody must read on, or it would end when it cannot print.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { process, port }
    }

    /// What stands under `value` of its answer; an error if it answers by one.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let (status, answer) = self
            .exchange(method, path, &body.to_string())
            .map_err(|error| format!("chromedriver does not answer: {error}"))?;
        let mut answer: Value = serde_json::from_str(&answer)
            .map_err(|error| format!("{error} in chromedriver's answer {answer}"))?;
        let value = answer["value"].take();
        if status == 200 {
            Ok(value)
        } else {
            Err(value["message"].as_str().unwrap_or("no message").to_owned())
        }
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len(),
        )?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(std::io::Error::other)?;
                }
                Some(_) => {}
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer).map_err(std::io::Error::other)?;
        Ok((status.unwrap_or(0), answer))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

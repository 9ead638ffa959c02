//! One kept connection over which JMAP requests are asked, without a library whose own time would be measured too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const WAIT: Duration = Duration::from_mins(2);

/// Where a server is, and as whom it is asked.
#[derive(Debug, Clone)]
pub struct Door {
    /// Host and port.
    pub address: String,
    /// The value of the Authorization field.
    pub authorization: String,
}

/// A connection.
pub struct Client {
    door: Door,
    stream: BufReader<TcpStream>,
}

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn open(door: &Door) -> Result<Self> {
        let stream = TcpStream::connect(&door.address).with_context(|| door.address.clone())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT))?;
        Ok(Self { door: door.clone(), stream: BufReader::new(stream) })
    }

    /// Sends a request without reading its answer.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let Door { address, authorization } = &self.door;
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n{length}\r\n"
        );
        self.stream.get_mut().write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())?;
        Ok(())
    }

    /// Asks, and reads the whole answer.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Answer> {
        self.send(method, path, body)?;
        let (status, fields) = self.head()?;
        let field =
            |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let mut body = Vec::new();
        if field("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while let size @ 1.. = self.chunk_size()? {
                let from = body.len();
                body.resize(from + size, 0);
                self.stream.read_exact(body.get_mut(from..).context("room")?)?;
                self.line()?;
            }
            self.line()?;
        } else if let Some(length) = field("content-length") {
            body.resize(length.parse()?, 0);
            self.stream.read_exact(&mut body)?;
        }
        Ok(Answer { status, location: field("location").map(str::to_owned), body })
    }

    /// Status and fields of an answer, their names in lower case.
    pub fn head(&mut self) -> Result<(u16, Vec<(String, String)>)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no HTTP answer")?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok((status, fields))
    }

    /// A line without its end.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("{} closed the connection", self.door.address);
        }
        Ok(line.trim_end().to_owned())
    }

    /// Whether reading waits for what is not there yet.
    pub fn set_waiting(&mut self, waits: bool) -> Result<()> {
        Ok(self.stream.get_ref().set_nonblocking(!waits)?)
    }

    /// Reads what is there and drops it; how much it was.
    pub fn read_some(&mut self) -> std::io::Result<usize> {
        let length = self.stream.fill_buf()?.len();
        self.stream.consume(length);
        Ok(length)
    }

    fn chunk_size(&mut self) -> Result<usize> {
        Ok(usize::from_str_radix(self.line()?.split(';').next().unwrap_or_default(), 16)?)
    }
}

/// The path of an address of the session object.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    rest.unwrap_or(url).to_owned()
}

/// A client of JMAP (RFC 8620).
pub struct Jmap {
    client: Client,
    api: String,
    /// The address of the stream of events, with its variables.
    pub events: String,
    /// The account of mail.
    pub account: String,
}

impl Jmap {
    /// Reads the session object.
    pub fn open(door: &Door) -> Result<Self> {
        let mut client = Client::open(door)?;
        let mut path = "/.well-known/jmap".to_owned();
        for _ in 0..3 {
            let answer = client.ask("GET", &path, "")?;
            match (answer.status, answer.location) {
                (200, _) => {
                    let session: Value = serde_json::from_slice(&answer.body)?;
                    let text = |pointer: &str| {
                        let found = session.pointer(pointer).and_then(Value::as_str);
                        found.map(str::to_owned).with_context(|| format!("the session has no {pointer}"))
                    };
                    let (api, events) = (path_of(&text("/apiUrl")?), path_of(&text("/eventSourceUrl")?));
                    let account = text("/primaryAccounts/urn:ietf:params:jmap:mail")?;
                    return Ok(Self { client, api, events, account });
                }
                (300..400, Some(location)) => path = path_of(&location),
                (status, _) => bail!("{}: the session was answered by {status}", door.address),
            }
        }
        bail!("{}: the session moves in circles", door.address)
    }

    /// Runs calls, each a method and its arguments without the account; their answers and the milliseconds they took.
    pub fn run(&mut self, calls: &[(&str, Value)]) -> Result<(Vec<Value>, f64)> {
        let calls: Vec<Value> = (calls.iter().enumerate())
            .map(|(at, (method, arguments))| {
                let mut arguments = arguments.clone();
                if let Value::Object(members) = &mut arguments {
                    members.insert("accountId".to_owned(), json!(self.account));
                }
                json!([method, arguments, at.to_string()])
            })
            .collect();
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
        let request = json!({ "using": using, "methodCalls": calls }).to_string();
        let begun = Instant::now();
        let answer = self.client.ask("POST", &self.api, &request)?;
        let took_ms = begun.elapsed().as_secs_f64() * 1_000.0;
        if answer.status != 200 {
            bail!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        let mut answer: Value = serde_json::from_slice(&answer.body)?;
        let mut out = Vec::new();
        for answer in answer.get_mut("methodResponses").and_then(Value::as_array_mut).context("no answers")? {
            if answer.get(0).is_none_or(|name| name == "error") {
                bail!("a call failed: {answer}");
            }
            out.push(answer.get_mut(1).context("an answer without arguments")?.take());
        }
        Ok((out, took_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_whole_or_not() {
        assert_eq!(path_of("http://127.0.0.1:80/jmap/?a={b}"), "/jmap/?a={b}");
        assert_eq!(path_of("/jmap/"), "/jmap/");
    }
}

//! `beffroi serve`.

use serde_json::json;

use super::{Session, block_on};
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::{Opened, Running};
use crate::{logging, process};

/// Serves until a signal.
pub fn run(session: &Session) -> Result<(), Failure> {
    let loaded = session.load()?;
    let config = &loaded.config;
    logging::start(config.log.format, &config.log.filter)?;
    block_on(async {
        let running = Opened::open(config).await?.listen(config).await?;
        if session.out.is_json() {
            session.out.line(&ready(config, &running).to_string())?;
        }
        Ok(running.until_told().await?)
    })
}

/// What a program that started the server wants to know once it answers.
fn ready(config: &Config, running: &Running) -> serde_json::Value {
    json!({
        "pid": std::process::id(),
        "version": process::VERSION,
        "data_dir": config.top.data_dir,
        "doors": doors(running),
    })
}

/// The addresses of the doors that are open.
pub fn doors(running: &Running) -> serde_json::Value {
    let mut doors = json!({ "http": format!("http://{}", running.http) });
    if let (Some(address), Some(doors)) = (running.metrics, doors.as_object_mut()) {
        doors.insert("metrics".to_owned(), format!("http://{address}").into());
    }
    doors
}

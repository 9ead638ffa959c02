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
    let mut doors = serde_json::Map::new();
    doors.insert("http".to_owned(), format!("http://{}", running.http).into());
    for (name, address) in &running.doors {
        let text = if *name == "https" { format!("https://{address}") } else { address.to_string() };
        // A door with several addresses is told with its first.
        doors.entry((*name).to_owned()).or_insert_with(|| text.into());
    }
    if let Some(address) = running.metrics {
        doors.insert("metrics".to_owned(), format!("http://{address}").into());
    }
    doors.into()
}

//! PostgreSQL connections: each is driven by the thread that uses it, so that an answer needs no
//! hand-over between threads, and writes whose result nobody reads travel with the next question.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use base::{Error, Result};
use bytes::BytesMut;
use futures_util::TryStreamExt;
use postgres_types::{IsNull, ToSql, Type as Pg, to_sql_checked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Statement};

use super::dialect::Dialect;
use super::failure;
use super::row::{Row, Source};
use super::value::Value;

const STATEMENTS: usize = 512;
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// `statement_timeout` keeps a runaway statement from holding locks for ever.
const SESSION: &str = "SET synchronous_commit = on; SET random_page_cost = 1.1; SET jit = off; \
    SET max_parallel_workers_per_gather = 0; SET statement_timeout = '10min'; SET lock_timeout = '30s'; \
    SET idle_in_transaction_session_timeout = '10min'; SET client_min_messages = warning; \
    SET timezone = 'UTC'";

/// A statement that waits to be sent with the next question.
pub(crate) enum Parameters {
    Row(Vec<Value>),
    Arrays(Vec<Vec<Value>>),
}

pub(crate) struct PgConn {
    // Dropped in this order: the client first, so that its connection task can end.
    client: Client,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    runtime: Runtime,
}

/// A connection that must be driven for its client to get answers.
type Driver = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Drives a connection and hands over what the server says unasked.
fn drive<S, T>(
    mut connection: Connection<S, T>,
    mut heard: impl FnMut(AsyncMessage) + Send + 'static,
) -> Driver
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            heard(message?);
        }
        Ok(())
    })
}

/// Reads the connection text and connects; the returned future of the connection must be driven. `heard`
/// gets notices and notifications.
pub(crate) async fn connect(
    url: &str,
    heard: impl FnMut(AsyncMessage) + Send + 'static,
) -> Result<(Client, Driver)> {
    let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
        Error::invalid("store.postgres_url", "is no PostgreSQL connection text").with_source(e)
    })?;
    config.connect_timeout(CONNECT_WAIT);
    if config.get_application_name().is_none() {
        config.application_name("beffroi");
    }
    if config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(failure::postgres)?;
        return Ok((client, drive(connection, heard)));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A certificate of the system that rustls cannot read is not ours to report.
        let _ = roots.add(certificate);
    }
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::corrupt("TLS", "has no protocol version").with_source(e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, connection) = config.connect(connector).await.map_err(failure::postgres)?;
    Ok((client, drive(connection, heard)))
}

fn note(message: AsyncMessage) {
    if let AsyncMessage::Notice(notice) = message {
        tracing::info!(%notice, "the database says");
    }
}

impl PgConn {
    pub(crate) fn open(url: &str, read_only: bool) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::unavailable("database", "cannot start a connection").with_source(e))?;
        let client = runtime.block_on(async {
            let (client, connection) = connect(url, note).await?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "the connection to the database ended");
                }
            });
            client.batch_execute(SESSION).await.map_err(failure::postgres)?;
            if read_only {
                client
                    .batch_execute("SET default_transaction_read_only = on")
                    .await
                    .map_err(failure::postgres)?;
            }
            Ok::<_, Error>(client)
        })?;
        Ok(Self { client, statements: RefCell::default(), runtime })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    async fn prepared(&self, sql: &str, rewrite: bool) -> Result<Statement> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let text = if rewrite { Dialect::Postgres.rewrite(sql)? } else { sql.to_owned() };
        let statement = self.client.prepare(&text).await.map_err(failure::postgres)?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Sends all that waits, then the question, and reads every answer: one round trip.
    pub(crate) fn query<T>(
        &self,
        waiting: Vec<(std::borrow::Cow<'static, str>, Parameters)>,
        sql: &str,
        values: &[Value],
        map: &mut dyn FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.runtime.block_on(async {
            let sent = self.prepare_all(waiting).await?;
            let statement = self.prepared(sql, true).await?;
            let writes = in_order(sent.iter().map(|(s, p)| self.send(s, p)).collect());
            let rows = async {
                let stream = self.client.query_raw(&statement, values).await.map_err(failure::postgres)?;
                stream.try_collect::<Vec<_>>().await.map_err(failure::postgres)
            };
            let (writes, rows) = futures_util::future::join(writes, rows).await;
            writes?;
            rows?.iter().map(|row| map(&Row(Source::Postgres(row)))).collect()
        })
    }

    pub(crate) fn execute(
        &self,
        waiting: Vec<(std::borrow::Cow<'static, str>, Parameters)>,
        sql: &str,
        values: &[Value],
    ) -> Result<u64> {
        self.runtime.block_on(async {
            let sent = self.prepare_all(waiting).await?;
            let statement = self.prepared(sql, true).await?;
            let writes = in_order(sent.iter().map(|(s, p)| self.send(s, p)).collect());
            let last = self.client.execute_raw(&statement, values);
            let (writes, last) = futures_util::future::join(writes, last).await;
            writes?;
            last.map_err(failure::postgres)
        })
    }

    /// Sends all that waits and reads every answer.
    pub(crate) fn flush(&self, waiting: Vec<(std::borrow::Cow<'static, str>, Parameters)>) -> Result<()> {
        self.runtime.block_on(async {
            let sent = self.prepare_all(waiting).await?;
            in_order(sent.iter().map(|(s, p)| self.send(s, p)).collect()).await
        })
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(failure::postgres)
    }

    async fn prepare_all(
        &self,
        waiting: Vec<(std::borrow::Cow<'static, str>, Parameters)>,
    ) -> Result<Vec<(Statement, Parameters)>> {
        let mut out = Vec::with_capacity(waiting.len());
        for (sql, parameters) in waiting {
            let rewrite = matches!(parameters, Parameters::Row(_));
            out.push((self.prepared(&sql, rewrite).await?, parameters));
        }
        Ok(out)
    }

    async fn send(&self, statement: &Statement, parameters: &Parameters) -> Result<()> {
        let done = match parameters {
            Parameters::Row(values) => self.client.execute_raw(statement, values).await,
            Parameters::Arrays(arrays) => self.client.execute_raw(statement, arrays).await,
        };
        done.map(|_| ()).map_err(failure::postgres)
    }
}

/// Polls the futures in their order each time, so that their messages are sent in that order; the first
/// error in that order is the cause, those behind it only say that the transaction is over.
async fn in_order<F: Future<Output = Result<()>>>(futures: Vec<F>) -> Result<()> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut waiting = false;
        for (future, done) in &mut slots {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(result) => *done = Some(result),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    slots.into_iter().filter_map(|(_, done)| done).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Pg,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(value), &Pg::INT8) => value.to_sql(ty, out),
            (Self::Int(value), &Pg::INT4) => i32::try_from(*value)?.to_sql(ty, out),
            (Self::Int(value), &Pg::INT2) => i16::try_from(*value)?.to_sql(ty, out),
            (Self::Int(value), &Pg::BOOL) => (*value != 0).to_sql(ty, out),
            #[expect(clippy::cast_precision_loss, reason = "a whole number for a floating point column")]
            (Self::Int(value), &Pg::FLOAT8) => (*value as f64).to_sql(ty, out),
            (Self::Real(value), &Pg::FLOAT8) => value.to_sql(ty, out),
            (Self::Text(value), _) => value.to_sql(ty, out),
            (Self::Bytes(value), &Pg::BYTEA) => value.to_sql(ty, out),
            (Self::Ints(value), &Pg::INT8_ARRAY) => value.to_sql(ty, out),
            (Self::Texts(value), &Pg::TEXT_ARRAY) => value.to_sql(ty, out),
            (Self::Blobs(value), &Pg::BYTEA_ARRAY) => value.to_sql(ty, out),
            (value, ty) => Err(format!("no way from {value:?} to {ty}").into()),
        }
    }

    fn accepts(_: &Pg) -> bool {
        true
    }

    to_sql_checked!();
}

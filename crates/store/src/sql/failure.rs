//! From an engine's errors to ours, by meaning.

use base::Error;
use rusqlite::ErrorCode;
use rusqlite::ffi;
use tokio_postgres::error::SqlState;

const EXISTS: &str = "exists already, or is still referred to; choose another or remove the reference first";
const CHECK: &str = "breaks a rule of the table";
const FULL: &str = "has no room left on its disk; free some space, nothing was changed";
const BUSY: &str = "is busy; try again";
const AWAY: &str = "does not answer; try again";

pub(crate) fn sqlite(error: rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error() else {
        return Error::corrupt("database", "could not run a statement").with_source(error);
    };
    let extended = code.extended_code;
    let made = match code.code {
        ErrorCode::ConstraintViolation => match extended {
            ffi::SQLITE_CONSTRAINT_CHECK
            | ffi::SQLITE_CONSTRAINT_NOTNULL
            | ffi::SQLITE_CONSTRAINT_DATATYPE => Error::invalid(columns_of(&error), CHECK),
            _ => Error::conflict(columns_of(&error), EXISTS),
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::unavailable("database", BUSY).transient()
        }
        ErrorCode::DiskFull => Error::unavailable("database", FULL),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly => {
            Error::unavailable("database", "cannot be written; look at its disk and its rights")
        }
        ErrorCode::TooBig => Error::too_large("value", "is larger than the database takes"),
        _ => Error::corrupt("database", "could not run a statement"),
    };
    made.with_source(error)
}

/// The columns that SQLite names in `UNIQUE constraint failed: person.login`.
fn columns_of(error: &rusqlite::Error) -> String {
    let text = error.to_string();
    text.rsplit_once("failed: ").map_or_else(|| "row".to_owned(), |(_, columns)| columns.to_owned())
}

pub(crate) fn postgres(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        if error.is_closed() {
            return Error::unavailable("database", AWAY).with_source(error);
        }
        // A parameter that the driver refuses to encode is our mistake or bad input, not the server's state.
        let text = error.to_string();
        if text.contains("serializing parameter") {
            return Error::corrupt("statement", "has a parameter of another type").with_source(error);
        }
        return Error::unavailable("database", AWAY).with_source(error);
    };
    let field = || match (db.table(), db.column(), db.constraint()) {
        (Some(table), Some(column), _) => format!("{table}.{column}"),
        (Some(table), None, Some(rule)) => format!("{table} ({rule})"),
        (Some(table), _, _) => table.to_owned(),
        _ => "row".to_owned(),
    };
    let code = db.code();
    let made = match code {
        &SqlState::UNIQUE_VIOLATION | &SqlState::FOREIGN_KEY_VIOLATION | &SqlState::EXCLUSION_VIOLATION => {
            Error::conflict(field(), EXISTS)
        }
        &SqlState::CHECK_VIOLATION | &SqlState::NOT_NULL_VIOLATION => Error::invalid(field(), CHECK),
        &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::LOCK_NOT_AVAILABLE => Error::unavailable("database", BUSY).transient(),
        &SqlState::DISK_FULL => Error::unavailable("database", FULL),
        &SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::UNTRANSLATABLE_CHARACTER => {
            Error::invalid("text", "has characters that the database does not take")
        }
        _ => match code.code().get(..2) {
            Some("53" | "57" | "58" | "08" | "25") => Error::unavailable("database", AWAY),
            Some("22") => Error::invalid("value", "is not of the form that the database takes"),
            _ => Error::corrupt("database", "could not run a statement"),
        },
    };
    made.with_source(error)
}

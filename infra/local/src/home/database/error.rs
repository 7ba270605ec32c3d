//! What can be wrong with the file, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the database file could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The directory that should hold the file does not exist.
    #[error("{path}: the directory does not exist; create it or set another path")]
    MissingDirectory {
        /// The database file.
        path: PathBuf,
    },
    /// The path is one that SQLite itself does not take for a file.
    #[error(
        "{path}: OFFSITE_DB must be the path of a file: a ledger in memory forgets each copy, which is then paid again; write ./{path} if a file is called so"
    )]
    NoFile {
        /// What was given as the path.
        path: PathBuf,
    },
    /// The file is not a readable SQLite database.
    #[error("{path}: the file is damaged or is not an SQLite database ({detail}); restore it from a copy")]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// SQLite's own words.
        detail: String,
    },
    /// The file is an SQLite database of another program.
    #[error("{path}: this SQLite file was not written by offsite; choose another path")]
    NotOurs {
        /// The database file.
        path: PathBuf,
    },
    /// The file was written by a newer version; it is left untouched.
    #[error("{path}: written by a newer version (schema {found}, this program knows {known}); use that version")]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The schema version of this build.
        known: i64,
    },
    /// Another process held the file for longer than the busy timeout.
    #[error("{path}: another process has locked the file; stop it or try again")]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The file or its directory may not be written.
    #[error("{path}: the file or its directory is read-only")]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// There is no room left.
    #[error("{path}: the disk (or the database's size limit) is full; nothing of this write was kept")]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The operation broke a constraint of the schema.
    #[error("{path}: {detail}")]
    Constraint {
        /// The database file.
        path: PathBuf,
        /// SQLite's own words.
        detail: String,
    },
    /// The query found no row where one was needed.
    #[error("{path}: no such row")]
    NoRow {
        /// The database file.
        path: PathBuf,
    },
    /// Anything else SQLite reported.
    #[error("{path}: {detail}")]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// SQLite's own words.
        detail: String,
    },
    /// The operation panicked; it was rolled back.
    #[error("{path}: the operation panicked and was rolled back")]
    Panicked {
        /// The database file.
        path: PathBuf,
    },
    /// The threads behind the database have stopped.
    #[error("{path}: the database is closed")]
    Closed {
        /// The database file.
        path: PathBuf,
    },
}

impl DatabaseError {
    /// Sorts an SQLite error into what a user can do about it.
    pub fn from_sqlite(path: &Path, error: &rusqlite::Error) -> DatabaseError {
        let path = path.to_owned();
        let detail = error.to_string();
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            return DatabaseError::NoRow { path };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DatabaseError::Corrupt { path, detail },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => DatabaseError::ReadOnly { path },
            Some(ErrorCode::DiskFull) => DatabaseError::Full { path },
            Some(ErrorCode::ConstraintViolation) => DatabaseError::Constraint { path, detail },
            _ => DatabaseError::Sqlite { path, detail },
        }
    }
}

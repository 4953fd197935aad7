//! How a database is opened: the options of `new DatabaseSync(path, options)`.

use std::ffi::{CString, c_int};

use libsqlite3_sys as ffi;

use super::error;
use super::limits::LIMITS;
use super::option::{self, Thrown};
use crate::js::exception;

/// The settings of a database.
pub(super) struct Config {
    /// Path, `file:` URL, or `:memory:`.
    pub location: CString,
    pub read_only: bool,
    pub foreign_keys: bool,
    pub double_quoted_strings: bool,
    pub allows_extensions: bool,
    pub defensive: bool,
    /// How long a locked database is waited for, milliseconds.
    pub timeout: c_int,
    pub statements: StatementConfig,
    /// A limit for each of [`LIMITS`] that has one.
    pub limits: [Option<c_int>; LIMITS.len()],
}

/// What statements start with.
#[derive(Clone, Copy)]
pub(super) struct StatementConfig {
    pub big_integers: bool,
    pub arrays: bool,
    pub bare_names: bool,
    pub unknown_names: bool,
}

impl Config {
    pub fn new(location: CString) -> Config {
        Config {
            location,
            read_only: false,
            foreign_keys: true,
            double_quoted_strings: false,
            allows_extensions: false,
            defensive: true,
            timeout: 0,
            statements: StatementConfig {
                big_integers: false,
                arrays: false,
                bare_names: true,
                unknown_names: false,
            },
            limits: [None; LIMITS.len()],
        }
    }

    /// Takes what the options say. Whether to open the database at once.
    pub fn read(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        options: v8::Local<'_, v8::Object>,
    ) -> Result<bool, Thrown> {
        let open = option::boolean(scope, options, "open")?.unwrap_or(true);
        for (name, setting) in [
            ("readOnly", &mut self.read_only),
            ("enableForeignKeyConstraints", &mut self.foreign_keys),
            (
                "enableDoubleQuotedStringLiterals",
                &mut self.double_quoted_strings,
            ),
            ("allowExtension", &mut self.allows_extensions),
        ] {
            if let Some(value) = option::boolean(scope, options, name)? {
                *setting = value;
            }
        }
        if let Some(timeout) = option::integer(scope, options, "timeout")? {
            self.timeout = timeout;
        }
        self.statements.read(scope, options, Order::OfDatabase)?;
        if let Some(defensive) = option::boolean(scope, options, "defensive")? {
            self.defensive = defensive;
        }
        self.read_limits(scope, options)?;
        Ok(open)
    }

    fn read_limits(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        options: v8::Local<'_, v8::Object>,
    ) -> Result<(), Thrown> {
        let Some(limits) = option::property(scope, options, "limits")? else {
            return Ok(());
        };
        let Ok(limits) = limits.try_cast::<v8::Object>() else {
            return Err(option::refuse(scope, "limits", "an object"));
        };
        for ((name, _), limit) in LIMITS.iter().zip(&mut self.limits) {
            let Some(value) = option::property(scope, limits, name)? else {
                continue;
            };
            let name = format!("limits.{name}");
            if !value.is_int32() {
                return Err(option::refuse(scope, &name, "an integer"));
            }
            let value = value.int32_value(scope).unwrap_or(0);
            if value < 0 {
                let message = format!("The \"options.{name}\" argument must be non-negative.");
                error::throw_range(scope, &message);
                return Err(Thrown);
            }
            *limit = Some(value);
        }
        Ok(())
    }

    /// Whether the URL asks for what there is not, which is thrown then: SQLite would go on without it.
    pub fn refuse_shared_cache(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        let location = self.location.to_string_lossy();
        let asks = location.starts_with("file:") && location.contains("cache=shared");
        if asks {
            let message = "A cache that connections share (cache=shared) is not available in this VM: \
                           use one DatabaseSync, or a file";
            exception::throw_unavailable(scope, message);
        }
        asks
    }

    /// Flags of `sqlite3_open_v2`.
    pub fn flags(&self) -> c_int {
        let access = if self.read_only {
            ffi::SQLITE_OPEN_READONLY
        } else {
            ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE
        };
        access | ffi::SQLITE_OPEN_URI
    }
}

/// In which order options are read, which getters of theirs can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `new DatabaseSync()`.
    OfDatabase,
    /// `prepare()`.
    OfStatement,
}

impl StatementConfig {
    /// Takes what the options say.
    pub fn read(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        options: v8::Local<'_, v8::Object>,
        order: Order,
    ) -> Result<(), Thrown> {
        let mut first = [
            ("readBigInts", &mut self.big_integers),
            ("returnArrays", &mut self.arrays),
        ];
        if order == Order::OfStatement {
            first.reverse();
        }
        let rest = [
            ("allowBareNamedParameters", &mut self.bare_names),
            ("allowUnknownNamedParameters", &mut self.unknown_names),
        ];
        for (name, setting) in first.into_iter().chain(rest) {
            if let Some(value) = option::boolean(scope, options, name)? {
                *setting = value;
            }
        }
        Ok(())
    }
}

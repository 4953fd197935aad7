//! What the commands of this project share: options as `getopt_long(3)` takes them, messages in the form
//! of the GNU tools, names in quotes, file names as bytes, dates and time zones.

mod bytes;
mod columns;
mod command;
mod date;
mod decimal;
mod escape;
mod glob;
mod mode;
mod multicall;
mod numbers;
mod options;
mod quote;
mod zone;

pub use bytes::{bytes, os_string, path};
pub use columns::columns_of;
pub use command::{Args, Failure, Outcome, fail, finish, report, warn, warn_path};
pub use date::{Date, MONTHS, days_since_epoch};
pub use decimal::{fixed, scientific};
pub use escape::{unescape, visible};
pub use glob::Glob;
pub use mode::{ModeChange, parse_mode};
pub use multicall::dispatch;
pub use numbers::{Sizes, human_size, parse_duration, parse_size};
pub use options::{Arity, Opt, Parsed, Syntax, Value, flag, optional, required};
pub use quote::{needs_quotes, quote, quote_text, shell_escape};
pub use zone::{Offset, Zone};

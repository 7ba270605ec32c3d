//! The process's environment, read once.

use crate::settings::environment::Environment;

/// Reads all variables of this process. Those that are not Unicode are left out.
#[allow(clippy::disallowed_methods)]
pub fn capture() -> Environment {
    Environment::new(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}

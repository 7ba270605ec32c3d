//! Who reads what a command tells: in which language, and by which clock.

use clap::Args;
use jiff::tz::TimeZone;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;

use crate::report::{Language, Reader};

/// Options that say who reads it.
#[derive(Args, Debug, Default)]
pub struct ReaderArgs {
    /// The language of what people read; what programs read is English [default: OFFSITE_LANG, else en]
    #[arg(long, value_name = "LANGUAGE", value_parser = Language::NAMES)]
    pub lang: Option<String>,
    /// Tell times in UTC, and not by this machine's time zone
    #[arg(long)]
    pub utc: bool,
}

impl ReaderArgs {
    /// In the language that is asked for, and by the clock of this machine. Its distance to UTC is that of today in all that is told, since the
    /// head of a column names it once.
    pub(super) fn reader(&self, environment: &Environment) -> anyhow::Result<Reader> {
        let language = match self.lang.as_deref().and_then(Language::named) {
            Some(language) => language,
            None => Language::from_environment(environment)?,
        };
        Ok(Reader { language, zone: zone(self.utc) })
    }
}

/// By which clock times are told that have no other language.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ClockArgs {
    /// Tell times in UTC, and not by this machine's time zone
    #[arg(long)]
    pub utc: bool,
}

impl ClockArgs {
    pub(super) fn reader(self) -> Reader {
        Reader { zone: zone(self.utc), ..Reader::default() }
    }
}

fn zone(utc: bool) -> TimeZone {
    if utc { TimeZone::UTC } else { TimeZone::fixed(TimeZone::system().to_offset(SystemClock.now())) }
}

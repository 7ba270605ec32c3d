//! How a [`Report`](offsite_shared::report::Report) is shown: a table for the terminal, CSV for a spreadsheet, one HTML page for
//! everybody else; [`markdown()`] for a chat, [`prometheus()`] for an alarm of your own. JSON is what serde makes of it.
//!
//! [`witness`] tells what `offsite witness` saw, by the same means.
//!
//! [`status_text()`] tells of one ID, [`past_table()`] of a day that has passed.
//!
//! Pure functions of the report: no clock, no files. In reading order: [`Reader`] (language and clock), `words`, `terms`, `resources` and `summary` (names, definitions, what is to be
//! done, and how numbers are spelt), `filter` (what is listed), [`table()`] with `table_resources` and `text`, [`csv()`], [`html()`] with
//! its parts `page_resources`, `rule`, `chart`, `calendar`, `rows`, and `page.css` and `page.js`.
//!
//! **Invariant:** names come from people and providers. Nothing in them acts: not in a terminal, a spreadsheet or a browser.

mod calendar;
mod chart;
mod csv;
mod filter;
mod html;
mod markdown;
mod page_resources;
mod past;
mod prometheus;
mod reader;
mod resources;
mod rows;
mod rule;
mod status;
mod summary;
mod table;
mod table_resources;
mod terms;
mod text;
mod volume;
pub mod witness;
mod words;

pub use csv::{csv, resources_csv};
pub use filter::{Filter, word};
pub use html::{html, narrowed_html};
pub use markdown::markdown;
pub use offsite_shared::model::text::plain;
pub use past::{Past, PastRule, past_table};
pub use prometheus::prometheus;
pub use reader::{Language, Reader};
pub use status::{CloudTold, Health, IdStatus, status_json, status_text};
pub use table::{brief, narrowed_table, table};
pub use text::{WIDTH, by_clock, paragraph};

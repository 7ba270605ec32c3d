//! How a [`Report`](offsite_shared::report::Report) is shown: a table for the terminal, CSV for a spreadsheet, one HTML page for
//! everybody else. JSON is what serde makes of it.
//!
//! [`witness`] tells what `offsite witness` saw, by the same means.
//!
//! Pure functions of the report: no clock, no files. In reading order: `words` (names, definitions and how numbers are
//! spelt), [`table()`], [`csv()`], [`html()`] with its parts `rule`, `chart`, `rows`, and `page.css` and `page.js`.
//!
//! **Invariant:** names come from people and providers. Nothing in them acts: not in a terminal, a spreadsheet or a browser.

mod chart;
mod csv;
mod html;
mod rows;
mod rule;
mod table;
pub mod witness;
mod words;

pub use csv::csv;
pub use html::html;
pub use table::table;

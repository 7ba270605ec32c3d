//! Writes the page of a made-up report: `cargo run -p offsite --example report_page -- OUT.html [rich|holds|unknown|grey|empty|large|front]`.
//! The browser tests open it, and whoever works on the page looks at it. `OUT.csv` and `OUT.txt` make the other forms.

mod sample;

use anyhow::{Context, bail};
use offsite_local::report;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().context("which file shall be written?")?;
    let report = match arguments.next().as_deref() {
        None | Some("rich") => sample::rich(),
        Some("holds") => sample::holds(),
        Some("unknown") => sample::unknown(),
        Some("grey") => sample::grey(),
        Some("empty") => sample::empty(),
        Some("front") => sample::front(),
        Some("large") => sample::large(10_000),
        Some(other) => bail!("there is no sample {other}"),
    };
    let text = match out.rsplit_once('.') {
        Some((_, "csv")) => report::csv(&report),
        Some((_, "txt")) => report::table(&report),
        _ => report::html(&report),
    };
    std::fs::write(&out, text).with_context(|| format!("{out} cannot be written"))
}

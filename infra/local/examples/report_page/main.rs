//! Writes the page of a made-up report: `cargo run -p offsite --example report_page -- OUT.html [rich|holds|unknown|grey|empty|large|front] [zh]`.
//! The browser tests open it, and whoever works on the page looks at it. `OUT.csv`, `OUT.txt` and `OUT.md` make the other forms.

mod sample;

use anyhow::{Context, bail};
use offsite_local::report::{self, Filter, Language, Reader, WIDTH};

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
    let language = match arguments.next().as_deref() {
        None => Language::English,
        Some(name) => Language::named(name).with_context(|| format!("there is no language {name}"))?,
    };
    let (reader, all) = (Reader { language, ..Reader::default() }, Filter::default());
    let text = match out.rsplit_once('.') {
        Some((_, "csv")) => report::csv(&report),
        Some((_, "txt")) => report::narrowed_table(&report, &all, WIDTH, &reader),
        Some((_, "md")) => report::markdown(&report, &reader),
        _ => report::narrowed_html(&report, &all, &reader),
    };
    std::fs::write(&out, text).with_context(|| format!("{out} cannot be written"))
}

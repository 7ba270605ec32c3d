//! The drawings of the page: coverage bars, gauges and charts over time, as inline SVG.
//!
//! All are as wide as their place: horizontal positions are per cent or a stretched box, heights and letters are pixels. No
//! `style` attribute anywhere, since the page's policy forbids it.

use jiff::Timestamp;
use maud::{Markup, html};
use offsite_shared::observe::arrivals::Arrival;
use offsite_shared::sweep::findings::{Counts, Point};
use offsite_shared::sweep::verdict::Verdict;

use super::reader::{Reader, said};
use super::words::{self, ORDER, number, share};

const HEIGHT: f64 = 198.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 24.0;
/// The stretched box that data is drawn in is this wide.
const WIDE: f64 = 1000.0;
/// More points than this are drawn as ranges.
const POINTS: usize = 300;
/// How many ranges are drawn in place of too many points.
const RANGES: usize = 100;
/// A part of a bar that is not nothing has at least this many per cent of it, so that one in a million can be seen.
const LEAST: f64 = 1.5;

/// Patterns of the verdicts, once for the page: they differ in form as well as in colour.
pub(super) fn patterns() -> Markup {
    html! {
        svg.defs width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                @for (name, lines) in ORDER.map(|verdict| (verdict.name(), pattern(verdict))) {
                    pattern id={ "p-" (name) } class={ "p p-" (name) } width="8" height="8" patternUnits="userSpaceOnUse" {
                        rect width="8" height="8" {}
                        path d=(lines) {}
                    }
                }
            }
        }
    }
}

fn pattern(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Replicated | Verdict::Missing => "",
        Verdict::InProgress => "M-2 2l4-4M0 8l8-8M6 10l4-4",
        Verdict::NotReady => "M2 2h.01M6 6h.01",
        Verdict::Ineligible => "M0 4h8",
        Verdict::InDoubt => "M-2 6l4 4M0 0l8 8M6-2l4 4",
        Verdict::Failed => "M0 4h8M4 0v8",
        Verdict::Lost => "M2 0v8M6 0v8",
        Verdict::Missed => "M0 0l8 8M8 0l-8 8",
        Verdict::Refused => "M0 2h8M0 6h8",
        Verdict::Left => "M4 0v8",
        Verdict::Unknown => "M1 1h.01M5 5h.01",
        Verdict::GivenUp => "M0 6h8",
        Verdict::Overtaken => "M0 8l8-8",
        Verdict::Ended => "M0 0l8 8",
    }
}

/// A square of a verdict's pattern, for legends.
pub(super) fn swatch(verdict: Verdict) -> Markup {
    html! {
        svg.swatch width="16" height="16" aria-hidden="true" focusable="false" {
            rect class={ "f-" (verdict.name()) } width="16" height="16" {}
        }
    }
}

/// The coverage bar: one segment for each verdict that is not zero.
pub(super) fn coverage(r: &Reader, counts: &Counts) -> Markup {
    let parts: Vec<(Verdict, u64)> =
        ORDER.map(|verdict| (verdict, counts[verdict])).into_iter().filter(|(_, count)| *count > 0).collect();
    let whole = counts.covered.max(parts.iter().map(|(_, count)| count).sum());
    let widths: Vec<f64> = parts.iter().map(|(_, count)| percent(*count, whole).max(LEAST)).collect();
    let scale = 100.0 / widths.iter().sum::<f64>().max(100.0);
    let starts = widths.iter().scan(0.0, |at, width| Some(std::mem::replace(at, *at + width * scale)));
    let label: Vec<String> = parts
        .iter()
        .map(|(verdict, count)| format!("{} {}", number(*count), r.word(words::figure(*verdict).label)))
        .collect();
    html! {
        svg.coverage width="100%" height="28" role="img" aria-label=(said!(r, "Of {} covered: {}", number(whole), r.joined(&label))) {
            rect.track width="100%" height="28" {}
            @for (((verdict, count), width), x) in parts.iter().zip(&widths).zip(starts) {
                rect class={ "f-" (verdict.name()) } x={ (round(x)) "%" } width={ (round(width * scale)) "%" } height="28" {
                    title { (r.word(words::figure(*verdict).label)) (r.colon()) (number(*count)) " (" (share(*count, whole)) ")" }
                }
                @if x > 0.0 { line.gap x1={ (round(x)) "%" } x2={ (round(x)) "%" } y1="0" y2="28" {} }
            }
        }
    }
}

/// A measured time against what is allowed: a bar, and a mark where it ends being good.
pub(super) fn gauge(seconds: u64, allowed: u64) -> Markup {
    let whole = seconds.max(allowed + allowed / 3).max(1);
    let over = seconds > allowed;
    let mark = round(percent(allowed, whole));
    html! {
        svg.gauge width="100%" height="14" aria-hidden="true" focusable="false" {
            rect.track width="100%" y="3" height="8" {}
            rect.over[over].within[!over] width={ (round(percent(seconds, whole))) "%" } y="3" height="8" {}
            line.mark x1={ (mark) "%" } x2={ (mark) "%" } y1="0" y2="14" {}
        }
    }
}

/// The lag that each sweep found.
pub(super) fn lag(r: &Reader, points: &[Point], allowed: Option<u64>) -> Markup {
    let samples: Vec<(Timestamp, u64)> = points.iter().map(|point| (point.at, point.lag_seconds)).collect();
    let Some(worst) = samples.iter().max_by_key(|(_, lag)| *lag) else { return html! {} };
    let (longest, then) = (r.duration(worst.1), r.moment(worst.0));
    let caption = match samples.len() {
        1 => said!(r, "1 sweep; the largest lag was {} at {}", longest, then),
        many => said!(r, "{} sweeps; the largest lag was {} at {}", number(many as u64), longest, then),
    };
    chart(r, said!(r, "Lag over time"), &caption, &samples, allowed, true)
}

/// How long each copy took.
pub(super) fn durations(r: &Reader, arrivals: &[Arrival]) -> Markup {
    let samples: Vec<(Timestamp, u64)> = arrivals.iter().map(|arrival| (arrival.at, arrival.seconds)).collect();
    let mut sorted: Vec<u64> = samples.iter().map(|(_, seconds)| *seconds).collect();
    sorted.sort_unstable();
    let (Some(median), Some(slowest)) = (sorted.get(sorted.len() / 2), sorted.last()) else { return html! {} };
    let (median, slowest) = (r.duration(*median), r.duration(*slowest));
    let caption = match sorted.len() {
        1 => said!(r, "1 copy; half took at most {}, the slowest {}", median, slowest),
        many => said!(r, "{} copies; half took at most {}, the slowest {}", number(many as u64), median, slowest),
    };
    chart(r, said!(r, "Durations of copies"), &caption, &samples, None, false)
}

fn chart(
    r: &Reader,
    title: &str,
    caption: &str,
    samples: &[(Timestamp, u64)],
    allowed: Option<u64>,
    joined: bool,
) -> Markup {
    let highest = samples.iter().map(|(_, value)| *value).chain(allowed).max().unwrap_or(0);
    let step = step(highest);
    let top = highest.div_ceil(step).max(1) * step;
    let ticks: Vec<u64> = (0..=top / step).map(|tick| tick * step).collect();
    let span = Span::of(samples);
    let thinned = samples.len() > POINTS;
    let drawn = if thinned { ranges(samples) } else { samples.iter().map(|&(at, v)| (at, v, v, v)).collect() };
    let y = |value: u64| round(TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - percent(value, top) / 100.0));
    let x = |at: Timestamp| round(span.place(at) * WIDE);
    let line: Vec<String> = drawn.iter().map(|(at, _, _, high)| format!("{},{}", x(*at), y(*high))).collect();
    let dot = |at: Timestamp, value: u64| format!("M{} {}h.01", x(at), y(value));
    let bad = |value: u64| allowed.is_some_and(|allowed| value > allowed);
    let few = drawn.len() <= 60 || !joined;
    let marked = |wanted: bool| -> String {
        let shown = |&&(_, _, _, high): &&Drawn| bad(high) == wanted && (wanted || few);
        let value = |middle: u64, high: u64| if joined { high } else { middle };
        drawn.iter().filter(shown).map(|&(at, _, middle, high)| dot(at, value(middle, high))).collect()
    };
    let spread: String = if thinned && !joined {
        drawn.iter().map(|(at, low, _, high)| format!("M{} {}V{}", x(*at), y(*low), y(*high))).collect()
    } else {
        String::new()
    };
    let floor = y(0);
    let ends = [samples.first(), samples.last()].into_iter().flatten().map(|(at, _)| x(*at)).collect::<Vec<_>>();
    html! {
        figure.chart {
            figcaption {
                strong { (title) } " " (caption) (said!(r, "."))
                @if thinned && joined { " " (said!(r, "Drawn are the highest of each of {} spans.", RANGES)) }
                @if thinned && !joined { " " (said!(r, "Drawn are the range and the middle of each of {} spans.", RANGES)) }
            }
            div.plot role="img" aria-label={ (title) (r.colon()) (caption) } {
                svg.axis width="52" height=(HEIGHT) aria-hidden="true" focusable="false" {
                    @for &tick in &ticks {
                        text x="46" y=(y(tick)) dy="4" text-anchor="end" { @if tick == 0 { "0" } @else { (r.duration(tick)) } }
                    }
                }
                svg.area width="100%" height=(HEIGHT) aria-hidden="true" focusable="false" {
                    @for &tick in &ticks { line.grid x1="0" x2="100%" y1=(y(tick)) y2=(y(tick)) {} }
                    svg width="100%" height=(HEIGHT) viewBox={ "0 0 " (WIDE) " " (HEIGHT) } preserveAspectRatio="none" {
                        @if joined && line.len() > 1 {
                            polygon.under points={ (line.join(" ")) " " (ends[1]) "," (floor) " " (ends[0]) "," (floor) } {}
                            polyline.line points=(line.join(" ")) {}
                        }
                        @if !spread.is_empty() { path.spread d=(spread) {} }
                        path.dots d=(marked(false)) {}
                        path.dots.late d=(marked(true)) {}
                    }
                    @if let Some(allowed) = allowed {
                        line.objective x1="0" x2="100%" y1=(y(allowed)) y2=(y(allowed)) {}
                        text.objective x="4" y=(y(allowed)) dy="-5" { (said!(r, "objective {}", r.duration(allowed))) }
                    }
                    @for (part, anchor) in [(0_u8, "start"), (1, "middle"), (2, "end")] {
                        text x={ (part * 50) "%" } y=(HEIGHT - 6.0) text-anchor=(anchor) { (span.label(r, part)) }
                    }
                }
            }
        }
    }
}

/// One range: its time, and its lowest, middle and highest value.
type Drawn = (Timestamp, u64, u64, u64);

/// Many samples as few: of each part of them the range, so that no peak is hidden.
fn ranges(samples: &[(Timestamp, u64)]) -> Vec<Drawn> {
    let of = |part: &[(Timestamp, u64)]| {
        let mut values: Vec<u64> = part.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        let (first, last) = (values.first()?, values.last()?);
        Some((part.get(part.len() / 2)?.0, *first, *values.get(values.len() / 2)?, *last))
    };
    samples.chunks(samples.len().div_ceil(RANGES).max(1)).filter_map(of).collect()
}

/// The time that a chart spans; half an hour at least on both sides of a single moment.
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn of(samples: &[(Timestamp, u64)]) -> Self {
        let seconds = || samples.iter().map(|(at, _)| at.as_second());
        let (from, to) = (seconds().min().unwrap_or(0), seconds().max().unwrap_or(0));
        if from == to { Self { from: from - 1800, to: to + 1800 } } else { Self { from, to } }
    }

    /// The place of a moment in the chart, from 0 to 1, with a little room at both ends.
    fn place(&self, at: Timestamp) -> f64 {
        let whole = u64::try_from(self.to - self.from).unwrap_or(1);
        let part = u64::try_from(at.as_second() - self.from).unwrap_or(0);
        0.01 + 0.98 * percent(part, whole) / 100.0
    }

    /// The label for the time at `part` halves of the span.
    fn label(&self, r: &Reader, part: u8) -> String {
        let second = self.from + (self.to - self.from) / 2 * i64::from(part);
        Timestamp::from_second(second).map(|at| r.tick(at, self.to - self.from > 5 * 86_400)).unwrap_or_default()
    }
}

/// The distance of ticks that gives at most five of them.
fn step(highest: u64) -> u64 {
    const STEPS: [u64; 26] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800,
        432_000, 864_000, 1_728_000, 4_320_000, 8_640_000, 17_280_000, 43_200_000,
    ];
    STEPS.into_iter().find(|step| highest.div_ceil(*step) <= 4).unwrap_or_else(|| highest.div_ceil(4).max(1))
}

#[allow(clippy::cast_precision_loss, reason = "positions in a drawing")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_reach_the_highest() {
        for highest in [0, 1, 3, 59, 61, 3_599, 86_400, 90_000, 1_000_000, 400_000_000, u64::MAX / 2] {
            let step = step(highest);
            assert!(highest.div_ceil(step) <= 4, "{highest}: {step}");
        }
        assert_eq!(step(86_400), 21_600);
    }

    #[test]
    fn no_peak_is_hidden_by_thinning() {
        let mut samples: Vec<(Timestamp, u64)> =
            (0..5_000).map(|n| (Timestamp::from_second(n * 60).unwrap(), 10)).collect();
        samples[3_333].1 = 900;
        let drawn = ranges(&samples);
        assert!(drawn.len() <= RANGES && drawn.iter().any(|(_, _, _, high)| *high == 900));
    }

    #[test]
    fn one_in_a_million_can_be_seen() {
        let counts = Counts { covered: 1_000_000, replicated: 999_999, missing: 1, ..Counts::default() };
        let bar = coverage(&Reader::default(), &counts).into_string();
        assert!(bar.contains("f-missing") && bar.contains("width=\"1.48%\""), "{bar}");
    }
}

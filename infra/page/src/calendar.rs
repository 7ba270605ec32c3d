//! The calendar of a rule: a square for each day of the last year, a line for each month, and the bad days in words.

use jiff::civil::Date;
use maud::{Markup, html};
use offsite_shared::report::{Conclusion, Day};

use super::reader::{Reader, said};
use super::words::number;

/// The height of a month's line, and of its squares.
const LINE: usize = 16;
const SQUARE: usize = 13;

/// Runs of days that are told in words.
const RUNS: usize = 100;

/// How a day is shown: its class, and what is said of it.
fn kind(day: &Day) -> (&'static str, &'static str) {
    match day.conclusion {
        Some(Conclusion::Holds) => ("held", "held"),
        Some(Conclusion::Broken) => ("broken", "did not hold"),
        Some(Conclusion::Unknown) => ("doubt", "could not be known"),
        Some(Conclusion::NotJudged) => ("unjudged", "was not judged"),
        None => ("unseen", "nobody looked"),
    }
}

/// The days of a rule, if any are remembered.
pub(super) fn calendar(r: &Reader, days: &[Day]) -> Markup {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return html! {} };
    let months = months(days);
    let height = months.len() * LINE;
    let counted = counted(r, days);
    html! {
        figure.calendar {
            figcaption {
                strong { a href="#def-calendar" { (said!(r, "Calendar")) } } " "
                (said!(r, "{} to {} (UTC): {}", first.day, last.day, counted))
            }
            div.plot {
                svg width="52" height=(height) aria-hidden="true" focusable="false" {
                    @for (index, (month, _)) in months.iter().enumerate() {
                        text x="0" y=(index * LINE + 11) { (month.strftime("%Y-%m")) }
                    }
                }
                svg width="100%" height=(height) role="img" aria-label=(said!(r, "One square for each day: {}", counted)) {
                    @for (index, (_, days)) in months.iter().enumerate() {
                        @for day in *days {
                            rect class={ "d-" (kind(day).0) } x={ (left(day.day)) "%" } y=(index * LINE + 1) width="2.7%" height=(SQUARE) {
                                title { (day.day) (r.colon()) (told(r, day)) }
                            }
                        }
                    }
                }
            }
            ul.legend.days {
                @for (class, label) in [("held", "held"), ("broken", "did not hold"), ("doubt", "could not be known"),
                    ("unjudged", "not judged"), ("unseen", "nobody looked")]
                    .into_iter().filter(|(class, _)| days.iter().any(|day| kind(day).0 == *class)) {
                    li {
                        svg.swatch width="16" height="16" aria-hidden="true" focusable="false" {
                            rect class={ "d-" (class) } x="1" y="1" width="14" height="14" {}
                        }
                        (r.word(label))
                    }
                }
            }
            (in_words(r, days))
        }
    }
}

/// The days that did not simply hold, latest first, for those who cannot see the squares.
fn in_words(r: &Reader, days: &[Day]) -> Markup {
    let bad: Vec<&[Day]> =
        days.chunk_by(|a, b| kind(a) == kind(b)).filter(|run| run[0].conclusion != Some(Conclusion::Holds)).collect();
    html! {
        @if !bad.is_empty() {
            details.sweeps {
                summary { (said!(r, "The days that did not hold or are not known, in words")) }
                ul.runs {
                    @for run in bad.iter().rev().take(RUNS) {
                        li {
                            @match run { [only] => (only.day), [first, .., last] => { (said!(r, "{} to {}", first.day, last.day)) }, [] => {} }
                            (r.colon()) (r.word(kind(&run[0]).1)) (minutes(r, run))
                        }
                    }
                    @if bad.len() > RUNS { li { (said!(r, "and {} more:", number((bad.len() - RUNS) as u64))) " " code { "--format json" } } }
                }
            }
        }
    }
}

/// A day in words.
fn told(r: &Reader, day: &Day) -> String {
    format!("{}{}", r.word(kind(day).1), minutes(r, std::slice::from_ref(day)))
}

/// For how long it did not hold, or nobody knew.
fn minutes(r: &Reader, days: &[Day]) -> String {
    let sum = |of: fn(&Day) -> u32| days.iter().map(|day| u64::from(of(day))).sum::<u64>();
    let parts = r.minutes(sum(|day| day.minutes_not_holding), sum(|day| day.minutes_unknown));
    if parts.is_empty() { String::new() } else { said!(r, ", {}", r.joined(&parts)) }
}

/// How many days were of which kind.
fn counted(r: &Reader, days: &[Day]) -> String {
    let kinds = ["held", "did not hold", "could not be known", "was not judged", "nobody looked"];
    let parts = kinds.into_iter().filter_map(|wanted| {
        let count = days.iter().filter(|day| kind(day).1 == wanted).count();
        let what = match (wanted, count) {
            ("was not judged", 2..) => said!(r, "were not judged"),
            ("nobody looked", _) => said!(r, "on which nobody looked"),
            (other, _) => r.word(other),
        };
        match count {
            0 => None,
            1 => Some(said!(r, "1 day {}", what)),
            _ => Some(said!(r, "{} days {}", number(count as u64), what)),
        }
    });
    r.listed(&parts.collect::<Vec<_>>())
}

/// The days of each month, latest month last.
fn months(days: &[Day]) -> Vec<(Date, &[Day])> {
    days.chunk_by(|a, b| a.day.first_of_month() == b.day.first_of_month())
        .map(|days| (days[0].day.first_of_month(), days))
        .collect()
}

/// Where the square of a day begins, in per cent.
fn left(day: Date) -> String {
    format!("{:.2}", f64::from(day.day() - 1) * 100.0 / 31.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_with_their_minutes_and_by_month() {
        let day = |text: &str, conclusion, minutes_not_holding, minutes_unknown| Day {
            day: text.parse().unwrap(),
            conclusion,
            minutes_not_holding,
            minutes_unknown,
        };
        let days = [
            day("2026-10-30", Some(Conclusion::Holds), 0, 0),
            day("2026-10-31", Some(Conclusion::Broken), 150, 0),
            day("2026-11-01", None, 0, 1_440),
            day("2026-11-02", None, 0, 1_440),
        ];
        let r = &Reader::default();
        assert_eq!(told(r, &days[0]), "held");
        assert_eq!(told(r, &days[1]), "did not hold, 2h 30m not holding");
        assert_eq!(minutes(r, &days[2..]), ", 48h not known");
        assert_eq!(counted(r, &days), "1 day held, 1 day did not hold and 2 days on which nobody looked");
        let months: Vec<(String, usize)> =
            months(&days).iter().map(|(month, days)| (month.to_string(), days.len())).collect();
        assert_eq!(months, [("2026-10-01".to_owned(), 2), ("2026-11-01".to_owned(), 2)]);
        assert_eq!((left(days[2].day), left(days[1].day)), ("0.00".to_owned(), "96.77".to_owned()));
    }
}

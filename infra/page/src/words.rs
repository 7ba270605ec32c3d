//! The words of a report: names and definitions of its figures, and how durations, times and numbers are spelt.

use jiff::Timestamp;
use offsite_shared::report::{Conclusion, Report};
use offsite_shared::sweep::verdict::Verdict;

/// What a verdict means for whoever reads the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// As it should be.
    Good,
    /// Nothing to do but wait.
    Waiting,
    /// As it is, by nature or by decision.
    Neutral,
    /// Somebody has to find out.
    Doubt,
    /// A backup without its copy.
    Bad,
}

impl Weight {
    /// Name of its class in the page.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Neutral => "neutral",
            Self::Doubt => "doubt",
            Self::Bad => "bad",
        }
    }
}

/// How one part of what is covered is told.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    /// Its name for people.
    pub(super) label: &'static str,
    /// What it means for whoever reads the report.
    pub(super) weight: Weight,
    /// Its definition.
    pub(super) meaning: &'static str,
}

/// The figure of all that is covered, of which every verdict is a part.
pub(super) const COVERED: Figure = Figure {
    label: "covered",
    weight: Weight::Neutral,
    meaning: "A source backup that the rule's source, select and exclude take, counted once for each destination region. \
              Each such pair has exactly one of the verdicts below.",
};

/// The order of the coverage bar: what is well first, what is worst last.
pub(super) const ORDER: [Verdict; 15] = [
    Verdict::Replicated,
    Verdict::InProgress,
    Verdict::NotReady,
    Verdict::Ineligible,
    Verdict::InDoubt,
    Verdict::Unknown,
    Verdict::GivenUp,
    Verdict::Overtaken,
    Verdict::Ended,
    Verdict::Missing,
    Verdict::Refused,
    Verdict::Failed,
    Verdict::Left,
    Verdict::Lost,
    Verdict::Missed,
];

/// How a verdict is told.
pub(super) fn figure(verdict: Verdict) -> Figure {
    match verdict {
        Verdict::Replicated => Figure {
            label: "replicated",
            weight: Weight::Good,
            meaning: "A usable copy was seen in the destination region, or can be concluded from what the provider says \
                      elsewhere (then it also counts as inferred).",
        },
        Verdict::InProgress => Figure {
            label: "in progress",
            weight: Weight::Waiting,
            meaning: "A copy is on its way, or the provider has accepted it and it was not seen in the destination yet.",
        },
        Verdict::NotReady => Figure {
            label: "not ready",
            weight: Weight::Waiting,
            meaning: "The backup itself is not finished yet, so it cannot be copied yet.",
        },
        Verdict::Ineligible => Figure {
            label: "ineligible",
            weight: Weight::Neutral,
            meaning: "The backup cannot be copied; the reason stands beside it. It is not missing: no retry would change it. Its \
                      resource may be unprotected.",
        },
        Verdict::GivenUp => Figure {
            label: "given up",
            weight: Weight::Neutral,
            meaning: "A person wants no copy of this backup. Its resource is not protected by that.",
        },
        Verdict::Overtaken => Figure {
            label: "overtaken",
            weight: Weight::Neutral,
            meaning: "The backup is gone or not covered any more and was never copied, but its resource has a newer usable copy.",
        },
        Verdict::Ended => Figure {
            label: "ended",
            weight: Weight::Neutral,
            meaning: "The copy is gone when it might go: its source is gone, its expiry came, or it is older than the rule keeps copies.",
        },
        Verdict::Unknown => Figure {
            label: "unknown",
            weight: Weight::Doubt,
            meaning: "The destination could not be looked at, so nobody knows whether there is a copy.",
        },
        Verdict::InDoubt => Figure {
            label: "in doubt",
            weight: Weight::Doubt,
            meaning: "A call to the provider may have started a copy, and nobody knows whether it did. It is not repeated blindly, \
                      since a second copy costs money; the provider is asked again until it is clear.",
        },
        Verdict::Missing => Figure {
            label: "missing",
            weight: Weight::Bad,
            meaning: "There is no copy, and nothing stands in the way of one: the next sweep starts it, \
                      within its limits.",
        },
        Verdict::Failed => {
            Figure { label: "failed", weight: Weight::Bad, meaning: "The copy failed; the reason stands beside it." }
        }
        Verdict::Refused => Figure {
            label: "refused",
            weight: Weight::Bad,
            meaning: "The provider refuses to make the copy; the reason stands beside it. It is asked again, and a refusal uses up nothing.",
        },
        Verdict::Left => Figure {
            label: "left",
            weight: Weight::Bad,
            meaning: "The backup is there, but the rule does not cover it any more, by age, name, tag or vault, and it was never \
                      copied. It stays a breach until a person acknowledges it.",
        },
        Verdict::Lost => Figure {
            label: "lost",
            weight: Weight::Bad,
            meaning: "The copy was seen in the destination once and is gone before its time.",
        },
        Verdict::Missed => Figure {
            label: "missed",
            weight: Weight::Bad,
            meaning: "The backup is gone from its source region and was never copied. Nothing can repair this; it stays a breach \
                      until a person acknowledges it.",
        },
    }
}

/// A rule's conclusion in words.
pub(super) fn conclusion(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Holds => "holds",
        Conclusion::NotJudged => "not judged",
        Conclusion::Unknown => "cannot be known",
        Conclusion::Broken => "does not hold",
    }
}

/// The whole report in two or three words.
pub(super) fn headline(report: &Report) -> &'static str {
    match report.conclusion {
        Conclusion::NotJudged => "Not judged",
        Conclusion::Holds => "Holds",
        Conclusion::Unknown => "Cannot be known",
        Conclusion::Broken => "Does not hold",
    }
}

/// Words in a row: `a, b and c`.
pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A duration in at most two units, rounded up, so that it never looks better than it is: `26h 5m`, `4d 3h`.
pub(super) fn duration(seconds: u64) -> String {
    let two = |large: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit} {small}{sub}"),
    };
    if seconds < 60 {
        format!("{seconds}s")
    } else if seconds < 3_600 {
        two(seconds / 60, "m", seconds % 60, "s")
    } else if seconds < 72 * 3_600 {
        let minutes = seconds.div_ceil(60);
        two(minutes / 60, "h", minutes % 60, "m")
    } else {
        let hours = seconds.div_ceil(3_600);
        two(hours / 24, "d", hours % 24, "h")
    }
}

/// A number with its thousands apart: `12,345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in per cent that is 0 or 100 only when it is.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part >= whole {
        return "100 %".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    if percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{:.1} %", percent.min(99.9)) }
}

/// Seconds from `then` to `now`; none before it.
pub(super) fn age(now: Timestamp, then: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}

/// How many of a list each rule may show, so that all together are at most `limit` and no rule hides another.
pub(super) fn shares(lengths: &[usize], limit: usize) -> Vec<usize> {
    let mut shares = vec![0; lengths.len()];
    let mut left = limit;
    loop {
        let wanting: Vec<usize> = (0..lengths.len()).filter(|&rule| shares[rule] < lengths[rule]).collect();
        if wanting.is_empty() || left == 0 {
            return shares;
        }
        let each = (left / wanting.len()).max(1);
        for rule in wanting {
            let more = each.min(lengths[rule] - shares[rule]).min(left);
            shares[rule] += more;
            left -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_never_look_better_than_they_are() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (125, "2m 5s"),
            (3_600, "1h"),
            (11_520, "3h 12m"),
            (86_400, "24h"),
            (86_401, "24h 1m"),
            (259_199, "72h"),
            (259_200, "3d"),
            (604_801, "7d 1h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(1, 1_000_000), "< 0.1 %");
        assert_eq!(share(999_999, 1_000_000), "99.9 %");
        assert_eq!(share(10, 10), "100 %");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(999), "999");
    }

    #[test]
    fn no_rule_hides_another() {
        assert_eq!(shares(&[5, 2_000, 2_000], 1_000), [5, 498, 497]);
        assert_eq!(shares(&[3, 4], 1_000), [3, 4]);
        assert_eq!(shares(&[9; 4], 2), [1, 1, 0, 0]);
        assert_eq!(shares(&[], 2), Vec::<usize>::new());
    }
}

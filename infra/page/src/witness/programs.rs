//! A testimony for programs: JSON and CSV.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Listed, Place, Standing, Testimony};
use crate::csv::{header, line};
use crate::words::age;

/// The testimony as JSON: all backups, with and without a copy.
pub fn json(testimony: &Testimony) -> Value {
    json!({
        "at": testimony.at,
        "says": testimony.says().name(),
        "meaning": testimony.says().sentence(),
        "cannot_know": testimony.cannot_know(),
        "places": testimony.places.iter().map(place_json).collect::<Vec<_>>(),
    })
}

fn place_json(place: &Place) -> Value {
    let counts: BTreeMap<&str, usize> =
        Standing::ALL.into_iter().map(|standing| (standing.name(), place.count(standing))).collect();
    let hidden = |(kind, why): &(&str, &str)| json!({ "kind": kind, "why": why });
    let listed = |listed: &Listed| {
        json!({
            "verdict": listed.standing.name(),
            "backup_id": listed.id,
            "name": listed.name,
            "resource": listed.resource,
            "created_at": listed.created_at,
            "copy_id": listed.copy_id,
            "reason": listed.why,
        })
    };
    json!({
        "rule": place.rule,
        "provider": place.cloud.name(),
        "account": place.account,
        "account_number": place.account_number,
        "source": place.source,
        "destination": place.destination,
        "says": place.says().name(),
        "counts": counts,
        "unseen": place.unseen,
        "notes": place.notes,
        "not_covered": place.not_covered,
        "hidden": place.hidden.iter().map(hidden).collect::<Vec<_>>(),
        "backups": place.backups.iter().map(listed).collect::<Vec<_>>(),
    })
}

const HEADER: [&str; 13] = [
    "rule",
    "provider",
    "account",
    "verdict",
    "id",
    "name",
    "resource",
    "source_region",
    "destination",
    "created_at",
    "age_seconds",
    "copy_id",
    "reason",
];

/// The testimony as CSV with a header line: one line for each backup and destination. What could not be looked at has a line without an ID,
/// so that the list is never short in silence.
pub fn csv(testimony: &Testimony) -> String {
    let mut out = String::new();
    header(&mut out, &HEADER);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    for place in &testimony.places {
        let cells = |listed: &Listed| {
            [
                text(&place.rule),
                place.cloud.name().to_owned(),
                place.account.clone(),
                listed.standing.name().to_owned(),
                listed.id.clone(),
                text(&listed.name),
                text(&listed.resource),
                place.source.clone(),
                place.destination.clone(),
                listed.created_at.map(|at| at.to_string()).unwrap_or_default(),
                listed.created_at.map(|at| age(testimony.at, at).to_string()).unwrap_or_default(),
                text(&listed.copy_id),
                text(&listed.why),
            ]
        };
        for reason in &place.unseen {
            line(&mut out, &HEADER, cells(&Listed::unseen(reason)));
        }
        place.backups.iter().for_each(|listed| line(&mut out, &HEADER, cells(listed)));
    }
    out
}

impl Listed {
    /// What stands for all that could not be looked at.
    fn unseen(why: &str) -> Listed {
        Listed {
            standing: Standing::Unseen,
            id: String::new(),
            name: None,
            resource: None,
            created_at: None,
            copy_id: None,
            why: Some(why.to_owned()),
        }
    }
}

//! Backup jobs, for the timer path.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fields::{invalid, number, required};
use super::state::Alibaba;
use super::store::Job;
use crate::clock;
use crate::cloud::{Call, Refusal};
use crate::text::BadAdmin;

impl Alibaba {
    pub(super) fn describe_jobs(&self, call: &Call) -> Result<Value, Refusal> {
        let source_type = required(call, "SourceType")?;
        let page = number(call, "PageNumber")?.unwrap_or(1);
        let size = number(call, "PageSize")?.unwrap_or(10);
        if page < 1 {
            return Err(invalid("PageNumber"));
        }
        if !(1..=99).contains(&size) {
            return Err(invalid("PageSize"));
        }
        let ascending = match call.parameter("SortDirection") {
            None | Some("DESCEND") => false,
            Some("ASCEND") => true,
            Some(_) => return Err(invalid("SortDirection")),
        };
        // Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2Request: the values, and the filters that two of them need.
        // How the service refuses is not documented.
        let is_filtered_by = |wanted: &str| {
            call.query.iter().any(|(name, key)| name.starts_with("Filters.") && name.ends_with(".Key") && key == wanted)
        };
        match source_type {
            "ECS_FILE" | "OSS" | "NAS" | "OTS" | "UDM_ECS" | "File" | "SYNC" => {}
            "UDM_ECS_DISK" if is_filtered_by("ParentId") => {}
            "COMMON_NAS" if is_filtered_by("BackupType") => {}
            "UDM_ECS_DISK" => return Err(Refusal::new(400, "MissingParentId", "ParentId is mandatory for sub-tasks.")),
            "COMMON_NAS" => {
                return Err(Refusal::new(400, "MissingBackupType", "BackupType is mandatory for COMMON_NAS."));
            }
            _ => return Err(invalid("SourceType")),
        }
        let mut matching: Vec<&Job> = self.jobs.iter().filter(|job| job.source_type == source_type).collect();
        for at in 1..=5 {
            let Some(key) = call.parameter(&format!("Filters.{at}.Key")) else {
                continue;
            };
            let operator = call.parameter(&format!("Filters.{at}.Operator")).unwrap_or("IN");
            let prefix = format!("Filters.{at}.Values.");
            let values: Vec<&str> = call
                .query
                .iter()
                .filter(|(name, _)| name.starts_with(&prefix))
                .map(|(_, value)| value.as_str())
                .collect();
            if key == "CompleteTime" && operator == "IN" {
                return Err(invalid("Filters"));
            }
            let mut kept = Vec::new();
            for job in matching {
                let actual = match key {
                    "BackupType" => Some("COMPLETE".to_owned()),
                    // No disk is seeded with the job that it is a part of.
                    "ParentId" => Some(String::new()),
                    key => job.field(key),
                };
                let actual = actual.ok_or_else(|| invalid("Filters"))?;
                if accepts(operator, &actual, &values).ok_or_else(|| invalid("Filters"))? {
                    kept.push(job);
                }
            }
            matching = kept;
        }
        matching.sort_by_key(|job| job.created);
        if !ascending {
            matching.reverse();
        }
        let skip = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
        let take = usize::try_from(size).unwrap_or(usize::MAX);
        let shown: Vec<Value> = matching.iter().skip(skip).take(take).map(|job| job.show()).collect();
        let jobs = if shown.is_empty() { json!({}) } else { json!({"BackupJob": shown}) };
        Ok(json!({"BackupJobs": jobs, "TotalCount": matching.len(), "PageNumber": page, "PageSize": size}))
    }
}

/// Whether a field passes a filter; `None` where the operator and its values do not fit together.
fn accepts(operator: &str, actual: &str, values: &[&str]) -> Option<bool> {
    let first = *values.first()?;
    let compare = |value: &str| match (actual.parse::<i64>(), value.parse::<i64>()) {
        (Ok(actual), Ok(value)) => actual.cmp(&value),
        _ => actual.cmp(value),
    };
    Some(match operator {
        "IN" => values.contains(&actual),
        "EQUAL" => actual == first,
        "NOT_EQUAL" => actual != first,
        "GREATER_THAN" => compare(first).is_gt(),
        "GREATER_THAN_OR_EQUAL" => compare(first).is_ge(),
        "LESS_THAN" => compare(first).is_lt(),
        "LESS_THAN_OR_EQUAL" => compare(first).is_le(),
        "BETWEEN" => compare(first).is_ge() && compare(values.get(1)?).is_le(),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedJob {
    job_id: String,
    name: Option<String>,
    vault_id: String,
    source_type: Option<String>,
    status: Option<String>,
    instance_id: Option<String>,
    created: Option<Value>,
    completed: Option<Value>,
}

impl SeedJob {
    pub(super) fn into_job(self, now: Timestamp) -> Result<Job, BadAdmin> {
        let completed = self.completed.map_or(Ok(now), |value| clock::time("completed", &value))?;
        let created = self.created.map_or(Ok(completed), |value| clock::time("created", &value))?;
        Ok(Job {
            name: self.name.unwrap_or_else(|| self.job_id.clone()),
            id: self.job_id,
            vault: self.vault_id,
            source_type: self.source_type.unwrap_or_else(|| "ECS_FILE".to_owned()),
            status: self.status.unwrap_or_else(|| "COMPLETE".to_owned()),
            instance: self.instance_id.unwrap_or_default(),
            created,
            completed,
        })
    }
}

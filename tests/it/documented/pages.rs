//! The table of pages: what stands beside each, what a reader fills in, and how its commands end.

use offsite_shared::ledger::State;
use offsite_shared::model::command::Cloud;

/// One thing that is there before the first command of a page.
pub enum Beside {
    /// `offsite.yaml`, as `offsite init` writes it for this cloud.
    Policy(&'static str),
    /// A file that the page tells the reader to have.
    File(&'static str, &'static str),
    /// A file that stands on the page: the block of code with these words.
    OfPage(&'static str, &'static str),
    /// More text at the end of a file.
    More(&'static str, &'static str),
    /// A variable; `{folder}` is the folder of the page.
    Env(&'static str, &'static str),
    /// The variables so far as a file, each with these words before it.
    Exports(&'static str, &'static str),
    /// More in one cloud, as `POST /_sim/seed` takes it.
    Clouds(Cloud, &'static str),
    /// A record of a snapshot under a rule; its key is in this variable.
    Record(&'static str, &'static str, &'static str, State),
    /// The ledger is a table on AWS, and not the file.
    OnAws,
    /// A command of `offsite` that was run before.
    Run(&'static str),
}

/// A page and what its commands need and tell.
pub struct Page {
    pub path: &'static str,
    pub beside: &'static [Beside],
    /// What a reader puts in place of what the page shows.
    pub fills: &'static [(&'static str, &'static str)],
    /// What is typed when a command asks.
    pub types: &'static [(&'static str, &'static str)],
    /// The beginning of a command, the codes that it may end with, and words that it says. All others end with 0.
    pub told: &'static [(&'static str, &'static [i32], &'static str)],
}

/// A page whose commands need nothing.
pub const PLAIN: Page = Page { path: "", beside: &[], fills: &[], types: &[], told: &[] };

/// A backup of Huawei that is older than a day.
const HUAWEI: Beside = Beside::Clouds(
    Cloud::Huawei,
    r#"{"backups":[{"id":"6df2b54c-dd62-4059-a07c-1b8f24f27abc","project_id":"f841e01fd2b14e7fa41b6ae7aa6b0594",
    "vault_id":"a3c6b2f4-58a1-4d55-8a27-6a0f5a6be901","created":"2026-11-20T08:00:00Z"}]}"#,
);

/// A snapshot that can never be copied.
const ENCRYPTED: Beside = Beside::Clouds(
    Cloud::Tencent,
    r#"{"snapshots":[{"snapshot_id":"snap-4j5k6l7m","region":"ap-guangzhou","name":"nightly","disk_id":"disk-4j5k6l7m",
    "encrypt":true}]}"#,
);

/// Every page with commands.
pub const PAGES: &[Page] = &[
    Page { path: "README.md", told: &[("offsite witness", &[3], "")], ..PLAIN },
    Page { path: "README.zh-CN.md", told: &[("offsite witness", &[3], "")], ..PLAIN },
    Page {
        path: "CONTRIBUTING.md",
        fills: &[("--operations 2000", "--operations 20"), ("--histories 2000", "--histories 2")],
        ..PLAIN
    },
    Page {
        path: "docs/aws.md",
        beside: &[Beside::Policy("tencent"), Beside::Env("KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        ..PLAIN
    },
    Page { path: "docs/configuration.md", ..PLAIN },
    Page { path: "docs/doctor.md", beside: &[Beside::Policy("tencent")], ..PLAIN },
    Page {
        path: "docs/errors.md",
        beside: &[
            Beside::Policy("tencent"),
            Beside::Record("KEY", "snap-ckgjwkqh", "nightly", State::InDoubt),
            Beside::Record("OTHER", "snap-0jfkjwl1", "nightly", State::Refused),
        ],
        fills: &[("10ce8d98a73e", "$KEY"), ("--state refused --reason", "--state refused --yes 1 --reason")],
        ..PLAIN
    },
    Page { path: "docs/invoking.md", ..PLAIN },
    Page {
        path: "docs/notify.md",
        beside: &[
            Beside::Policy("tencent"),
            Beside::Exports("etc/offsite/export.sh", "export "),
            Beside::Env("NOTIFY", "json://127.0.0.1:9"),
            Beside::Env("TOKEN", "token"),
        ],
        // Nothing was swept, so the report is red.
        told: &[
            ("offsite report --format markdown > report.md || apprise", &[0], "apprise was called"),
            (". /etc/offsite/export.sh", &[0], "apprise was called"),
            ("offsite report --format markdown > report.md || jq", &[0], "curl was called"),
            ("offsite report --format prometheus", &[1], ""),
        ],
        ..PLAIN
    },
    Page {
        path: "docs/one-server.md",
        beside: &[
            Beside::Policy("tencent"),
            Beside::Exports("offsite.env", ""),
            Beside::Env("OFFSITE_DB", "{folder}/var/lib/offsite/offsite.db"),
            Beside::Env("OFFSITE_POLICY", "{folder}/etc/offsite/offsite.yaml"),
            Beside::Exports("etc/offsite/export.sh", "export "),
        ],
        told: &[("sudo -u offsite", &[1], "no sweep of this rule has come to its end yet")],
        ..PLAIN
    },
    Page {
        path: "docs/operations.md",
        beside: &[
            Beside::OnAws,
            Beside::OfPage("offsite.yaml", "max_new_per_sweep: 5"),
            Beside::More(
                "offsite.yaml",
                "  - {name: nightly, provider: tencent, source: {region: ap-guangzhou}, destinations: [{region: ap-singapore}]}\n",
            ),
            ENCRYPTED,
            Beside::Clouds(
                Cloud::Tencent,
                r#"{"snapshots":[{"snapshot_id":"snap-7k2m9q4x","region":"ap-shanghai","name":"web-1","disk_id":"disk-7k2m9q4x"}]}"#,
            ),
            Beside::Record("DOUBT", "snap-doubt002", "nightly", State::InDoubt),
            Beside::Record("OTHER", "snap-doubt003", "nightly", State::InDoubt),
            Beside::Record("NO", "snap-refuse01", "nightly", State::Refused),
            Beside::Record("AGAIN", "snap-refuse02", "nightly", State::Refused),
            Beside::Record("OLD", "snap-missed01", "nightly", State::Missed),
            Beside::Record("RETIRED", "snap-missed02", "old-disks", State::Missed),
            Beside::Record("HELD", "snap-held0001", "nightly", State::Claimed),
        ],
        fills: &[
            ("KEY=900fa855e660", "KEY=$DOUBT"),
            ("$KEY --abandon", "$OTHER --abandon"),
            ("$KEY --acknowledge", "$NO --acknowledge"),
            ("$KEY --break-lease", "$HELD --break-lease"),
            ("OPS-9\"", "OPS-9\" --yes 1"),
            ("--before 2026-11-01", "--before 2026-11-01 --yes 1"),
        ],
        types: &[("umask 077; cat", "{}")],
        told: &[("offsite rule confirm-loss", &[1], "nothing is known to be lost")],
    },
    Page { path: "docs/reliability.md", fills: &[("--operations 20000", "--operations 20")], ..PLAIN },
    Page { path: "docs/start.md", told: &[("offsite witness", &[3], "4 without a copy")], ..PLAIN },
    Page {
        path: "docs/sweep-and-report.md",
        beside: &[
            Beside::Policy("tencent"),
            Beside::More(
                "offsite.yaml",
                "  - {name: web-disks, provider: tencent, source: {region: ap-guangzhou}, destinations: [{region: ap-beijing}]}\n",
            ),
            ENCRYPTED,
            Beside::Run("sweep"),
        ],
        fills: &[("--explain ID", "--explain snap-ckgjwkqh")],
        told: &[("offsite report --at", &[1], ""), ("offsite report --resource", &[0], "disk-4j5k6l7m")],
        ..PLAIN
    },
    Page {
        path: "docs/vendor-policies.md",
        beside: &[HUAWEI],
        told: &[("offsite witness", &[3], "1 backup listed")],
        ..PLAIN
    },
    Page {
        path: "docs/witness.md",
        beside: &[
            Beside::Policy("tencent"),
            HUAWEI,
            Beside::Clouds(
                Cloud::Alibaba,
                r#"{"vaults":[{"vault_id":"v-000az5vt7n3e8wq1k2m4","region":"cn-shanghai"}]}"#,
            ),
        ],
        told: &[("offsite witness --policy", &[3], ""), ("offsite witness --provider", &[3], "Something has no copy")],
        ..PLAIN
    },
    Page { path: "docs/workflows.md", beside: &[Beside::File("command.json", "{}")], ..PLAIN },
    Page {
        path: "infra/simulators/SIMULATORS.md",
        fills: &[("http://127.0.0.1:40003", "{tencent}"), ("http://127.0.0.1:40001", "{alibaba}")],
        ..PLAIN
    },
];

impl Page {
    /// What is typed when this command asks.
    pub fn typed(&self, text: &str) -> Option<&'static str> {
        self.types.iter().find(|(start, _)| text.starts_with(start)).map(|(_, typed)| *typed)
    }
}

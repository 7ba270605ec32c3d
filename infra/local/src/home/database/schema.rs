//! The tables of the file, and the steps by which they came to be.

/// The schema version this build writes, kept in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// What each schema version adds. A released step is never changed and never moved, a new one is appended: the version is their
/// number. So tables and columns that nothing writes any more stay.
pub(super) const STEPS: &[&[&str]] = &[&[QUEUE, SQS, DYNAMODB, LEDGER], &[LEDGER_2]];

/// Messages of every queue; what the emulated SQS takes is found here. Times are RFC 3339, but `visible_at` is in milliseconds
/// since 1970.
const QUEUE: &str = "
CREATE TABLE queue (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  queue         TEXT NOT NULL,
  id            TEXT NOT NULL,
  body          TEXT NOT NULL,
  attributes    TEXT,
  enqueued_at   TEXT NOT NULL,
  taken_at      TEXT,
  visible_at    INTEGER NOT NULL,
  receive_count INTEGER NOT NULL DEFAULT 0,
  message_id    TEXT,
  group_id      TEXT,
  dedup_id      TEXT
);
CREATE INDEX queue_order ON queue (queue, seq);
";

/// Queues of the emulated SQS by name, and what FIFO queues took lately (times in milliseconds since 1970).
const SQS: &str = "
CREATE TABLE sqs_queue (
  name       TEXT PRIMARY KEY,
  attributes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  purged_at  INTEGER
);
CREATE TABLE sqs_dedup (
  queue      TEXT NOT NULL,
  dedup_id   TEXT NOT NULL,
  message_id TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  sent_at    INTEGER NOT NULL,
  PRIMARY KEY (queue, dedup_id)
) WITHOUT ROWID;
";

/// Tables of the emulated DynamoDB. Keys are bytes that sort as DynamoDB sorts them; no sort key is no bytes.
const DYNAMODB: &str = "
CREATE TABLE dynamo_table (
  name       TEXT PRIMARY KEY,
  definition TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE TABLE dynamo_item (
  tbl  TEXT NOT NULL,
  pk   BLOB NOT NULL,
  sk   BLOB NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (tbl, pk, sk)
) WITHOUT ROWID;
CREATE TABLE dynamo_index (
  tbl TEXT NOT NULL,
  idx TEXT NOT NULL,
  ipk BLOB NOT NULL,
  isk BLOB NOT NULL,
  pk  BLOB NOT NULL,
  sk  BLOB NOT NULL,
  PRIMARY KEY (tbl, idx, ipk, isk, pk, sk)
) WITHOUT ROWID;
CREATE TABLE dynamo_token (
  token  TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;
";

/// The ledger of the one-machine home, the pauses of its credentials, and what kind of file this is.
const LEDGER: &str = "
CREATE TABLE ledger (
  key     TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  owner   TEXT NOT NULL,
  state   TEXT NOT NULL,
  outbox  INTEGER NOT NULL,
  look_at INTEGER,
  record  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ledger_state ON ledger (state, key);
CREATE INDEX ledger_outbox ON ledger (key) WHERE outbox = 1;
CREATE INDEX ledger_due ON ledger (look_at) WHERE look_at IS NOT NULL;
CREATE TABLE pauses (
  credential TEXT PRIMARY KEY,
  until      TEXT NOT NULL,
  reason     TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE home (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
";

/// Since version 2: unfinished business by rule, and notes.
const LEDGER_2: &str = "
ALTER TABLE ledger ADD COLUMN rule TEXT;
CREATE INDEX ledger_rule ON ledger (rule, key) WHERE rule IS NOT NULL;
CREATE TABLE notes (
  name    TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  text    TEXT NOT NULL
) WITHOUT ROWID;
";

BEGIN TRANSACTION;
CREATE TABLE dynamo_index (
  tbl TEXT NOT NULL,
  idx TEXT NOT NULL,
  ipk BLOB NOT NULL,
  isk BLOB NOT NULL,
  pk  BLOB NOT NULL,
  sk  BLOB NOT NULL,
  PRIMARY KEY (tbl, idx, ipk, isk, pk, sk)
) WITHOUT ROWID;
CREATE TABLE dynamo_item (
  tbl  TEXT NOT NULL,
  pk   BLOB NOT NULL,
  sk   BLOB NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (tbl, pk, sk)
) WITHOUT ROWID;
CREATE TABLE dynamo_table (
  name       TEXT PRIMARY KEY,
  definition TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE TABLE dynamo_token (
  token  TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE home (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "home" VALUES('kind','simulated');
CREATE TABLE ledger (
  key     TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  owner   TEXT NOT NULL,
  state   TEXT NOT NULL,
  outbox  INTEGER NOT NULL,
  look_at INTEGER,
  record  TEXT NOT NULL
, rule TEXT) WITHOUT ROWID;
INSERT INTO "ledger" VALUES('0e6f703e54656a4eb3cf70162aadbbe431894d56d847f4829716732f5e10cd3e',4,'b4cd8684f991b90181c1fbabbbcb7235','accepted',0,1795817065581,'{"format":1,"key":"0e6f703e54656a4eb3cf70162aadbbe431894d56d847f4829716732f5e10cd3e","command":{"account":"default","action":"replicate","destinations":[{"region":"ap-beijing"}],"operation":"copy-snapshot","provider":"tencent","rule":"disks","source":{"region":"ap-guangzhou","snapshot_id":"snap-ckgjwkqh"}},"payload_hash":"d54eae48c7bf07a22276b17df8c897ceeb8679ae618fe56a08c070fa86c87a21","version":4,"owner":"b4cd8684f991b90181c1fbabbbcb7235","state":"accepted","attempt":1,"since":"2026-11-27T22:03:25.562Z","doubtful_calls":0,"about":{"made":"2026-11-27T21:03:25Z","resource":"disk-ckgjwkqh","kind":"disk","name":"web-data-1"},"receipts":[{"replication_id":"snap-19f8w37m","request_id":"00025fe7-8147-4548-af2d-757bb4fcf7dd","adopted":false,"attempt":1,"time":"2026-11-27T22:03:25.581Z"}],"outbox":false,"look_at":"2026-11-27T22:04:25.581Z","looks":0,"history":[{"state":"seen","time":"2026-11-27T22:03:25.539Z","owner":"1dd2e8471cf96ffb8e17245b7ae31719","attempt":1},{"state":"claimed","time":"2026-11-27T22:03:25.562Z","owner":"b4cd8684f991b90181c1fbabbbcb7235","attempt":1},{"state":"accepted","time":"2026-11-27T22:03:25.581Z","owner":"b4cd8684f991b90181c1fbabbbcb7235","attempt":1,"request_id":"00025fe7-8147-4548-af2d-757bb4fcf7dd"}]}','disks');
INSERT INTO "ledger" VALUES('6f77bb52a89b50eb5d4a5cb443d2b6fa8853d883f8cf09befb4b1eb484535aaf',4,'e1882823fe30c984a79db14bd2126e85','ineligible',0,NULL,'{"format":1,"key":"6f77bb52a89b50eb5d4a5cb443d2b6fa8853d883f8cf09befb4b1eb484535aaf","command":{"account":"default","action":"replicate","destinations":[{"region":"ap-beijing"}],"operation":"copy-snapshot","provider":"tencent","rule":"disks","source":{"region":"ap-guangzhou","snapshot_id":"snap-e7c1r4pt"}},"payload_hash":"d54eae48c7bf07a22276b17df8c897ceeb8679ae618fe56a08c070fa86c87a21","version":4,"owner":"e1882823fe30c984a79db14bd2126e85","state":"ineligible","attempt":1,"since":"2026-11-27T22:03:25.561Z","doubtful_calls":0,"about":{"made":"2026-11-27T21:06:45Z","resource":"disk-e7c1r4pt","kind":"disk","name":"secret-data"},"not_before":"2026-11-28T22:03:25.583Z","outbox":false,"looks":0,"history":[{"state":"seen","time":"2026-11-27T22:03:25.539Z","owner":"1dd2e8471cf96ffb8e17245b7ae31719","attempt":1},{"state":"claimed","time":"2026-11-27T22:03:25.561Z","owner":"e1882823fe30c984a79db14bd2126e85","attempt":1},{"state":"ineligible","time":"2026-11-27T22:03:25.583Z","owner":"e1882823fe30c984a79db14bd2126e85","attempt":1,"code":"UnsupportedOperation.SnapshotNotSupportCopy","note":"UnsupportedOperation.SnapshotNotSupportCopy: An encrypted snapshot cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"}]}','disks');
INSERT INTO "ledger" VALUES('a9eece87c544c15dc3d1e78b3c71ed86824a9352af90a222ccbffc8299720c8e',4,'782bd12cccfd506bee5a025e07ad59f7','refused',0,NULL,'{"format":1,"key":"a9eece87c544c15dc3d1e78b3c71ed86824a9352af90a222ccbffc8299720c8e","command":{"account":"default","action":"replicate","destinations":[{"region":"ap-beijing"}],"operation":"copy-snapshot","provider":"tencent","rule":"disks","source":{"region":"ap-guangzhou","snapshot_id":"snap-refused1"}},"payload_hash":"d54eae48c7bf07a22276b17df8c897ceeb8679ae618fe56a08c070fa86c87a21","version":4,"owner":"782bd12cccfd506bee5a025e07ad59f7","state":"refused","attempt":1,"since":"2026-11-27T22:03:25.562Z","doubtful_calls":0,"about":{"made":"2026-11-27T01:00:00Z","resource":"disk-refused1","kind":"disk","name":"refused"},"refusals":1,"whose":"destination","not_before":"2026-11-27T22:08:25.583Z","outbox":false,"looks":0,"history":[{"state":"seen","time":"2026-11-27T22:03:25.539Z","owner":"1dd2e8471cf96ffb8e17245b7ae31719","attempt":1},{"state":"claimed","time":"2026-11-27T22:03:25.562Z","owner":"782bd12cccfd506bee5a025e07ad59f7","attempt":1},{"state":"refused","time":"2026-11-27T22:03:25.583Z","owner":"782bd12cccfd506bee5a025e07ad59f7","attempt":1,"code":"InsufficientSnapshotQuota","request_id":"7193d2dc-1fcd-4fa2-a392-963d6e787176","note":"Scripted by the simulator.; raise the snapshot quota of the destination region or delete old snapshots there"}]}','disks');
INSERT INTO "ledger" VALUES('f0b12f84fe9299defc4b5a72d142aea62cb04126d9e52bb95375e337d3e761c5',4,'b49e13998ab7433410e9c68419b0fe4e','ineligible',0,NULL,'{"format":1,"key":"f0b12f84fe9299defc4b5a72d142aea62cb04126d9e52bb95375e337d3e761c5","command":{"account":"default","action":"replicate","destinations":[{"region":"ap-beijing"}],"operation":"copy-snapshot","provider":"tencent","rule":"disks","source":{"region":"ap-guangzhou","snapshot_id":"snap-obgelzpb"}},"payload_hash":"d54eae48c7bf07a22276b17df8c897ceeb8679ae618fe56a08c070fa86c87a21","version":4,"owner":"b49e13998ab7433410e9c68419b0fe4e","state":"ineligible","attempt":1,"since":"2026-11-27T22:03:25.562Z","doubtful_calls":0,"about":{"made":"2026-11-27T21:05:05Z","resource":"disk-obgelzpb","kind":"disk","name":"web-system"},"not_before":"2026-11-28T22:03:25.583Z","outbox":false,"looks":0,"history":[{"state":"seen","time":"2026-11-27T22:03:25.539Z","owner":"1dd2e8471cf96ffb8e17245b7ae31719","attempt":1},{"state":"claimed","time":"2026-11-27T22:03:25.562Z","owner":"b49e13998ab7433410e9c68419b0fe4e","attempt":1},{"state":"ineligible","time":"2026-11-27T22:03:25.583Z","owner":"b49e13998ab7433410e9c68419b0fe4e","attempt":1,"code":"UnsupportedOperation.SnapshotNotSupportCopy","note":"UnsupportedOperation.SnapshotNotSupportCopy: A snapshot of a system disk cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"}]}','disks');
CREATE TABLE notes (
  name    TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  text    TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "notes" VALUES('days/disks',1,'{"months":["2026-11-01"]}');
INSERT INTO "notes" VALUES('days/disks/2026-11',2,'{"format":1,"month":"2026-11-01","looked":"2026-11-27T22:03:25.713Z","conclusion":"broken","until":"2026-11-27T22:03:00Z","names":"9322fb0382e64e8cabca386549fc5e46e5d2d82cb319e52bd07831ae469fe861","days":{"27":"bb 0 0 1b 1362d 0 0 0 2 0 0 0 3 0 0 0 0 0 1 0 0 0 1 1 2 0 0 0 0"}}');
INSERT INTO "notes" VALUES('days/disks/2026-11-27',1,'[{"state":"unprotected","resource":"disk-refused1","kind":"disk","destination":"ap-beijing","fault":"not_copied","cause":"InsufficientSnapshotQuota","since":"2026-11-27T01:00:00Z"},{"state":"unprotected","resource":"disk-ckgjwkqh","kind":"disk","destination":"ap-beijing","fault":"not_copied","cause":"in_progress","since":"2026-11-27T21:03:25Z"}]');
INSERT INTO "notes" VALUES('gate/98462b02d55c3808c1c6dd701d07d1ed3db0b16e9fd2921abc994e87274562e4',1,'{"since":"2026-11-27T22:03:25.597Z","tried":"2026-11-27T22:03:25.597Z"}');
INSERT INTO "notes" VALUES('risk/disks/0',1,'{"format":1,"rule":"disks","number":0,"kind":"accept","resource":"disk-obgelzpb","cause":"UnsupportedOperation.SnapshotNotSupportCopy","until":"2027-06-01T00:00:00Z","reason":"kept for the next version","who":"somebody@somewhere","at":"2026-11-27T22:03:25.641Z"}');
INSERT INTO "notes" VALUES('since/7d98a34ad5398e164d59502cf5701bb1e3ff9a620b6a7ecf4f385eac0b9ae265',1,'2026-11-27T22:03:25.525Z');
INSERT INTO "notes" VALUES('summary/disks',2,'{"rule_hash":"1d2444a2a67bb8d6bcceef0ed7df792114f49128d42fdbcc93c066fda09756de","complete_as_of":"2026-11-27T22:03:25.67Z","finished_at":"2026-11-27T22:03:25.69Z","counts":{"covered":5,"replicated":0,"in_progress":1,"missing":0,"not_ready":1,"ineligible":2,"failed":0,"in_doubt":0,"lost":0,"missed":0,"refused":1,"left":0,"unknown":0,"given_up":0,"overtaken":0,"ended":0},"inferred":0,"orphans":[],"orphans_total":0,"due":0,"dark":[null],"unlisted":{},"not_covered":{},"mass_loss":[null],"since":["2026-11-27T22:03:25.525Z"],"own":0,"listed":["2026-11-27T22:03:25.67Z"],"orphans_known":true,"requests":2,"points":[{"at":"2026-11-27T22:03:25.525Z","lag_seconds":75805,"covered":5,"replicated":0,"uncopied":2},{"at":"2026-11-27T22:03:25.67Z","lag_seconds":75805,"covered":5,"replicated":0,"uncopied":2}],"run":"da60a7747a27295384da9bc26abb9866","findings":1,"register":1}');
INSERT INTO "notes" VALUES('sweep/disks/da60a7747a27295384da9bc26abb9866/findings/0',1,'{"backup_id":"snap-cr8at1ng","created_at":"2026-11-27T22:03:20Z","destination":"ap-beijing","key":"d04e5251f86547fbf799b643440e37e5469c716862a85b9c38c0b0065ca22bde","name":"web-data-fresh","reason":"is still being created","resource":"disk-cr8at1ng","resource_kind":"disk","source_region":"ap-guangzhou","verdict":"not_ready"}
{"backup_id":"snap-e7c1r4pt","cause":"UnsupportedOperation.SnapshotNotSupportCopy","created_at":"2026-11-27T21:06:45Z","destination":"ap-beijing","key":"6f77bb52a89b50eb5d4a5cb443d2b6fa8853d883f8cf09befb4b1eb484535aaf","name":"secret-data","reason":"UnsupportedOperation.SnapshotNotSupportCopy: UnsupportedOperation.SnapshotNotSupportCopy: An encrypted snapshot cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)","resource":"disk-e7c1r4pt","resource_kind":"disk","source_region":"ap-guangzhou","verdict":"ineligible"}
{"backup_id":"snap-obgelzpb","cause":"UnsupportedOperation.SnapshotNotSupportCopy","created_at":"2026-11-27T21:05:05Z","destination":"ap-beijing","key":"f0b12f84fe9299defc4b5a72d142aea62cb04126d9e52bb95375e337d3e761c5","name":"web-system","reason":"UnsupportedOperation.SnapshotNotSupportCopy: UnsupportedOperation.SnapshotNotSupportCopy: A snapshot of a system disk cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)","resource":"disk-obgelzpb","resource_kind":"disk","source_region":"ap-guangzhou","verdict":"ineligible"}
{"backup_id":"snap-ckgjwkqh","created_at":"2026-11-27T21:03:25Z","destination":"ap-beijing","key":"0e6f703e54656a4eb3cf70162aadbbe431894d56d847f4829716732f5e10cd3e","name":"web-data-1","resource":"disk-ckgjwkqh","resource_kind":"disk","source_region":"ap-guangzhou","verdict":"in_progress"}
{"backup_id":"snap-refused1","cause":"InsufficientSnapshotQuota","created_at":"2026-11-27T01:00:00Z","destination":"ap-beijing","key":"a9eece87c544c15dc3d1e78b3c71ed86824a9352af90a222ccbffc8299720c8e","name":"refused","reason":"InsufficientSnapshotQuota: Scripted by the simulator.; raise the snapshot quota of the destination region or delete old snapshots there","resource":"disk-refused1","resource_kind":"disk","source_region":"ap-guangzhou","verdict":"refused"}
');
INSERT INTO "notes" VALUES('sweep/disks/da60a7747a27295384da9bc26abb9866/register/0',1,'{"id":"disk-ckgjwkqh","kind":"disk","name":"web-data-1","newest":"2026-11-27T21:03:25Z","at":[{"uncopied":{"made":"2026-11-27T21:03:25Z","backup":"snap-ckgjwkqh","verdict":"in_progress"}}]}
{"id":"disk-e7c1r4pt","kind":"disk","name":"secret-data","newest":"2026-11-27T21:06:45Z","at":[{"uncopied":{"made":"2026-11-27T21:06:45Z","backup":"snap-e7c1r4pt","verdict":"ineligible","cause":"UnsupportedOperation.SnapshotNotSupportCopy","reason":"not started: tencent copy-snapshot of snapshot snap-e7c1r4pt in ap-guangzhou to ap-beijing cannot be done: UnsupportedOperation.SnapshotNotSupportCopy: An encrypted snapshot cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"}}]}
{"id":"disk-obgelzpb","kind":"disk","name":"web-system","newest":"2026-11-27T21:05:05Z","at":[{"uncopied":{"made":"2026-11-27T21:05:05Z","backup":"snap-obgelzpb","verdict":"ineligible","cause":"UnsupportedOperation.SnapshotNotSupportCopy","reason":"not started: tencent copy-snapshot of snapshot snap-obgelzpb in ap-guangzhou to ap-beijing cannot be done: UnsupportedOperation.SnapshotNotSupportCopy: A snapshot of a system disk cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"}}]}
{"id":"disk-refused1","kind":"disk","name":"refused","newest":"2026-11-27T01:00:00Z","at":[{"uncopied":{"made":"2026-11-27T01:00:00Z","backup":"snap-refused1","verdict":"refused","cause":"InsufficientSnapshotQuota","reason":"InsufficientSnapshotQuota: tencent copy-snapshot of snapshot snap-refused1 in ap-guangzhou to ap-beijing was refused: InsufficientSnapshotQuota: Scripted by the simulator.; raise the snapshot quota of the destination region or delete old snapshots there"}}]}
');
CREATE TABLE pauses (
  credential TEXT PRIMARY KEY,
  until      TEXT NOT NULL,
  reason     TEXT NOT NULL
) WITHOUT ROWID;
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
INSERT INTO "queue" VALUES(1,'receipts','508ef190331d29fe40f9603a9b11a473ebd2282d46dac7dea34efdcb52b6cfbe','{"data":{"account":"default","adopted":false,"attempt":1,"destination":{"region":"ap-beijing"},"operation":"copy-snapshot","provider":"tencent","replication_id":"snap-19f8w37m","request_id":"00025fe7-8147-4548-af2d-757bb4fcf7dd","source":{"region":"ap-guangzhou","snapshot_id":"snap-ckgjwkqh"},"state":"accepted","time":"2026-11-27T22:03:25.581Z"},"datacontenttype":"application/json","dataschema":"https://offsite.invalid/schemas/message.schema.json#/properties/data","id":"508ef190331d29fe40f9603a9b11a473ebd2282d46dac7dea34efdcb52b6cfbe","source":"/offsite/tencent/default","specversion":"1.0","subject":"0e6f703e54656a4eb3cf70162aadbbe431894d56d847f4829716732f5e10cd3e","time":"2026-11-27T22:03:25.581Z","type":"offsite.replication.accepted"}',NULL,'2026-11-27T22:03:25.585Z',NULL,1795817005585,0,NULL,NULL,NULL);
INSERT INTO "queue" VALUES(2,'receipts','7af758a2023a2021dac83deeb5e909748b57e669fe32d94cf9779423faf97647','{"data":{"account":"default","adopted":false,"attempt":1,"backup":{"kind":"disk","made":"2026-11-27T21:06:45Z","name":"secret-data","resource":"disk-e7c1r4pt"},"cause":"UnsupportedOperation.SnapshotNotSupportCopy","destination":{"region":"ap-beijing"},"error":{"message":"UnsupportedOperation.SnapshotNotSupportCopy: An encrypted snapshot cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"},"operation":"copy-snapshot","provider":"tencent","replication_id":null,"request_id":null,"source":{"region":"ap-guangzhou","snapshot_id":"snap-e7c1r4pt"},"state":"ineligible","time":"2026-11-27T22:03:25.583Z"},"datacontenttype":"application/json","dataschema":"https://offsite.invalid/schemas/message.schema.json#/properties/data","id":"7af758a2023a2021dac83deeb5e909748b57e669fe32d94cf9779423faf97647","source":"/offsite/tencent/default","specversion":"1.0","subject":"6f77bb52a89b50eb5d4a5cb443d2b6fa8853d883f8cf09befb4b1eb484535aaf","time":"2026-11-27T22:03:25.583Z","type":"offsite.replication.ineligible"}',NULL,'2026-11-27T22:03:25.585Z',NULL,1795817005585,0,NULL,NULL,NULL);
INSERT INTO "queue" VALUES(3,'receipts','bd6d0493c96ff7187fe6886bb4c3232dda7907368eb2a0400b43530252ba8c53','{"data":{"account":"default","adopted":false,"attempt":1,"backup":{"kind":"disk","made":"2026-11-27T21:05:05Z","name":"web-system","resource":"disk-obgelzpb"},"cause":"UnsupportedOperation.SnapshotNotSupportCopy","destination":{"region":"ap-beijing"},"error":{"message":"UnsupportedOperation.SnapshotNotSupportCopy: A snapshot of a system disk cannot be copied across regions.; this snapshot cannot be copied to another region (system disk, encrypted or instant)"},"operation":"copy-snapshot","provider":"tencent","replication_id":null,"request_id":null,"source":{"region":"ap-guangzhou","snapshot_id":"snap-obgelzpb"},"state":"ineligible","time":"2026-11-27T22:03:25.583Z"},"datacontenttype":"application/json","dataschema":"https://offsite.invalid/schemas/message.schema.json#/properties/data","id":"bd6d0493c96ff7187fe6886bb4c3232dda7907368eb2a0400b43530252ba8c53","source":"/offsite/tencent/default","specversion":"1.0","subject":"f0b12f84fe9299defc4b5a72d142aea62cb04126d9e52bb95375e337d3e761c5","time":"2026-11-27T22:03:25.583Z","type":"offsite.replication.ineligible"}',NULL,'2026-11-27T22:03:25.586Z',NULL,1795817005586,0,NULL,NULL,NULL);
INSERT INTO "queue" VALUES(4,'receipts','871dec4841bf41e8f5aa10fb939b40da1ab58d77d863998382f793d6f0de768a','{"data":{"account":"default","adopted":false,"attempt":1,"backup":{"kind":"disk","made":"2026-11-27T01:00:00Z","name":"refused","resource":"disk-refused1"},"cause":"InsufficientSnapshotQuota","destination":{"region":"ap-beijing"},"error":{"message":"Scripted by the simulator.; raise the snapshot quota of the destination region or delete old snapshots there"},"operation":"copy-snapshot","provider":"tencent","replication_id":null,"request_id":null,"source":{"region":"ap-guangzhou","snapshot_id":"snap-refused1"},"state":"refused","time":"2026-11-27T22:03:25.583Z"},"datacontenttype":"application/json","dataschema":"https://offsite.invalid/schemas/message.schema.json#/properties/data","id":"871dec4841bf41e8f5aa10fb939b40da1ab58d77d863998382f793d6f0de768a","source":"/offsite/tencent/default","specversion":"1.0","subject":"a9eece87c544c15dc3d1e78b3c71ed86824a9352af90a222ccbffc8299720c8e","time":"2026-11-27T22:03:25.583Z","type":"offsite.replication.refused"}',NULL,'2026-11-27T22:03:25.586Z',NULL,1795817005586,0,NULL,NULL,NULL);
INSERT INTO "queue" VALUES(5,'receipts','29c76ab8ff89220ce5fc828ed0d19209c686f62a1042a3827b21d9a58ec3bd5a','{"data":{"cause":"UnsupportedOperation.SnapshotNotSupportCopy","destination":null,"number":0,"reason":"kept for the next version","resource":"disk-obgelzpb","rule":"disks","until":"2027-06-01T00:00:00Z","who":"somebody@somewhere"},"datacontenttype":"application/json","dataschema":"https://offsite.invalid/schemas/decision.schema.json#/properties/data","id":"29c76ab8ff89220ce5fc828ed0d19209c686f62a1042a3827b21d9a58ec3bd5a","source":"/offsite/rules/disks","specversion":"1.0","subject":"disks/0","time":"2026-11-27T22:03:25.641Z","type":"offsite.risk.accepted"}',NULL,'2026-11-27T22:03:25.646Z',NULL,1795817005646,0,NULL,NULL,NULL);
CREATE TABLE sqs_dedup (
  queue      TEXT NOT NULL,
  dedup_id   TEXT NOT NULL,
  message_id TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  sent_at    INTEGER NOT NULL,
  PRIMARY KEY (queue, dedup_id)
) WITHOUT ROWID;
CREATE TABLE sqs_queue (
  name       TEXT PRIMARY KEY,
  attributes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  purged_at  INTEGER
);
CREATE INDEX queue_order ON queue (queue, seq);
CREATE INDEX ledger_state ON ledger (state, key);
CREATE INDEX ledger_outbox ON ledger (key) WHERE outbox = 1;
CREATE INDEX ledger_due ON ledger (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX ledger_rule ON ledger (rule, key) WHERE rule IS NOT NULL;
COMMIT;
PRAGMA application_id = 1330005587;
PRAGMA user_version = 2;

"""Shows that the official SDKs work unchanged against the simulators.

Only endpoint and protocol settings differ from real use. Stops with exit status 1 at the first mismatch and says
which. The simulators must run with their default inventory:

    accept.py --alibaba http://127.0.0.1:N --huawei http://127.0.0.1:N --tencent http://127.0.0.1:N \
              --access-key-id ID --access-key-secret SECRET
"""

import argparse
import http.client
import json
import sys
import time
import urllib.request
from urllib.parse import urlsplit

REGION1, REGION2 = "4229d7a45436489f8c3dc2b1d35d4987", "68589cac08274b82b4e254268a3862d8"
SOURCE_VAULT, REPLICA_VAULT = "3b5816b5-f29c-4172-9d9a-76c719a659ce", "0ca3eb86-8800-46da-9c37-9d657a825274"
BACKUP, DISK_BACKUP = "6df2b54c-dd62-4059-a07c-1b8f24f2725d", "5d822633-2bbf-4af8-a16e-5ab1c7705235"
CSBS_PROJECT, CSBS_DESTINATION = "4800fde9-66f8-4458-b805-4c01066b9568", "e0b97bac-532c-4c51-96fa-4b3a32253be4"
CSBS_PROVIDER, CSBS_ITEM = "fc4d5750-22e7-4798-8a46-f48f62c4c1da", "c4dfa74c-7e60-4361-86b9-9a3250115ed6"


class Mismatch(Exception):
    """The simulator answered something else than the real service would."""


def same(what, actual, expected):
    if actual != expected:
        raise Mismatch(f"{what}: expected {expected!r}, got {actual!r}")
    print(f"ok  {what}")


def true(what, condition, seen=None):
    if not condition:
        raise Mismatch(f"{what}: {seen!r}")
    print(f"ok  {what}")


def refused(what, call, exception, code_of, code):
    try:
        answer = call()
    except exception as error:
        same(what, code_of(error), code)
        return error
    raise Mismatch(f"{what}: expected {code}, got the answer {answer!r}")


def admin(base, path, body=None):
    payload = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=payload, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def finish_copies(base):
    """Moves the clouds forward by a minute while signatures are still held against the real time."""
    admin(base, "/_sim/clock", {"advance_s": 60, "keep_signature_clock": True})


def recorded(base, operation, source, destination, copy):
    """The state must know exactly one finished copy of the source, with this ID."""
    rows = admin(base, "/_sim/state")["replications"]
    found = [(r["id"], r["state"], r["created"]) for r in rows if (r["operation"], r["source"], r["destination"]) == (operation, source, destination)]
    same(f"state: {operation} made once", found, [(copy, "done", 1)])


def alibaba(base, key_id, secret):
    from alibabacloud_hbr20170908 import models
    from alibabacloud_hbr20170908.client import Client
    from alibabacloud_tea_openapi.models import Config
    from Tea.exceptions import TeaException

    def client(secret):
        return Client(Config(access_key_id=key_id, access_key_secret=secret, protocol="http", endpoint=urlsplit(base).netloc, region_id="cn-shanghai"))

    hbr = client(secret)
    source, target = "v-0003rf9m17pap3ltpqx5", "v-000bj2yk5r6zmm1q7d2c"

    def create(client=hbr, source=source):
        return client.create_vault_replication(models.CreateVaultReplicationRequest(
            replication_source_vault_id=source, replication_target_vault_id=target, replication_source_region_id="cn-hangzhou")).body

    code_of = lambda error: error.code
    wrong = refused("alibaba: wrong secret", lambda: create(client("wrong")), TeaException, code_of, "SignatureDoesNotMatch")
    true("alibaba: the mismatch echoes the canonical request", "CreateVaultReplication" in str(wrong), str(wrong))
    refused("alibaba: unknown vault", lambda: create(source="v-unknown0000000000"), TeaException, code_of, "VaultNotExist")
    started = create()
    same("alibaba: CreateVaultReplication Success, Code", (started.success, started.code), (True, "200"))
    true("alibaba: CreateVaultReplication TaskId", started.task_id.startswith("t-"), started.task_id)
    task = hbr.describe_task(models.DescribeTaskRequest(task_id=started.task_id)).body
    same("alibaba: DescribeTask while it runs", task.description, "created")
    refused("alibaba: the pair exists", create, TeaException, code_of, "SourceVaultAlreadyHasReplication")
    finish_copies(base)
    task = hbr.describe_task(models.DescribeTaskRequest(task_id=started.task_id)).body
    same("alibaba: DescribeTask when done", (task.description, task.progress), ("completed", 100))
    refused("alibaba: unknown task", lambda: hbr.describe_task(models.DescribeTaskRequest(task_id="t-none")), TeaException, code_of, "TaskNotFound")
    tag = models.DescribeVaultsRequestTag(key="env", value="prod eu*~")
    listed = hbr.describe_vaults(models.DescribeVaultsRequest(vault_id=target, vault_region_id="cn-shanghai", page_number=1, page_size=50, replication=True, tag=[tag])).body
    vault = listed.vaults.vault[0]
    same("alibaba: DescribeVaults shows the pair at the target", (vault.vault_id, vault.replication_source_vault_id, vault.replication_source_region_id, vault.replication), (target, source, "cn-hangzhou", True))
    same("alibaba: DescribeVaults progress", vault.replication_progress.historical_replication_progress, 100)
    vault = hbr.describe_vaults(models.DescribeVaultsRequest(vault_id=source)).body.vaults.vault[0]
    same("alibaba: DescribeVaults shows the pair at the source", (vault.replication_source_vault, vault.replication_target_vault_id), (True, target))
    recorded(base, "create-vault-replication", source, "cn-shanghai", started.task_id)
    jobs = hbr.describe_backup_jobs_2(models.DescribeBackupJobs2Request(source_type="ECS_FILE", filters=[models.DescribeBackupJobs2RequestFilters(key="VaultId", operator="IN", values=[source])])).body
    same("alibaba: DescribeBackupJobs2", jobs.total_count, 2)
    regions = hbr.describe_vault_replication_regions(models.DescribeVaultReplicationRegionsRequest()).body
    true("alibaba: DescribeVaultReplicationRegions", "cn-hangzhou" in regions.regions.region_id, regions)
    admin(base, "/_sim/faults", {"faults": [{"action": "DescribeTask", "kind": "throttle", "times": 1}]})
    refused("alibaba: scripted throttle", lambda: hbr.describe_task(models.DescribeTaskRequest(task_id=started.task_id)), TeaException, code_of, "Throttling.User")
    admin(base, "/_sim/faults", {"faults": [{"action": "DescribeTask", "kind": "success_false", "times": 1}]})
    failed = hbr.describe_task(models.DescribeTaskRequest(task_id=started.task_id)).body
    same("alibaba: HTTP 200 with Success false", failed.success, False)
    hbr.delete_vault_replication(models.DeleteVaultReplicationRequest(replication_source_vault_id=source, replication_target_vault_id=target, replication_source_region_id="cn-hangzhou"))
    vault = hbr.describe_vaults(models.DescribeVaultsRequest(vault_id=source)).body.vaults.vault[0]
    same("alibaba: DeleteVaultReplication ends the pair", vault.replication_source_vault, False)


def huawei(base, key_id, secret):
    from huaweicloudsdkcbr.v1 import CbrClient
    from huaweicloudsdkcbr.v1 import model
    from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
    from huaweicloudsdkiam.v3 import IamClient, KeystoneListProjectsRequest

    def client(project, secret=secret):
        return CbrClient.new_builder().with_credentials(BasicCredentials(key_id, secret, project)).with_endpoint(base).build()

    cbr, other = client(REGION1), client(REGION2)
    code_of = lambda error: error.error_code
    wrong = refused("huawei: wrong secret", lambda: client(REGION1, "wrong").show_replication_capabilities(model.ShowReplicationCapabilitiesRequest()), ClientRequestException, code_of, "APIGW.0301")
    true("huawei: the mismatch echoes the canonical request", "canonicalRequest:GET|/v3/" in wrong.error_msg, wrong.error_msg)

    def copy(backup=BACKUP, vault=REPLICA_VAULT):
        body = model.BackupReplicateReq(replicate=model.BackupReplicateReqBody(destination_project_id=REGION2, destination_region="region2", destination_vault_id=vault, name="offsite_copy", description="备份"))
        return cbr.copy_backup(model.CopyBackupRequest(backup_id=backup, body=body)).replication

    capabilities = cbr.show_replication_capabilities(model.ShowReplicationCapabilitiesRequest()).regions
    true("huawei: ShowReplicationCapabilities", any(r.name == "region1" and "region2" in r.replication_destinations for r in capabilities), capabilities)
    refused("huawei: unknown backup", lambda: copy("00000000-0000-4000-a000-000000000000"), ClientRequestException, code_of, "BackupService.6200")
    refused("huawei: disk backup", lambda: copy(DISK_BACKUP), ClientRequestException, code_of, "BackupService.1003")
    refused("huawei: unknown destination vault", lambda: copy(vault="00000000-0000-4000-a000-000000000000"), ClientRequestException, code_of, "BackupService.6120")
    refused("huawei: destination vault for backups", lambda: copy(vault="6b1f7a52-3f0c-4e0e-9a64-0d6f3b1a2c11"), ClientRequestException, code_of, "BackupService.6119")
    started = copy()
    same("huawei: CopyBackup", (started.backup_id, started.source_region, started.destination_region), (BACKUP, "region1", "region2"))
    duplicate = refused("huawei: CopyBackup twice", copy, ClientRequestException, code_of, "BackupService.1009")
    true("huawei: request id in the exception", bool(duplicate.request_id), duplicate)
    record = cbr.show_backup(model.ShowBackupRequest(backup_id=BACKUP)).backup.replication_records[0]
    same("huawei: ShowBackup has the record", record.id, started.replication_record_id)

    def copy_vault():
        body = model.CheckpointReplicateReq(replicate=model.CheckpointReplicateParam(vault_id=SOURCE_VAULT, destination_vault_id=REPLICA_VAULT, destination_region="region2", destination_project_id=REGION2, auto_trigger=False))
        return cbr.copy_checkpoint(model.CopyCheckpointRequest(body=body)).replication

    whole = copy_vault()
    same("huawei: CopyCheckpoint leaves out what went already", {b.backup_id for b in whole.backups}, {"7558e1a3-7046-4787-95cd-14b0ad0642a8", "aa00034d-ef40-443d-ab7a-dc846d988cdf"})
    refused("huawei: the vault is being replicated", copy_vault, ClientRequestException, code_of, "BackupService.6130")
    finish_copies(base)
    refused("huawei: nothing left to replicate", copy_vault, ClientRequestException, code_of, "BackupService.0001")
    backups = cbr.list_backups(model.ListBackupsRequest(vault_id=SOURCE_VAULT, image_type="backup", resource_type="OS::Nova::Server", status="available", show_replication=True, sort="created_at:asc", start_time="2020-01-01T00:00:00Z", limit=100, offset=0)).backups
    same("huawei: ListBackups with records", sum(1 for b in backups if b.replication_records and b.replication_records[0].status == "success"), 3)
    plain = cbr.list_backups(model.ListBackupsRequest(vault_id=SOURCE_VAULT)).backups
    true("huawei: ListBackups without show_replication has no records", all(not b.replication_records for b in plain), plain)
    record = cbr.show_backup(model.ShowBackupRequest(backup_id=BACKUP)).backup.replication_records[0]
    replica = other.show_backup(model.ShowBackupRequest(backup_id=record.destination_backup_id)).backup
    same("huawei: the replica in the destination", (replica.image_type, replica.status, replica.vault_id, replica.name), ("replication", "available", REPLICA_VAULT, "offsite_copy"))
    vaults = other.list_vault(model.ListVaultRequest(protect_type="replication", object_type="server")).vaults
    same("huawei: ListVault", [(v.id, v.billing.protect_type) for v in vaults], [(REPLICA_VAULT, "replication")])
    logs = cbr.list_op_logs(model.ListOpLogsRequest(operation_type="replication", status="success")).operation_logs
    same("huawei: ListOpLogs", len(logs), 3)
    recorded(base, "copy-backup", BACKUP, "region2", started.replication_record_id)
    iam = IamClient.new_builder().with_credentials(GlobalCredentials(key_id, secret, "domain0000000000000000000000000001")).with_endpoint(base).build()
    projects = iam.keystone_list_projects(KeystoneListProjectsRequest(name="region2")).projects
    same("huawei: projects by region", [p.id for p in projects], [REGION2])
    admin(base, "/_sim/faults", {"faults": [{"action": "ShowBackup", "kind": "throttle", "times": 1}]})
    # The SDK's retrying transport gives up on 429 before it reads the body, so the code is the status.
    refused("huawei: scripted throttle", lambda: cbr.show_backup(model.ShowBackupRequest(backup_id=BACKUP)), ClientRequestException, lambda error: str(error.status_code), "429")
    csbs(base, key_id, secret)


def csbs(base, key_id, secret):
    """CSBS has no client in the SDK: its signer, and a plain connection."""
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer

    host = urlsplit(base).netloc

    def call(method, path, body=None, query=(), headers=None):
        text = "" if body is None else json.dumps(body)
        signed = SdkRequest(method=method, schema="http", host=host, resource_path=path, query_params=list(query), header_params={"Content-Type": "application/json"}, body=text)
        if headers is None:
            Signer(BasicCredentials(key_id, secret, CSBS_PROJECT)).sign(signed)
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, signed.uri or path, body=text or None, headers=signed.header_params if headers is None else headers)
        answer = connection.getresponse()
        content = json.loads(answer.read() or b"null")
        return answer.status, content, answer.headers

    start = f"/v1/{CSBS_PROJECT}/providers/{CSBS_PROVIDER}/checkpoint_items/{CSBS_ITEM}/replicate"
    body = {"replication": {"destination_region": "cn-east-2", "destination_project_id": CSBS_DESTINATION, "name": "rep_from_c4df", "description": "do replication"}}
    status, started, _ = call("POST", start, body)
    same("csbs: replicate", (status, started["replication"]["source_region"], started["replication"]["provider_id"]), (200, "cn-north-1", CSBS_PROVIDER))
    status, answer, _ = call("POST", start, body)
    same("csbs: a copy is running", (status, answer["error_code"]), (400, "CSBS.6031"))
    finish_copies(base)
    status, item, _ = call("GET", f"/v1/{CSBS_PROJECT}/checkpoint_items/{CSBS_ITEM}")
    same("csbs: item after the copy", (status, item["checkpoint_item"]["extend_info"]["copy_status"]), (200, "success"))
    status, records, _ = call("GET", f"/v1/{CSBS_PROJECT}/replication_records", query=[("destination_region", "cn-east-2")])
    same("csbs: replication_records", (status, [r["id"] for r in records["replication_records"]]), (200, [started["replication"]["replication_record_id"]]))
    status, answer, _ = call("POST", start.replace(CSBS_ITEM, "00000000-0000-4000-a000-000000000000"), body)
    same("csbs: unknown item", (status, answer["error_code"]), (404, "CSBS.3001"))
    user = {"name": "offsite-user", "password": "offsite-password", "domain": {"name": "offsite-domain"}}
    login = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": {"name": "cn-north-1"}}}}
    status, answer, headers = call("POST", "/v3/auth/tokens", login, headers={"Content-Type": "application/json;charset=utf8"})
    same("iam: token", (status, answer["token"]["project"]["id"]), (201, CSBS_PROJECT))
    status, listed, _ = call("GET", f"/v1/{CSBS_PROJECT}/checkpoint_items/count", headers={"X-Auth-Token": headers["X-Subject-Token"]})
    same("iam: the token opens CSBS", (status, listed["count"]), (200, 2))
    user["password"] = "wrong"
    status, answer, _ = call("POST", "/v3/auth/tokens", login, headers={"Content-Type": "application/json"})
    same("iam: wrong password", (status, answer["error"]["code"]), (401, 401))


def tencent(base, key_id, secret):
    from tencentcloud.cbs.v20170312 import cbs_client, models
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile

    def client(region, secret=secret, method="POST"):
        http_profile = HttpProfile(protocol="http", endpoint=urlsplit(base).netloc, reqMethod=method, reqTimeout=5)
        profile = ClientProfile(httpProfile=http_profile, signMethod="TC3-HMAC-SHA256", language="en-US")
        return cbs_client.CbsClient(Credential(key_id, secret), region, profile)

    guangzhou, beijing = client("ap-guangzhou"), client("ap-beijing")
    source = "snap-ckgjwkqh"
    code_of = lambda error: error.get_code()

    def copy(destinations, client=guangzhou, source=source, name=None):
        request = models.CopySnapshotCrossRegionsRequest()
        request.SnapshotId, request.DestinationRegions, request.SnapshotName = source, destinations, name
        return client.CopySnapshotCrossRegions(request).SnapshotCopyResultSet

    def describe(client, ids=None, name=None, **more):
        request = models.DescribeSnapshotsRequest()
        request.SnapshotIds = ids
        if name:
            wanted = models.Filter()
            wanted.Name, wanted.Values = "snapshot-name", [name]
            request.Filters = [wanted]
        for key, value in more.items():
            setattr(request, key, value)
        return client.DescribeSnapshots(request)

    refused("tencent: wrong secret", lambda: copy(["ap-beijing"], client("ap-guangzhou", "wrong")), TencentCloudSDKException, code_of, "AuthFailure.SignatureFailure")
    refused("tencent: wrong region", lambda: copy(["ap-shanghai"], beijing), TencentCloudSDKException, code_of, "InvalidSnapshotId.NotFound")
    refused("tencent: system disk", lambda: copy(["ap-beijing"], source="snap-obgelzpb"), TencentCloudSDKException, code_of, "UnsupportedOperation.SnapshotNotSupportCopy")
    refused("tencent: name too long", lambda: copy(["ap-beijing"], name="x" * 61), TencentCloudSDKException, code_of, "InvalidParameterValue")
    started = copy(["ap-beijing"])[0]
    same("tencent: CopySnapshotCrossRegions", (started.Code, started.DestinationRegion), ("Success", "ap-beijing"))
    same("tencent: conflict while running", copy(["ap-beijing"])[0].Code, "ResourceInUse.CopySnapshotConflict")
    seen = describe(guangzhou, [source]).SnapshotSet[0]
    same("tencent: CopyingToRegions at the source", seen.CopyingToRegions, ["ap-beijing"])
    same("tencent: the replica is not in the source region", describe(guangzhou, [started.SnapshotId]).TotalCount, 0)
    same("tencent: replica state while it runs", describe(beijing, [started.SnapshotId]).SnapshotSet[0].SnapshotState, "COPYING_FROM_REMOTE")
    finish_copies(base)
    found = describe(beijing, name=f"Copied {source} from ap-guangzhou").SnapshotSet
    same("tencent: the replica by its name", [(s.SnapshotId, s.SnapshotState, s.CopyFromRemote, s.DiskId, s.Percent) for s in found], [(started.SnapshotId, "NORMAL", True, "", 100)])
    found = describe(client("ap-beijing", method="GET"), name=f"Copied {source} from ap-guangzhou", Limit=100, Order="DESC").SnapshotSet
    same("tencent: the same by GET", [s.SnapshotId for s in found], [started.SnapshotId])
    recorded(base, "copy-snapshot", source, "ap-beijing", started.SnapshotId)
    admin(base, "/_sim/faults", {"faults": [{"action": "CopySnapshotCrossRegions", "kind": "partial", "code": "InsufficientSnapshotQuota", "times": 1}]})
    results = {r.DestinationRegion: r.Code for r in copy(["ap-shanghai", "ap-tokyo"])}
    same("tencent: partial failure", results, {"ap-shanghai": "Success", "ap-tokyo": "InsufficientSnapshotQuota"})
    admin(base, "/_sim/faults", {"faults": [{"action": "*", "kind": "throttle", "times": 1}]})
    refused("tencent: scripted throttle", lambda: describe(guangzhou, [source]), TencentCloudSDKException, code_of, "RequestLimitExceeded")
    admin(base, "/_sim/faults", {"faults": [{"action": "*", "kind": "reset_after", "times": 1}]})
    refused("tencent: scripted reset", lambda: describe(guangzhou, [source]), TencentCloudSDKException, code_of, "ClientNetworkError")
    request = models.DeleteSnapshotsRequest()
    request.SnapshotIds = [started.SnapshotId]
    beijing.DeleteSnapshots(request)
    same("tencent: deleted", describe(beijing, [started.SnapshotId]).TotalCount, 0)


def main():
    parser = argparse.ArgumentParser(description="Run the official SDKs against the simulators.")
    for name in ("alibaba", "huawei", "tencent", "access-key-id", "access-key-secret"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    begun = time.monotonic()
    for cloud in (alibaba, huawei, tencent):
        try:
            cloud(getattr(options, cloud.__name__).rstrip("/"), options.access_key_id, options.access_key_secret)
        except Mismatch as mismatch:
            sys.exit(f"MISMATCH  {mismatch}")
        except Exception as error:  # noqa: BLE001 - anything an SDK raises here is a mismatch
            sys.exit(f"MISMATCH  {cloud.__name__}: {type(error).__name__}: {error}")
    print(f"all official SDK calls behave; {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()

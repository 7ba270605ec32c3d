//! What to do about a code, as the tables of the clouds say it in English behind a cloud's own words, and in Chinese.

/// Each advice of the tables once.
pub(super) const ADVICE: [(&str, &str); 73] = [
    // Of every cloud.
    (
        "the request was refused as malformed: report it with the request ID",
        "请求因格式有误被拒绝：请附上请求 ID 报告此问题",
    ),
    ("the running copy is looked up and adopted", "会查找正在生成的副本并接管"),
    ("the running or finished copy is looked up and adopted", "会查找正在生成或已完成的副本并接管"),
    ("correct the key or its token", "更正密钥或其令牌"),
    (
        "this code is not in our table: look it up in the provider's documents",
        "此错误码不在我们的表中：请查阅云厂商的文档",
    ),
    ("check the endpoint setting and any proxy", "检查接入点设置和代理"),
    ("check the credential of this account", "检查此账号的凭证"),
    ("check the credential and the endpoint", "检查凭证和接入点"),
    // Alibaba Cloud.
    ("lower OFFSITE_ALIBABA_RPS if this stays", "若一直如此，调低 OFFSITE_ALIBABA_RPS"),
    ("this machine's clock is more than 15 minutes off: correct it", "本机时钟误差超过 15 分钟：请校正"),
    (
        "the secret does not belong to the key, or a proxy changes requests: compare with `offsite sign`",
        "密钥与其 ID 不符，或代理改动了请求：用 `offsite sign` 比对",
    ),
    (
        "this key may not do this here: allow hbr:CreateVaultReplication, hbr:DescribeVaults and hbr:DescribeBackupJobs2 in its RAM policy",
        "此密钥在此处无权操作：在其 RAM 策略中允许 hbr:CreateVaultReplication、hbr:DescribeVaults 和 hbr:DescribeBackupJobs2",
    ),
    (
        "the account is in debt or the service is not activated: settle that in the console",
        "账号欠费或服务未开通：请在控制台处理",
    ),
    ("grant HBR its service-linked role in the console", "在控制台授予云备份服务关联角色"),
    ("enable trusted access for Cloud Backup in Resource Management", "在资源管理中为云备份开启可信访问"),
    ("check both vault IDs and their regions", "检查两个备份库的 ID 及其地域"),
    ("this vault type cannot be replicated", "此类型的备份库无法复制"),
    (
        "check OFFSITE_ALIBABA_ENDPOINT and that the region has this API",
        "检查 OFFSITE_ALIBABA_ENDPOINT，以及该地域是否提供此 API",
    ),
    ("check OFFSITE_ALIBABA_ENDPOINT", "检查 OFFSITE_ALIBABA_ENDPOINT"),
    ("use https in OFFSITE_ALIBABA_ENDPOINT", "OFFSITE_ALIBABA_ENDPOINT 须用 https"),
    ("this vault cannot be replicated so", "此备份库不能这样复制"),
    // Huawei Cloud.
    ("the backup may still be running; it is tried again", "备份可能仍在进行；会再次尝试"),
    ("the provider is busy with this backup; it is tried again", "云厂商正在处理此备份；会再次尝试"),
    (
        "check the destination vault: its region, project, type (replication, for servers), status and capacity",
        "检查目标存储库：地域、项目、类型（服务器的复制存储库）、状态和容量",
    ),
    ("another replication of this vault is running; it is tried again", "此存储库有另一项复制正在进行；会再次尝试"),
    ("if this stays, give the request ID to the provider's support", "若一直如此，请将请求 ID 提供给云厂商的技术支持"),
    ("the message names the parameter: correct it in the command", "消息指明了参数：请在命令中更正"),
    (
        "this backup cannot be copied: only backups of whole servers with their system disk can",
        "此备份无法复制：只有含系统盘的整机备份才能复制",
    ),
    (
        "check that the source's region can replicate to the destination's (GET /v3/{project_id}/replication-capabilities)",
        "检查源地域能否复制到目标地域（GET /v3/{project_id}/replication-capabilities）",
    ),
    (
        "the destination project cannot take replicas: check destinations[].project_id",
        "目标项目不能接收副本：检查 destinations[].project_id",
    ),
    ("this backup has as many replicas as it may have: delete one", "此备份的副本数已达上限：请删除一份"),
    ("this project may not use CSBS any more: use copy-backup (CBR)", "此项目不能再使用 CSBS：改用 copy-backup（CBR）"),
    (
        "check the source's ID, and that source.region and source.project_id are where it is",
        "检查源 ID，以及 source.region 和 source.project_id 是否是它所在之处",
    ),
    ("expand the vault", "扩容存储库"),
    ("the destination vault is full: expand it or delete old replicas", "目标存储库已满：请扩容或删除旧副本"),
    ("complete the account's real-name authentication", "完成账号的实名认证"),
    ("raise the quota", "提高配额"),
    (
        "correct the key or token and this machine's clock (15 minutes at most); five wrong signatures lock a key for 5 minutes",
        "更正密钥或令牌以及本机时钟（误差最多 15 分钟）；签名错五次，密钥会锁定 5 分钟",
    ),
    (
        "the token is not valid here any more: a new one of the source's region is needed",
        "令牌在此处已失效：需要源地域的新令牌",
    ),
    ("correct the account name, user name and password", "更正账号名、用户名和密码"),
    (
        "this user may not do this here: give it cbr:backups:replicate, cbr:vaults:replicate, cbr:backups:get, cbr:backups:list and cbr:tasks:list",
        "此用户在此处无权操作：请授予 cbr:backups:replicate、cbr:vaults:replicate、cbr:backups:get、cbr:backups:list 和 cbr:tasks:list",
    ),
    ("this user may not use this region: allow it in IAM", "此用户无权使用该地域：请在 IAM 中允许"),
    ("lower OFFSITE_HUAWEI_RPS or the concurrency if this stays", "若一直如此，调低 OFFSITE_HUAWEI_RPS 或并发数"),
    (
        "check source.region and OFFSITE_HUAWEI_CBR_ENDPOINT or OFFSITE_HUAWEI_CSBS_ENDPOINT",
        "检查 source.region，以及 OFFSITE_HUAWEI_CBR_ENDPOINT 或 OFFSITE_HUAWEI_CSBS_ENDPOINT",
    ),
    ("the gateway refuses the request as malformed or too large", "网关认为请求格式有误或过大而拒绝"),
    ("the project is not available: check source.project_id", "项目不可用：检查 source.project_id"),
    ("the gateway does not accept this client's address", "网关不接受此客户端的地址"),
    ("this client's address is not on the account's list", "此客户端的地址不在账号的名单中"),
    ("top up the account's balance", "为账号充值"),
    (
        "the service has no such place, or something between refuses the request: check the endpoint, source.region and the proxy",
        "服务没有这个路径，或中间环节拒绝了请求：检查接入点、source.region 和代理",
    ),
    // Tencent Cloud.
    ("the provider is busy with this snapshot; it is tried again", "云厂商正在处理此快照；会再次尝试"),
    (
        "raise the snapshot quota of the destination region or delete old snapshots there",
        "提高目标地域的快照配额，或删除那里的旧快照",
    ),
    ("check the region codes and the snapshot ID", "检查地域代码和快照 ID"),
    (
        "check the snapshot ID and that source.region is the region it is in",
        "检查快照 ID，以及 source.region 是否是它所在的地域",
    ),
    ("this snapshot cannot be copied to another region", "此快照无法复制到其他地域"),
    (
        "this snapshot cannot be copied to another region (system disk, encrypted or instant)",
        "此快照无法复制到其他地域（系统盘、加密或极速快照）",
    ),
    ("this needs a person: see the code in the provider's documents", "须由人处理：请在云厂商的文档中查此错误码"),
    ("the snapshot is still being created; it is tried again", "快照仍在创建；会再次尝试"),
    ("too many snapshots are being made; it is tried again", "正在创建的快照过多；会再次尝试"),
    ("the disk has too many snapshots in a row: delete old ones", "此云硬盘的快照链过长：请删除旧快照"),
    (
        "another order of the account is being settled: see the orders in the console",
        "账号有另一笔订单正在结算：请在控制台查看订单",
    ),
    ("raise the account's quota", "提高账号的配额"),
    (
        "the destination region has no room: choose another one, or ask the provider",
        "目标地域资源不足：请换一个地域，或咨询云厂商",
    ),
    ("lower OFFSITE_TENCENT_RPS or the concurrency if this stays", "若一直如此，调低 OFFSITE_TENCENT_RPS 或并发数"),
    ("this machine's clock is more than 5 minutes off: correct it", "本机时钟误差超过 5 分钟：请校正"),
    (
        "this key may not do this here: allow cbs:CopySnapshotCrossRegions and cbs:DescribeSnapshots, or the same names with cvm:, in its CAM policy",
        "此密钥在此处无权操作：在其 CAM 策略中允许 cbs:CopySnapshotCrossRegions 和 cbs:DescribeSnapshots，或以 cvm: 开头的同名操作",
    ),
    (
        "give this user the right to pay (QcloudFinanceFullAccess), or have the account's owner pay",
        "授予此用户支付权限（QcloudFinanceFullAccess），或由账号所有者支付",
    ),
    ("the account is restricted: look at its security notices", "账号受限：请查看其安全通知"),
    ("check the region codes", "检查地域代码"),
    ("check OFFSITE_TENCENT_ENDPOINT", "检查 OFFSITE_TENCENT_ENDPOINT"),
    ("this address is blocked by the account", "此地址被账号禁止"),
    ("this address is not on the account's list", "此地址不在账号的名单中"),
    (
        "nothing of it was used: check the endpoint setting and any proxy that may keep answers",
        "其内容未被采用：检查接入点设置，以及可能缓存应答的代理",
    ),
];

/// A text that ends in an advice: what stands before it, and the advice in Chinese.
pub(super) fn split(text: &str) -> Option<(&str, &'static str)> {
    ADVICE.iter().find_map(|(english, chinese)| {
        Some((text.strip_suffix(english)?.strip_suffix("; ").filter(|said| !said.is_empty())?, *chinese))
    })
}

#[cfg(test)]
mod tests {
    use offsite_shared::providers::{alibaba, huawei, tencent};

    use super::*;
    use crate::reader::sentence;

    #[test]
    fn every_advice_of_the_tables_has_its_chinese_and_no_other_is_kept() {
        let tables = [alibaba::codes::TABLE, huawei::codes::TABLE, tencent::codes::TABLE].concat();
        let has = |advice: &str| ADVICE.iter().any(|(english, _)| *english == advice);
        let missing: Vec<&str> =
            tables.iter().map(|row| row.advice).filter(|advice| !advice.is_empty() && !has(advice)).collect();
        assert!(missing.is_empty(), "no Chinese in reader/advice.rs: {missing:#?}");
        let sources = [
            "providers/refusal.rs",
            "providers/asked.rs",
            "providers/huawei/codes.rs",
            "exchange/wire.rs",
            "exchange/mod.rs",
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/src/");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).expect(name);
        let sources: String = sources.into_iter().map(read).collect();
        for (english, chinese) in ADVICE {
            let said = tables.iter().any(|row| row.advice == english) || sources.contains(english);
            assert!(said, "nothing says: {english}");
            assert!(chinese.chars().any(|sign| sign > '\u{2e80}'), "not Chinese: {chinese}");
        }
    }

    /// The cloud's words stay as they are, and ours behind them are told; what is no advice of ours is left alone.
    #[test]
    fn the_advice_behind_a_clouds_words_is_told_in_chinese() {
        let told = sentence("the copy failed: Quota of a; b is used up; raise the quota").expect("it is ours");
        assert_eq!(told, "副本失败：Quota of a; b is used up；提高配额");
        assert_eq!(sentence("X.1: No room; expand the vault").as_deref(), Some("X.1: No room；扩容存储库"));
        assert_eq!(sentence("No room; call us"), None);
        assert_eq!(split("expand the vault"), None);
    }
}

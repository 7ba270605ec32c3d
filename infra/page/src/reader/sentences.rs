//! Sentences that a report carries in English, since programs read them there, and their translations.

/// A sentence with more of its own comes before one that would take it in.
pub(super) const SENTENCES: [(&str, &str); 57] = [
    // Why a rule does not hold, or cannot be known.
    ("backups were made and not copied", "备份已生成而未复制"),
    ("a backup was made and not copied", "备份已生成而未复制"),
    (
        "their backups cannot be copied (`offsite risk accept` where that is all right)",
        "其备份无法复制（若可接受，用 `offsite risk accept`）",
    ),
    ("there is no newer backup, which is the backup plan's to make", "没有更新的备份，应由备份计划生成"),
    ("{} resource is unprotected: {}", "{} 个资源未受保护：{}"),
    ("{} resources are unprotected: {}", "{} 个资源未受保护：{}"),
    ("{} resources are unprotected", "{} 个资源未受保护"),
    ("{} backups are due and have no usable copy", "{} 份备份已到期而没有可用副本"),
    (
        "{} went without ever being copied; `offsite ledger resolve --acknowledge` ends that",
        "{} 份从未复制便已消失；用 `offsite ledger resolve --acknowledge` 了结",
    ),
    (
        "{} left what the rule covers without ever being copied; `offsite ledger resolve --acknowledge` ends that",
        "{} 份从未复制便已不在规则覆盖之内；用 `offsite ledger resolve --acknowledge` 了结",
    ),
    ("{} copies are lost", "{} 份副本已丢失"),
    (
        "{} of {} copies are gone from {} at once, and nothing is made again before a person has looked, since a wrong key lists an empty account: if they are lost indeed, `{}`",
        "{2} 的 {1} 份副本中有 {0} 份同时消失；密钥有误时列出的账号是空的，所以在有人查看之前不会重做：若确已丢失，用 `{3}`",
    ),
    ("it covers nothing, and does not say allow_empty", "它没有覆盖任何备份，也没有写 allow_empty"),
    ("the last sweep did not come to its end: {}", "上一次巡检没有完成：{}"),
    ("the last sweep did not come to its end", "上一次巡检没有完成"),
    ("the rule has changed since it was swept: sweep it again", "规则在巡检之后改过：请再次巡检"),
    ("no sweep of this rule has come to its end yet", "这条规则还没有完成过一次巡检"),
    ("what was there at that time is not kept: the last sweep began later", "当时的情况没有保留：上一次巡检开始得更晚"),
    (
        "the last complete sweep began {} ago, and no more than {} are allowed (--max-age)",
        "上一次完整巡检开始于 {} 前，超过允许的 {}（--max-age）",
    ),
    ("the last sweep ended later than now: the clock of this machine is wrong", "上一次巡检结束于未来：本机时钟有误"),
    ("{} could not be listed: {}", "{} 无法列出：{}"),
    ("{} could not be listed", "{} 无法列出"),
    ("what the last sweep found cannot be read", "上一次巡检的结果无法读取"),
    // What must be said of the whole.
    (
        "There is no policy, and the ledger is empty: there is nothing to report.",
        "没有策略，台账也是空的：没有可报告的内容。",
    ),
    (
        "There is no policy, so nothing is promised: these are the replications that the ledger knows.",
        "没有策略，因此没有任何承诺：以下是台账所知的复制。",
    ),
    (
        "The policy has no rules, and the ledger is empty: there is nothing to report.",
        "策略没有规则，台账也是空的：没有可报告的内容。",
    ),
    (
        "The policy has no rules, so nothing is promised: these are the replications that the ledger knows.",
        "策略没有规则，因此没有任何承诺：以下是台账所知的复制。",
    ),
    (
        "{} replications of rule {}, which the policy does not have any more, are unfinished: `{}` settles them.",
        "规则 {1} 已不在策略中，它有 {0} 项复制未完成：用 `{2}` 了结。",
    ),
    ("OFFSITE_PAUSED is set: nothing new is started", "已设置 OFFSITE_PAUSED：不会发起新的复制"),
    (
        "Nothing is started: everything is paused since {} by {}: {}; `{}` ends it",
        "不会发起复制：{} 起由 {} 全部暂停：{}；用 `{}` 结束",
    ),
    (
        "Nothing is started: everything on {} is paused since {} by {}: {}; `{}` ends it",
        "不会在 {} 上发起复制：{} 起由 {} 暂停：{}；用 `{}` 结束",
    ),
    (
        "Nothing is started: rule {} is paused since {} by {}: {}; `{}` ends it",
        "规则 {} 不会发起复制：{} 起由 {} 暂停：{}；用 `{}` 结束",
    ),
    ("Nothing is started, for what people have paused is not to be read: {}", "不会发起复制，因为暂停记录无法读取：{}"),
    (
        "Listed is only what is of {}. The conclusion and the figures are those of everything, listed or not.",
        "只列出与 {} 有关的内容。结论和数字仍属于全部内容，不论是否列出。",
    ),
    (
        "Nothing in the lists is about that. What is protected or replicated is counted and not listed; `offsite policy check --explain ID` tells of one backup.",
        "列表中没有与此有关的内容。已受保护或已复制的只计数而不列出；`offsite policy check --explain ID` 说明单份备份。",
    ),
    ("rule {} is remembered from {} on, and is left out", "规则 {} 自 {} 起才有记录，此处略去"),
    ("rule {} has not been swept to the end yet, and is left out", "规则 {} 尚未完成过巡检，此处略去"),
    (
        "listed is only what is of the resources that were asked for; figures are those of everything",
        "只列出所问的资源；数字属于全部内容",
    ),
    // Where a rule takes from.
    ("{}, vault {}", "{}，备份库 {}"),
    // Causes in a word, and why a backup has no copy, or is not covered.
    ("encrypted", "已加密"),
    ("system_disk", "系统盘"),
    ("no_new_backup", "没有新备份"),
    ("not_seen", "未见到"),
    ("encrypted snapshots are not copied", "加密快照不会被复制"),
    ("is itself a copy from another region, and copies are never copied on", "本身是来自其他地域的副本，副本不再复制"),
    ("is itself a replica, and replicas are never copied on", "本身是复制副本，副本不再复制"),
    ("is in the recycle bin", "在回收站中"),
    ("belongs to another account, which shares it", "属于另一个账号，由其共享"),
    ("is in the state {}", "处于状态 {}"),
    ("has not succeeded", "没有成功"),
    ("is still being created", "仍在创建"),
    ("is still being copied here from another region", "正从其他地域复制到此"),
    ("is being rolled back to its disk", "正在回滚到云硬盘"),
    (
        "lacks the server's system disk, and only backups with it can be copied",
        "不含服务器的系统盘，只有含系统盘的备份才能复制",
    ),
    ("is a backup of {}, and only server backups can be copied", "是 {} 的备份，只有服务器备份才能复制"),
    ("is a whole-instance backup, and those do not follow a vault pair", "是整机备份，整机备份不随备份库对复制"),
    ("was given up by a person: {}", "由人放弃：{}"),
];

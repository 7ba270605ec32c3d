//! Verdicts, states and terms with their definitions, in Chinese.

pub(super) const DEFINITIONS: [(&str, &str); 107] = [
    ("unprotected", "未受保护"),
    (
        "A due backup is newer than the newest usable copy, or something is due and there is no usable copy, for whatever \
         reason: missing, failed, lost, in doubt, refused, or because it cannot be copied.",
        "有到期的备份比最新的可用副本更新，或有到期的备份而没有可用副本，不论何故：缺失、失败、丢失、存疑、被拒绝，或无法复制。",
    ),
    ("stale", "已过旧"),
    (
        "The newest usable copy is older than the rule allows (rpo), whatever the reason.",
        "最新的可用副本早于规则所允许的（rpo），不论何故。",
    ),
    ("unknown", "未知"),
    (
        "A listing that is needed is incomplete or too old, so nobody knows whether there is a usable copy.",
        "所需的清单不完整或过旧，因此无人知道是否有可用副本。",
    ),
    ("accepted risk", "已接受的风险"),
    (
        "It is not protected, and a person has said, for this rule, this very ID and this cause, that it need not be until a \
         certain day. Another cause is not accepted by that.",
        "它未受保护，而有人针对这条规则、这个 ID 和这个原因说明，在某日之前可以如此。其他原因不在此列。",
    ),
    ("pending", "待复制"),
    ("There is no copy yet, and nothing is due.", "还没有副本，也没有备份到期。"),
    ("protected", "受保护"),
    ("There is a usable copy, and no newer backup is due without one.", "有可用副本，且没有更新的备份到期而无副本。"),
    ("covered", "已覆盖"),
    (
        "A source backup that the rule's source, select and exclude take, counted once for each destination region. Each such \
         pair has exactly one of the verdicts below.",
        "规则的 source、select 和 exclude 所取的源备份，每个目标地域各计一次。每一对都恰有以下判定之一。",
    ),
    ("replicated", "已复制"),
    (
        "A usable copy was seen in the destination region, or can be concluded from what the provider says elsewhere (then it \
         also counts as inferred).",
        "在目标地域见到了可用副本，或可由云厂商在别处的说明推断（此时也计入推断）。",
    ),
    ("in progress", "进行中"),
    (
        "A copy is on its way, or the provider has accepted it and it was not seen in the destination yet.",
        "副本正在生成，或云厂商已接受而尚未在目标地域见到。",
    ),
    ("not ready", "未就绪"),
    ("The backup itself is not finished yet, so it cannot be copied yet.", "备份本身尚未完成，因此还不能复制。"),
    ("ineligible", "不可复制"),
    (
        "The backup cannot be copied; the reason stands beside it. It is not missing: no retry would change it. Its resource \
         may be unprotected.",
        "备份无法复制，原因在旁。它不算缺失：重试也不会改变。其资源可能未受保护。",
    ),
    ("given up", "已放弃"),
    (
        "A person wants no copy of this backup. Its resource is not protected by that.",
        "有人不要这份备份的副本。其资源并不因此受到保护。",
    ),
    ("overtaken", "已被取代"),
    (
        "The backup is gone or not covered any more and was never copied, but its resource has a newer usable copy.",
        "备份已消失或不再被覆盖，且从未复制，但其资源有更新的可用副本。",
    ),
    ("ended", "已结束"),
    (
        "The copy is gone when it might go: its source is gone, its expiry came, or it is older than the rule keeps copies.",
        "副本在可以消失时消失了：源已不在、到了有效期，或早于规则保留副本的期限。",
    ),
    (
        "The destination could not be looked at, so nobody knows whether there is a copy.",
        "无法查看目标地域，因此无人知道是否有副本。",
    ),
    ("in doubt", "存疑"),
    (
        "A call to the provider may have started a copy, and nobody knows whether it did. It is not repeated blindly, since a \
         second copy costs money; the provider is asked again until it is clear.",
        "对云厂商的一次调用可能已发起复制，而无人知道是否如此。不会盲目重复，因为第二份副本要花钱；会再向云厂商查询，直到明确。",
    ),
    ("missing", "缺失"),
    (
        "There is no copy, and nothing stands in the way of one: the next sweep starts it, within its limits.",
        "没有副本，也没有任何阻碍：下一次巡检在限额内发起。",
    ),
    ("failed", "失败"),
    ("The copy failed; the reason stands beside it.", "复制失败，原因在旁。"),
    ("refused", "被拒绝"),
    (
        "The provider refuses to make the copy; the reason stands beside it. It is asked again, and a refusal uses up nothing.",
        "云厂商拒绝生成副本，原因在旁。会再次请求，被拒绝不消耗任何额度。",
    ),
    ("left", "已离开"),
    (
        "The backup is there, but the rule does not cover it any more, by age, name, tag or vault, and it was never copied. It \
         stays a breach until a person acknowledges it.",
        "备份还在，但按时间、名称、标签或备份库已不再被规则覆盖，且从未复制。在有人确认之前一直算违约。",
    ),
    ("lost", "已丢失"),
    (
        "The copy was seen in the destination once and is gone before its time.",
        "副本曾在目标地域见到，却在期限之前消失了。",
    ),
    ("missed", "已错过"),
    (
        "The backup is gone from its source region and was never copied. Nothing can repair this; it stays a breach until a \
         person acknowledges it.",
        "备份从源地域消失，且从未复制。无法补救；在有人确认之前一直算违约。",
    ),
    ("calendar", "日历"),
    (
        "A square for each day of the last year, in UTC: the worst that a complete sweep of that day came to. A day on which no \
         complete sweep ended is grey, also while copying went on: nobody looked. Minutes run from one complete sweep to the \
         next; where two are further apart than the objective allows, they are not known.",
        "最近一年每天一格，按 UTC：当天完整巡检的最差结果。没有完成完整巡检的日子为灰色，即使复制仍在进行：无人查看。分钟数由一次完整巡检算到下一次；两次之间超过目标所允许的时间，则为未知。",
    ),
    ("holds", "达标"),
    (
        "No resource is unprotected, stale or unknown; there is no gap; nothing missed, left or lost is unsettled; and all that \
         is known from complete listings that are young enough. offsite report then ends with 0, so that a script can rely on \
         it.",
        "没有资源未受保护、过旧或未知；没有缺口；没有未了结的已错过、已离开或已丢失；而且这些都来自足够新的完整清单。此时 offsite report 以 0 结束，脚本可以依靠它。",
    ),
    ("does not hold", "不达标"),
    (
        "At least one objective is certainly not met. The command ends with 3. For each resource it is said whether a backup \
         was made and not copied, cannot be copied, or was not made at all.",
        "至少有一个目标肯定没有达到。命令以 3 结束。对每个资源都说明是备份已生成而未复制、无法复制，还是根本没有生成。",
    ),
    ("cannot be known", "无法得知"),
    (
        "There was no complete sweep, or the last one is too old or failed, a listing is incomplete, or a clock is wrong. What \
         cannot be known is never reported as good. The command ends with 1.",
        "没有完整的巡检，或最近一次过旧或失败，或清单不完整，或时钟有误。无法得知的从不报告为良好。命令以 1 结束。",
    ),
    ("not judged", "不评判"),
    (
        "Nothing is promised: the rule says objective: none, or there is no rule. It is neither good nor bad. Where nothing \
         else is to be said the command ends with 1.",
        "没有任何承诺：规则写着 objective: none，或没有规则。既不算好也不算坏。没有其他可说时，命令以 1 结束。",
    ),
    ("resource", "资源"),
    (
        "What a person wants back: a disk, a server, an instance, a file system or a bucket. Where nobody names what a backup \
         is a backup of, the backup stands for itself. A resource is counted once for each destination.",
        "人想恢复的东西：云硬盘、服务器、实例、文件系统或存储桶。如果无人说明备份的是什么，则备份代表自己。资源在每个目标地域各计一次。",
    ),
    ("made and not copied", "已生成而未复制"),
    (
        "A backup is there and its copy is not: Offsite has to make it, or says why it could not.",
        "备份在而副本不在：Offsite 要么生成副本，要么说明为何不能。",
    ),
    ("cannot be copied", "无法复制"),
    (
        "The provider copies no such backups, encrypted ones for instance. No retry changes that: protect the resource in \
         another way, or accept the risk.",
        "云厂商不复制这类备份，例如加密的。重试也不会改变：请用其他方式保护该资源，或接受风险。",
    ),
    ("no new backup", "没有新备份"),
    (
        "All that was made is copied or gone, and nothing newer was made: look at the backup plan. If the resource is no more, \
         say so (offsite risk accept --gone).",
        "已生成的都已复制或消失，此后没有生成更新的：请检查备份计划。如果资源已不存在，请说明（offsite risk accept --gone）。",
    ),
    ("cause", "原因词"),
    (
        "Why there is no copy, as a fixed word or the provider's code. Causes are grouped by it, and offsite risk accept takes \
         it.",
        "为何没有副本，写作固定的词或云厂商的代码。原因按它归类，offsite risk accept 也用它。",
    ),
    ("decision", "决定"),
    (
        "What a person accepted or called gone, with reason and name. An acceptance is for one rule, one ID and one cause, and \
         ends on a certain day, at most 366 days on. A resource that is gone comes back with its next backup.",
        "人所接受或宣布不再存在的内容，附原因和姓名。一次接受只对一条规则、一个 ID 和一个原因有效，并在某日结束，最长 366 天。宣布不再存在的资源随其下一份备份恢复。",
    ),
    ("not covered", "未覆盖"),
    (
        "Backups that the rule does not take, counted by reason: copies and replicas, backups that are being deleted, in the \
         recycle bin or failed by themselves, and what select or exclude leaves out.",
        "规则不取的备份，按原因计数：副本、正在删除的、回收站中的或自身失败的备份，以及 select 或 exclude 排除的。",
    ),
    ("due", "到期"),
    (
        "Covered, and older than the largest lag that the rule allows (max_lag).",
        "已覆盖，且早于规则所允许的最大滞后（max_lag）。",
    ),
    ("usable copy", "可用副本"),
    (
        "A copy that the destination itself showed as usable, or that follows from what the provider says elsewhere (inferred).",
        "目标地域自己显示为可用的副本，或由云厂商在别处的说明推断的副本。",
    ),
    ("age of a copy", "副本的存在时长"),
    (
        "The age of the backup that it is a copy of, not the time since it was copied.",
        "其源备份的存在时长，而非复制之后的时间。",
    ),
    ("size", "大小"),
    (
        "GiB of what is covered, of what has a usable copy, and of what should have one and has none (waiting). Tencent and Huawei \
         list the size of the disk, not of the backup: then it is at most so much.",
        "已覆盖、已有可用副本、应有而没有（待复制）的 GiB 数。腾讯云和华为云列出的是云硬盘的大小而非备份的大小：此时为上限。",
    ),
    ("gap", "缺口"),
    (
        "A due backup without a usable copy that can be copied and was made after the rule's first complete sweep began. A \
         backup that cannot be copied is never a gap; its resource may be unprotected.",
        "已到期、没有可用副本、可以复制，且在规则首次完整巡检开始之后生成的备份。无法复制的备份从不算缺口；其资源可能未受保护。",
    ),
    ("historic", "历史备份"),
    ("Made before the rule's first complete sweep began.", "在规则首次完整巡检开始之前生成。"),
    ("backlog", "积压"),
    (
        "Historic backups without a usable copy whose resource is protected. They are copied as the limits allow and break \
         nothing, unless the rule says objective.history: true. The end is estimated from the last days.",
        "没有可用副本而其资源受保护的历史备份。它们在限额内陆续复制，不算违约，除非规则写着 objective.history: true。完成时间按最近几天估计。",
    ),
    ("default objective", "默认目标"),
    (
        "A rule that names no max_lag is judged by 24 hours after min_age, or by half of the time for which it covers a backup.",
        "没有写 max_lag 的规则，按 min_age 之后 24 小时，或其覆盖备份时长的一半评判。",
    ),
    ("mass loss", "大量丢失"),
    (
        "More than 10 copies and more than 5 % of those known in a destination are gone at once. Nothing is made again before a \
         person has looked, since a wrong key lists an empty account.",
        "一个目标地域中同时消失超过 10 份且超过已知的 5 % 的副本。在有人查看之前不会重做，因为密钥有误时列出的账号是空的。",
    ),
    ("inferred", "推断"),
    (
        "Of the replicated ones, those whose copy is concluded and was not itself seen in the destination.",
        "已复制者中，副本由推断得出而未亲眼在目标地域见到的。",
    ),
    ("lag", "滞后"),
    (
        "The age of the oldest covered backup that should have a usable copy and has none; none when all have one. A backlog \
         does not count. Its objective (max_lag) is the largest lag that the rule allows. Shown durations are rounded up.",
        "应有而没有可用副本的最早一份已覆盖备份的存在时长；都有时为无。积压不计。其目标（max_lag）是规则所允许的最大滞后。所示时长向上取整。",
    ),
    ("newest copies (rpo)", "最新副本（rpo）"),
    (
        "Of each resource the age of the newest backup that has a usable copy in every destination: how much work is lost if \
         the source region is lost now. Shown is the worst resource, against the largest age that the rule allows (rpo).",
        "每个资源在每个目标地域都有可用副本的最新备份的存在时长：若源地域现在丢失，会损失多少工作。所示为最差的资源，对照规则所允许的最大时长（rpo）。",
    ),
    ("late", "迟滞"),
    (
        "A resource whose newest usable copy is older than the rule allows, or that has no usable copy at all.",
        "最新可用副本早于规则所允许的，或没有任何可用副本的资源。",
    ),
    ("complete as of", "完整截至"),
    (
        "When the listing of backups behind the figures began. Backups made later are not counted yet.",
        "数字所依据的备份清单开始的时间。此后生成的备份尚未计入。",
    ),
    ("coverage bar", "覆盖条"),
    (
        "What is covered, divided by verdict. A part below 1.5 % is drawn as wide as 1.5 %, so that it can be seen; the figures \
         beside it are exact.",
        "已覆盖的备份按判定划分。不足 1.5 % 的部分画作 1.5 % 宽，以便看见；旁边的数字是准确的。",
    ),
    ("exception", "例外"),
    (
        "One backup and one destination with any verdict other than replicated.",
        "判定不是已复制的一份备份与一个目标地域。",
    ),
    ("orphan", "孤立副本"),
    (
        "A copy in a destination region whose source is gone. Orphans are listed and never deleted: they may be all that is \
         left, and they may cost money.",
        "目标地域中源已不在的副本。孤立副本只列出，从不删除：它们可能是仅存的，也可能产生费用。",
    ),
    ("outside the policy", "策略之外"),
    (
        "Unfinished replications that belong to no rule of the policy. Those of a rule that is gone make the report one that \
         cannot be known, until offsite rule retire settles them.",
        "不属于策略任何规则的未完成复制。其规则已消失的，会使报告无法得知，直到用 offsite rule retire 了结。",
    ),
    ("durations of copies", "副本用时"),
    (
        "For each copy that arrived lately, the time from the provider's acceptance until it was first seen usable in the \
         destination. Copies are looked at from time to time, so a copy may have been there a little earlier.",
        "对最近到达的每份副本，从云厂商接受到首次在目标地域见到可用的时间。副本是隔一段时间查看一次，因此可能更早就已存在。",
    ),
    ("read live", "直接读取"),
    (
        "The report was read from the clouds now. The ledger of what was started was only read, and nothing was started.",
        "报告刚刚直接读自各云。已发起复制的台账只被读取，没有发起任何复制。",
    ),
];

"""Lives of agreements, call-offs and notices of force majeure."""

from shop.agreements.errors import AgreementNotRunning
from shop.agreements.models import Agreement
from shop.agreements.models import AgreementStatus as A
from shop.agreements.models import CallOffStatus as C
from shop.agreements.models import MajeureStatus as M
from shop.agreements.models import PaperKind as P
from shop.kit.states import Life

STATE_ZH = {
    A.DRAFT: "草案", A.WITHDRAWN: "已撤回", A.SIGNED: "已签署", A.DEPOSIT_PAID: "定金已付", A.EXECUTING: "履行中",
    A.FULFILLED: "已履行", A.SHORT: "未足额履行", A.TERMINATED: "已解除", A.RENEWED: "已续签",
}  # fmt: skip
DECIDED_ZH = {M.TOLD: "待认定", M.RECOGNISED: "已认定", M.REJECTED: "不予认定"}
CALL_OFF_ZH = {C.REQUESTED: "待供方确认", C.CONFIRMED: "已确认", C.CANCELLED: "已取消"}
PAPER_ZH = {
    P.SIGNED_SCAN: "签署的合同扫描件", P.POWER_OF_ATTORNEY: "授权委托书", P.LICENCE: "营业执照等证照",
    P.INSPECTION: "检验检测报告", P.MAJEURE_PROOF: "不可抗力证明", P.OTHER: "其他",
}  # fmt: skip

AGREEMENT_LIFE: Life[A] = Life(
    {
        (A.DRAFT, "propose"): A.DRAFT,
        (A.DRAFT, "withdraw"): A.WITHDRAWN,
        (A.DRAFT, "sign"): A.SIGNED,
        (A.SIGNED, "amend"): A.SIGNED,
        (A.SIGNED, "pay_deposit"): A.DEPOSIT_PAID,
        (A.SIGNED, "call_off"): A.EXECUTING,
        (A.SIGNED, "fulfil"): A.FULFILLED,
        (A.SIGNED, "fall_short"): A.SHORT,
        (A.SIGNED, "terminate"): A.TERMINATED,
        (A.DEPOSIT_PAID, "amend"): A.DEPOSIT_PAID,
        (A.DEPOSIT_PAID, "call_off"): A.EXECUTING,
        (A.DEPOSIT_PAID, "fulfil"): A.FULFILLED,
        (A.DEPOSIT_PAID, "fall_short"): A.SHORT,
        (A.DEPOSIT_PAID, "terminate"): A.TERMINATED,
        (A.EXECUTING, "amend"): A.EXECUTING,
        (A.EXECUTING, "pay_deposit"): A.EXECUTING,
        (A.EXECUTING, "call_off"): A.EXECUTING,
        (A.EXECUTING, "fulfil"): A.FULFILLED,
        (A.EXECUTING, "fall_short"): A.SHORT,
        (A.EXECUTING, "terminate"): A.TERMINATED,
        (A.FULFILLED, "renew"): A.RENEWED,
        (A.FULFILLED, "reopen"): A.EXECUTING,
        (A.SHORT, "renew"): A.RENEWED,
        (A.SHORT, "reopen"): A.EXECUTING,
        (A.TERMINATED, "renew"): A.RENEWED,
        (A.TERMINATED, "reopen"): A.EXECUTING,
        # The agreement that renewed it was terminated, another does.
        (A.RENEWED, "renew"): A.RENEWED,
    },
    STATE_ZH,
    {
        "propose": "更换草案", "withdraw": "撤回", "sign": "签署", "amend": "修改条款", "pay_deposit": "收定金",
        "call_off": "要货", "fulfil": "登记为已履行", "fall_short": "登记为未足额履行", "terminate": "解除",
        "renew": "续签", "reopen": "重开", "tell": "通知不可抗力",
    },
)  # fmt: skip


#: What happened to an agreement, in its history.
EVENTS_ZH = {
    "draft": "起草", "propose": "提出新文本", "withdraw": "撤回草案", "sign": "双方签署生效", "amend": "补充协议生效",
    "pay_deposit": "定金到账", "call_off": "首次要货", "fulfil": "判为已履行", "fall_short": "判为未足额履行",
    "terminate": "解除", "reopen": "双方同意重开", "renew": "续签", "remind": "提醒到期",
}  # fmt: skip


def not_running(agreement: Agreement, event: str) -> AgreementNotRunning:
    """That `event` needs an agreement that runs, to be raised."""
    return AgreementNotRunning(agreement=agreement.code, **AGREEMENT_LIFE.facts(agreement.status, event))


CALL_OFF_LIFE: Life[C] = Life(
    {
        (C.REQUESTED, "change"): C.REQUESTED,
        (C.REQUESTED, "confirm"): C.CONFIRMED,
        (C.REQUESTED, "cancel"): C.CANCELLED,
        (C.CONFIRMED, "cancel"): C.CANCELLED,
    },
    CALL_OFF_ZH,
    {"change": "更改", "confirm": "确认", "cancel": "取消"},
)

#: How the county decides of a notice.
DECISIONS = ("recognise", "reject")

MAJEURE_LIFE: Life[M] = Life(
    {
        (M.TOLD, "recognise"): M.RECOGNISED,
        (M.TOLD, "reject"): M.REJECTED,
        # A decision that was wrong is decided the other way, with its reason; both stand in the history.
        (M.RECOGNISED, "reject"): M.REJECTED,
        (M.REJECTED, "recognise"): M.RECOGNISED,
    },
    DECIDED_ZH,
    {"recognise": "认定", "reject": "驳回"},
)

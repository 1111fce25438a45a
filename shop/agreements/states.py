"""Lives of agreements and call-offs."""

from shop.agreements.models import AgreementStatus as A
from shop.agreements.models import CallOffStatus as C
from shop.kit.states import Life

AGREEMENT_LIFE: Life[A] = Life(
    {
        (A.SIGNED, "call_off"): A.EXECUTING,
        (A.EXECUTING, "call_off"): A.EXECUTING,
        (A.EXECUTING, "fulfil"): A.FULFILLED,
        (A.EXECUTING, "fall_short"): A.SHORT,
        (A.SIGNED, "terminate"): A.TERMINATED,
        (A.EXECUTING, "terminate"): A.TERMINATED,
    }
)

CALL_OFF_LIFE: Life[C] = Life(
    {
        (C.REQUESTED, "confirm"): C.CONFIRMED,
        (C.REQUESTED, "cancel"): C.CANCELLED,
        (C.CONFIRMED, "cancel"): C.CANCELLED,
    }
)

"""Which version of the terms counts for what: an amendment acts from its signing on (民法典 543, 544).

A call-off stands under the version that was in force when its price was fixed (`CallOff.version_id`): its price, its
grades, the least of its day, its term of payment, the tolerance and the rate of a breach of it. What is not of a
call-off, a minimum in total or an end, is judged by the terms in force on its day.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements.models import SIGNERS, Agreement, AgreementLine, AgreementVersion, CallOff
from shop.agreements.terms import LineTerms, of_line, read
from shop.catalog.models import Product
from shop.kit.clock import BEIJING

_OF_LINE = ("committed_g", "floor_fen_per_kg", "minimum_date_g", "farm_gate_floor_fen_per_kg")
#: The factors of the grades of a line.
GRADES = ("special_bp", "second_bp", "off_bp")
_OF_ALL = ("penalty_bp", "buyer_penalty_bp")

#: What each version says of each line that it names, with the grams of it that it tolerates.
AGREED = f"""(
    SELECT agreement_versions.id AS version_id, agreement_lines.id AS line_id, said->>'price_rule' AS price_rule,
        {", ".join(f"(said->>'{name}')::bigint AS {name}" for name in (*_OF_LINE, *GRADES))},
        {", ".join(f"(terms->>'{name}')::bigint AS {name}" for name in _OF_ALL)},
        ((said->>'committed_g')::bigint * (terms->>'tolerance_bp')::bigint * 2 + 10000) / 20000 AS tolerance_g
    FROM agreement_versions CROSS JOIN LATERAL jsonb_array_elements(terms->'lines') AS said
    JOIN products ON sku = said->>'sku'
    JOIN agreement_lines ON agreement_lines.agreement_id = agreement_versions.agreement_id
        AND product_id = products.id
)"""

#: Lines of the agreements in `read` whose terms on `:day` were not those in force now, with what was agreed then: by
#: the youngest version that both had signed by the day, else by the first. What it did not name has no terms: NULL.
AGREED_THEN = f"""(
    SELECT agreement_lines.id AS line_id, agreed.committed_g, agreed.floor_fen_per_kg,
        agreed.farm_gate_floor_fen_per_kg, {", ".join(f"agreed.{name}" for name in GRADES)}
    FROM (
        SELECT DISTINCT ON (agreement_id) agreement_id, version_id FROM (
            SELECT agreement_id, agreement_versions.id AS version_id, number,
                (max(signed_at) AT TIME ZONE '{BEIJING.key}')::date > :day AS is_later
            FROM read JOIN agreement_versions ON agreement_id = read.id
            JOIN agreement_signatures ON version_id = agreement_versions.id
            GROUP BY agreement_versions.id HAVING count(*) = {len(SIGNERS)}
        ) AS signed ORDER BY agreement_id, is_later, CASE WHEN is_later THEN number ELSE -number END
    ) AS then_in_force
    JOIN agreements ON agreements.id = agreement_id AND agreements.version_id <> then_in_force.version_id
    JOIN agreement_lines ON agreement_lines.agreement_id = agreements.id
    LEFT JOIN LATERAL (
        SELECT * FROM {AGREED} AS said
        WHERE said.version_id = then_in_force.version_id AND said.line_id = agreement_lines.id
    ) AS agreed ON true
)"""


@dataclass(frozen=True)
class CallTerms:
    """The terms that a call-off stands under: of its line, and days from acceptance to payment."""

    line: LineTerms
    payment_term_days: int


def terms_of_call(session: Session, call_off_id: int) -> CallTerms:
    """By the version that was in force when its price was fixed; of one older than versions, by what stands now."""
    line, term_days, sku, document = session.execute(
        select(AgreementLine, Agreement.payment_term_days, Product.sku, AgreementVersion.terms)
        .select_from(CallOff)
        .join(AgreementLine, AgreementLine.id == CallOff.line_id)
        .join(Agreement, Agreement.id == CallOff.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .outerjoin(AgreementVersion, AgreementVersion.id == CallOff.version_id)
        .where(CallOff.id == call_off_id)
    ).one()
    if document is None:
        return CallTerms(of_line(sku, line), term_days)
    terms = read(document)
    return CallTerms(next(said for said in terms.lines if said.sku == sku), terms.payment_term_days)

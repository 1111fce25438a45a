"""What must always be true of the books, as SQL that returns the rows for which it is not.

Each check is one statement. Many of the faults are refused by a constraint or a trigger as well: the check says whether
anybody found a way around it. `docs/check-books.md` lists them, and the invariants of the design that do not apply.
"""

from dataclasses import dataclass
from typing import Any

from shop.agreements.in_force import AGREED
from shop.agreements.states import AGREEMENT_LIFE, CALL_OFF_LIFE
from shop.claims.states import CLAIM_LIFE
from shop.income.states import PLAN_LIFE
from shop.kit.states import Life
from shop.live.states import LIVE_LIFE
from shop.orders.states import ORDER_LIFE
from shop.reports.rollups import proofs
from shop.rounds.states import ROUND_LIFE


@dataclass(frozen=True)
class Check:
    """`sql` returns the violations, at most `:limit` of them; it may bind `:now` and `:rollup`."""

    code: str
    zh: str
    en: str
    sql: str
    rollup: str | None = None


def _broken_path(table: str, life: Life[Any], *begins: str) -> str:
    """Rows whose history is not an unbroken path of allowed moves from one of `begins` to their status."""
    first = ", ".join(f"'{state}'" for state in begins)
    moves = ", ".join(f"('{state}', '{event}', '{after}')" for (state, event), after in life.moves.items())
    return f"""
        WITH steps AS (
            SELECT entity_id, event, from_state, to_state,
                lag(to_state) OVER (PARTITION BY entity_id ORDER BY id) AS before,
                row_number() OVER (PARTITION BY entity_id ORDER BY id) AS place,
                last_value(to_state) OVER (PARTITION BY entity_id ORDER BY id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ends
            FROM history WHERE entity_type = '{table}' AND to_state IS NOT NULL
        ), allowed (from_state, event, to_state) AS (VALUES {moves})
        SELECT entity_id, event, from_state, to_state FROM steps
        WHERE (place > 1 AND (from_state IS DISTINCT FROM before OR NOT EXISTS (
                SELECT FROM allowed WHERE allowed.from_state = steps.from_state AND allowed.event = steps.event
                    AND allowed.to_state = steps.to_state)))
           OR (place = 1 AND (from_state IS NOT NULL OR to_state NOT IN ({first})))
        UNION ALL
        SELECT {table}.id, 'status', ends, {table}.status FROM {table}
        LEFT JOIN (SELECT DISTINCT entity_id, ends FROM steps) AS last ON last.entity_id = {table}.id
        WHERE ends IS DISTINCT FROM {table}.status
    """


#: What was paid of penalties and is not void: to the firm by a buyer in breach, else by it, by agreement.
_PENALTIES_PAID = """
    SELECT agreements.firm_id, CASE side WHEN 'buyer' THEN amount_fen ELSE -amount_fen END AS firm_fen
    FROM (
        SELECT agreement_id, penalty_proposals.side, amount_fen FROM penalty_payments
        JOIN penalty_proposals ON penalty_proposals.id = proposal_id
        WHERE NOT EXISTS (SELECT FROM penalty_payment_voids WHERE payment_id = penalty_payments.id)
    ) AS paid JOIN agreements ON agreements.id = agreement_id
"""
#: Balances of the ledger; `party` 0 = the account has none.
_POSTED = """
    SELECT accounts.kind, coalesce(party_id, 0) AS party, sum(amount_fen) AS fen
    FROM accounts JOIN postings ON account_id = accounts.id GROUP BY accounts.kind, party_id
"""


def _ledger_says(kinds: str, facts: str) -> str:
    """Accounts of `kinds` whose balance is not what `facts` (kind, party, fen) add up to."""
    return f"""
        SELECT kind, party, coalesce(posted.fen, 0) AS posted_fen, coalesce(facts.fen, 0) AS facts_fen
        FROM (SELECT * FROM ({_POSTED}) AS every WHERE kind IN ({kinds})) AS posted
        FULL JOIN ({facts}) AS facts USING (kind, party)
        WHERE coalesce(posted.fen, 0) <> coalesce(facts.fen, 0)
    """


CHECKS: tuple[Check, ...] = (
    Check("I01", "库存数量不为负", "no stock number is negative", """
        SELECT 'pool' AS what, id FROM pools WHERE least(received_g, available_g, reserved_g, sold_g, withdrawn_g) < 0
        UNION ALL
        SELECT 'lot', id FROM lots WHERE least(received_g, dispatched_g, withdrawn_g, graded_g, repacked_g,
            received_g - dispatched_g - withdrawn_g - graded_g - repacked_g) < 0
        UNION ALL
        SELECT 'reservation', id FROM reservations WHERE least(held_g, sold_g, released_g) < 0"""),
    Check("I02", "入库 = 可售 + 占用 + 售出 + 退出", "received = available + reserved + sold + withdrawn", """
        SELECT id AS pool_id FROM pools WHERE received_g <> available_g + reserved_g + sold_g + withdrawn_g"""),
    Check("I03", "库存池数字等于出入库流水", "a pool's numbers equal the log of movements", """
        SELECT pools.id AS pool_id FROM pools LEFT JOIN (
            SELECT pool_id,
                sum(weight_g) FILTER (WHERE kind IN ('receive', 'transfer', 'grade', 'repack')) AS received_g,
                -sum(weight_g) FILTER (WHERE kind = 'dispatch') AS sold_g,
                -sum(weight_g) FILTER (WHERE kind = 'withdraw') AS withdrawn_g
            FROM movements GROUP BY pool_id) AS log ON log.pool_id = pools.id
        WHERE (pools.received_g, pools.sold_g, pools.withdrawn_g)
           <> (coalesce(log.received_g, 0), coalesce(log.sold_g, 0), coalesce(log.withdrawn_g, 0))"""),
    Check("I03-lots", "批次数字等于出入库流水", "a lot's numbers equal the log of movements", """
        SELECT lots.id AS lot_id FROM lots LEFT JOIN (
            SELECT lot_id, sum(weight_g) FILTER (WHERE kind = 'receive') AS received_g,
                -sum(weight_g) FILTER (WHERE kind = 'dispatch') AS dispatched_g,
                -sum(weight_g) FILTER (WHERE kind = 'withdraw') AS withdrawn_g,
                -sum(weight_g) FILTER (WHERE kind = 'grade') AS graded_g,
                -sum(weight_g) FILTER (WHERE kind = 'repack') AS repacked_g
            FROM movements GROUP BY lot_id) AS log ON log.lot_id = lots.id
        WHERE (lots.received_g, lots.dispatched_g, lots.withdrawn_g, lots.graded_g, lots.repacked_g)
           <> (coalesce(log.received_g, 0), coalesce(log.dispatched_g, 0), coalesce(log.withdrawn_g, 0),
               coalesce(log.graded_g, 0), coalesce(log.repacked_g, 0))"""),
    Check("I03-left", "批次：入库 = 售出 + 损耗 + 降级 + 改装 + 结余，结余等于库存",
        "lots: received = sold + lost + graded down + repacked + left, and what is left is the product's stock", """
        SELECT product_id, coalesce(in_lots.left_g, 0) AS left_g, coalesce(in_pools.left_g, 0) AS stock_g
        FROM (SELECT product_id, sum(received_g - dispatched_g - withdrawn_g - graded_g - repacked_g) AS left_g
              FROM lots GROUP BY product_id) AS in_lots
        FULL JOIN (SELECT product_id, sum(available_g + reserved_g) AS left_g FROM pools GROUP BY product_id)
            AS in_pools USING (product_id)
        WHERE coalesce(in_lots.left_g, 0) <> coalesce(in_pools.left_g, 0)"""),
    Check("I03-remade", "改装、降级的批次等于组成它的部分，源批次转出数相符，且未用旧合格证",
        "a remade lot is its parts, its sources gave just these, it bears a certificate of its own", """
        SELECT 'lot' AS what, lots.id FROM lots JOIN lot_parts ON lot_id = lots.id GROUP BY lots.id
        HAVING sum(weight_g) <> received_g OR EXISTS (SELECT FROM lot_deliveries WHERE lot_id = lots.id)
        UNION ALL
        SELECT 'source', lots.id FROM lots LEFT JOIN (
            SELECT source_id, sum(weight_g) FILTER (WHERE kind = 'graded') AS graded_g,
                sum(weight_g) FILTER (WHERE kind = 'repacked') AS repacked_g
            FROM lot_parts GROUP BY source_id) AS gave ON source_id = lots.id
        WHERE (lots.graded_g, lots.repacked_g) <> (coalesce(gave.graded_g, 0), coalesce(gave.repacked_g, 0))
        UNION ALL
        SELECT 'firm', lots.id FROM lots JOIN lot_parts ON lot_id = lots.id JOIN lots AS source ON source.id = source_id
        WHERE source.firm_id <> lots.firm_id OR source.certificate_number = lots.certificate_number
            OR source.harvested_on < lots.harvested_on OR source.expires_on < lots.expires_on"""),
    Check("I03-recalled", "召回的批次不再拣货、改装",
        "nothing was picked of a recalled lot, or made of it, while its recall stood", """
        SELECT recalls.id AS recall_id, recall_lots.lot_id FROM recalls
        JOIN recall_lots ON recall_id = recalls.id JOIN movements ON movements.lot_id = recall_lots.lot_id
        WHERE movements.kind IN ('dispatch', 'grade', 'repack') AND at > announced_at
            AND at < coalesce(lifted_at, 'infinity')
        UNION ALL
        SELECT recalls.id, lot_parts.lot_id FROM recalls JOIN recall_lots ON recall_id = recalls.id
        JOIN lot_parts ON source_id = recall_lots.lot_id JOIN lots ON lots.id = lot_parts.lot_id
        WHERE opened_at < announced_at AND NOT EXISTS (
            SELECT FROM recall_lots AS also WHERE also.recall_id = recalls.id AND also.lot_id = lot_parts.lot_id)"""),
    Check("I03-made", "批次等于组成它的交售，每张交售单按建批次时更正后的重量计",
        "a lot is what was delivered for it, each slip with its weight after the corrections of before the lot", """
        SELECT lots.id AS lot_id FROM lots JOIN lot_deliveries ON lot_id = lots.id
        JOIN deliveries ON deliveries.id = delivery_id GROUP BY lots.id
        HAVING sum(lot_deliveries.weight_g) <> lots.received_g
            OR bool_or(deliveries.firm_id <> lots.firm_id OR deliveries.product_id <> lots.product_id)
        UNION
        SELECT lots.id FROM lots JOIN lot_deliveries ON lot_id = lots.id JOIN deliveries ON deliveries.id = delivery_id
        WHERE (lot_deliveries.weight_g <> deliveries.weight_g
               OR delivery_id IN (SELECT delivery_id FROM delivery_corrections))
          AND NOT EXISTS (
            SELECT FROM (
                SELECT deliveries.weight_g, 0 AS position UNION ALL
                SELECT delivery_corrections.weight_g, position FROM delivery_corrections
                WHERE delivery_id = deliveries.id) AS said
            WHERE said.weight_g = lot_deliveries.weight_g AND NOT EXISTS (
                SELECT FROM delivery_corrections AS later WHERE later.delivery_id = deliveries.id
                    AND later.position > said.position AND recorded_at < opened_at))"""),
    Check("I04", "占用等于未了结的预留", "reserved = the holds that stand", """
        SELECT pools.id AS pool_id FROM pools LEFT JOIN (
            SELECT pool_id, sum(held_g) AS held_g FROM reservations GROUP BY pool_id) AS held ON held.pool_id = pools.id
        WHERE pools.reserved_g <> coalesce(held.held_g, 0)"""),
    Check("I04-lines", "预留与订单行一致", "a hold says what its order line says", """
        SELECT order_lines.id AS order_line_id FROM order_lines JOIN orders ON orders.id = order_id
        LEFT JOIN (
            SELECT coalesce(beside_id, id) AS reservation_id, sum(weight_g) AS weight_g, sum(held_g) AS held_g,
                sum(awaited_g) AS awaited_g, sum(sold_g) AS sold_g
            FROM reservations GROUP BY coalesce(beside_id, id)) AS holds USING (reservation_id)
        WHERE (holds.sold_g IS DISTINCT FROM dispatched_g AND reservation_id IS NOT NULL)
           OR holds.weight_g <> order_lines.weight_g
           OR (status IN ('confirmed', 'partly_dispatched')
               AND held_g + awaited_g IS DISTINCT FROM order_lines.weight_g - cancelled_g - dispatched_g)
           OR (status IN ('cancelled', 'expired') AND held_g + awaited_g > 0)"""),
    Check("I04-asides", "渠道、团购的预留到时退回公开库存，且只供应该渠道、该团购的订单",
        "what was set aside for a channel or a round goes back when it ends, and serves its orders alone", """
        SELECT 'left' AS what, id FROM pools WHERE available_g > 0 AND code IS NOT NULL
            AND least(until, ended_at) < CAST(:now AS timestamptz) - interval '1 hour'
        UNION ALL
        SELECT 'other', orders.id FROM reservations JOIN pools ON pools.id = pool_id AND kind = 'set_aside'
        JOIN order_lines ON reservation_id = coalesce(beside_id, reservations.id) JOIN orders ON orders.id = order_id
        WHERE (orders.occasion_id = pools.occasion_id OR orders.channel_kind = pools.channel_kind) IS NOT TRUE
            AND NOT EXISTS (SELECT FROM attribution_changes WHERE attribution_changes.order_id = orders.id)
        UNION ALL
        SELECT 'product', reservations.id FROM reservations JOIN pools ON pools.id = pool_id
        JOIN order_lines ON reservation_id = coalesce(beside_id, reservations.id)
        WHERE order_lines.product_id <> pools.product_id"""),
    Check("I04-presales", "预售已订量等于有效预订之和且不超过上限，先下单的先得货",
        "what a pre-sale took is what its holds stand for, within its cap; who placed first is served first", """
        SELECT 'cap' AS what, presales.id FROM presales LEFT JOIN reservations ON presale_id = presales.id
        GROUP BY presales.id HAVING taken_g <> coalesce(sum(weight_g - released_g), 0) OR taken_g > cap_g
        UNION ALL
        SELECT 'overtaken', waits.id FROM reservations AS waits JOIN reservations AS later
            ON later.pool_id = waits.pool_id AND later.id > waits.id AND later.presale_id IS NOT NULL
            AND later.held_g + later.sold_g > 0
        WHERE waits.awaited_g > 0
        UNION ALL
        SELECT 'order', orders.id FROM orders JOIN order_lines ON order_id = orders.id
        JOIN reservations ON reservations.id = reservation_id
        WHERE orders.presale_id IS DISTINCT FROM reservations.presale_id"""),
    Check("I05", "没有过期五分钟以上的占用", "no hold outlives its expiry by five minutes", """
        SELECT id AS order_id FROM orders WHERE status = 'placed' AND expires_at < CAST(:now AS timestamptz)
            - interval '5 minutes'"""),
    Check("I06", "拣货等于批次与订单行的发货", "picks add up to what lots and lines dispatched", """
        SELECT 'lot' AS what, lots.id FROM lots LEFT JOIN picks ON lot_id = lots.id GROUP BY lots.id
        HAVING coalesce(sum(picks.weight_g), 0) <> lots.dispatched_g
        UNION ALL
        SELECT 'line', order_lines.id FROM order_lines LEFT JOIN picks ON order_line_id = order_lines.id
        GROUP BY order_lines.id HAVING coalesce(sum(picks.weight_g), 0) <> order_lines.dispatched_g"""),
    Check("I07", "订单金额 = 各行 + 运费 - 优惠", "an order's total = lines + freight - discount", """
        SELECT orders.id AS order_id FROM orders LEFT JOIN order_lines ON order_id = orders.id GROUP BY orders.id
        HAVING coalesce(sum(amount_fen), 0) <> goods_fen OR total_fen <> goods_fen + freight_fen - orders.discount_fen
            OR bool_or(amount_fen <> CASE price_basis WHEN 'pack' THEN quantity * price_fen WHEN 'line' THEN price_fen
                                     ELSE (weight_g * price_fen * 2 + 1000) / 2000 END)"""),
    Check("I07-cuts", "订单行减去的数量与金额等于各次部分取消之和",
        "what was taken off a line is the sum of its cuts, and only what was confirmed is cut", """
        SELECT order_lines.id AS order_line_id FROM order_lines JOIN orders ON orders.id = order_id LEFT JOIN (
            SELECT order_line_id, sum(weight_g) AS weight_g, sum(amount_fen) AS fen,
                bool_and(packs IS NOT NULL) AS whole
            FROM order_cuts GROUP BY order_line_id) AS cuts ON order_line_id = order_lines.id
        WHERE (cancelled_g, cancelled_fen) <> (coalesce(cuts.weight_g, 0), coalesce(cuts.fen, 0))
           OR (cancelled_g > 0 AND confirmed_at IS NULL)
           OR (cuts.whole AND cancelled_g % unit_weight_g <> 0)
           OR (cancelled_g = order_lines.weight_g AND amount_fen - order_lines.discount_fen <> cancelled_fen)"""),
    Check("I08", "订单已付、已退等于成功的收退款", "paid and refunded mirror payments and refunds", """
        SELECT orders.id AS order_id FROM orders
        WHERE paid_fen <> (SELECT coalesce(sum(amount_fen), 0) FROM payments
                           WHERE payments.order_id = orders.id AND payments.status = 'succeeded')
           OR refunded_fen <> (SELECT coalesce(sum(amount_fen), 0) FROM refunds
                               WHERE refunds.order_id = orders.id AND refunds.status = 'succeeded')"""),
    Check("I08-lines", "订单行已退等于成功退款的明细", "a line's refunds mirror the lines of refunds", """
        SELECT order_lines.id AS order_line_id FROM order_lines
        WHERE refunded_fen <> (SELECT coalesce(sum(refund_lines.amount_fen), 0) FROM refund_lines
                               JOIN refunds ON refunds.id = refund_id AND refunds.status = 'succeeded'
                               WHERE order_line_id = order_lines.id)"""),
    Check("I09", "退款（含在途）不超过原付款", "refunds, done or under way, stay within their payment", """
        SELECT payments.id AS payment_id FROM payments JOIN refunds ON payment_id = payments.id
            AND refunds.status <> 'failed' GROUP BY payments.id
        HAVING sum(refunds.amount_fen) > payments.amount_fen OR payments.status <> 'succeeded'
            OR bool_or(refunds.order_id <> payments.order_id)"""),
    Check("I09-lines", "退款明细合计等于退款", "the lines of a refund add up to it", """
        SELECT refunds.id AS refund_id FROM refunds LEFT JOIN refund_lines ON refund_id = refunds.id GROUP BY refunds.id
        HAVING coalesce(sum(refund_lines.amount_fen), 0) <> refunds.amount_fen"""),
    Check("I10", "一笔渠道流水只记一次", "a provider's transaction is booked once", """
        SELECT provider, provider_txn FROM payments WHERE provider_txn IS NOT NULL
        GROUP BY provider, provider_txn HAVING count(*) > 1"""),
    Check("I10-book", "支付方账本与我们的收退款一致", "the provider's own book is ours", """
        SELECT txn FROM simulated_charges
        LEFT JOIN payments ON kind = 'pay' AND payments.number = out_number
        LEFT JOIN refunds ON kind = 'refund' AND refunds.number = out_number
        WHERE coalesce(payments.amount_fen, refunds.amount_fen, 0) <> simulated_charges.amount_fen
           OR (done_at IS NULL AND 'succeeded' IN (payments.status, refunds.status))
           OR (notified_at IS NOT NULL AND coalesce(payments.status, refunds.status, '') <> 'succeeded')
        UNION ALL
        SELECT payments.number FROM payments WHERE provider = 'simulated' AND payments.status = 'succeeded'
            AND NOT EXISTS (SELECT FROM simulated_charges WHERE kind = 'pay' AND out_number = payments.number)
        UNION ALL
        SELECT refunds.number FROM refunds JOIN payments ON payments.id = payment_id AND provider = 'simulated'
        WHERE refunds.status = 'succeeded'
            AND NOT EXISTS (SELECT FROM simulated_charges WHERE kind = 'refund' AND out_number = refunds.number)"""),
    Check("I11", "每张凭证借贷相抵且至少两笔", "each journal sums to zero and has two legs or more", """
        SELECT journals.id AS journal_id FROM journals LEFT JOIN postings ON journal_id = journals.id
        GROUP BY journals.id HAVING coalesce(sum(amount_fen), 0) <> 0 OR count(postings.id) < 2"""),
    Check("I12", "总账借贷相抵", "the whole ledger sums to zero", """
        SELECT sum(amount_fen) AS fen FROM postings HAVING coalesce(sum(amount_fen), 0) <> 0"""),
    Check("I13", "往来余额等于收款、退款、平台打款、预收、定金、违约金、应收的事实",
        "clearing, marketplaces, refunds due, advances, deposits, penalties, receivables say what happened",
        _ledger_says("'clearing', 'marketplace', 'refunds_due', 'advances', 'deposit', 'receivable'", f"""
            SELECT 'clearing' AS kind, 0 AS party,
                (SELECT coalesce(sum(amount_fen), 0) FROM payments
                 WHERE status = 'succeeded' AND provider NOT IN ('marketplace', 'deposit'))
                - (SELECT coalesce(sum(refunds.amount_fen), 0) FROM refunds JOIN payments ON payments.id = payment_id
                   WHERE refunds.status = 'succeeded' AND provider <> 'marketplace')
                + (SELECT coalesce(sum(received_fen), 0) FROM marketplace_payouts)
                + (SELECT coalesce(sum(CASE kind WHEN 'received' THEN amount_fen ELSE -amount_fen END), 0)
                   FROM deposit_moves WHERE kind IN ('received', 'returned', 'doubled'))
                + (SELECT coalesce(sum(firm_fen), 0) FROM ({_PENALTIES_PAID}) AS paid) AS fen
            UNION ALL
            SELECT 'deposit', party_id, sum(CASE deposit_moves.kind WHEN 'received' THEN -amount_fen
                                            ELSE amount_fen END)
            FROM deposit_moves JOIN agreements ON agreements.id = agreement_id
            JOIN partners ON partners.id = agreements.partner_id
            WHERE deposit_moves.kind <> 'doubled' GROUP BY party_id
            UNION ALL
            SELECT 'marketplace', party_id, sum(fen) FROM (
                SELECT partner_id, paid_fen - refunded_fen AS fen FROM orders WHERE EXISTS (
                    SELECT FROM payments WHERE payments.order_id = orders.id AND provider = 'marketplace')
                UNION ALL
                SELECT partner_id, -received_fen FROM marketplace_payouts
                JOIN marketplaces ON marketplaces.id = marketplace_id) AS moved
            JOIN partners ON partners.id = partner_id GROUP BY party_id
            UNION ALL
            SELECT 'refunds_due', 0, -coalesce(sum(amount_fen), 0) FROM refunds WHERE status = 'pending'
            UNION ALL
            SELECT 'advances', 0, -coalesce(sum(paid_fen - (
                SELECT coalesce(sum(amount_fen), 0) FROM refunds
                WHERE refunds.order_id = orders.id AND refunds.status <> 'failed')), 0)
            FROM orders WHERE payment_terms = 'in_advance' AND orders.status <> 'settled'
            UNION ALL
            SELECT 'receivable', buyer_party_id, sum((
                SELECT coalesce(sum(net_fen), 0) FROM settlements WHERE settlements.order_id = orders.id) - paid_fen)
            FROM orders WHERE payment_terms = 'on_invoice' GROUP BY buyer_party_id""")),
    Check("I13-shares", "企业、主播、平台、承运账户等于结算份额、坑位费与已付违约金",
        "firms, hosts, platforms, carriers are owed their shares, hosts also slot fees, firms also penalties",
        _ledger_says("'firm', 'host', 'platform', 'carrier', 'pledged'", f"""
            SELECT kind, party, sum(fen) AS fen FROM (
                SELECT CASE kind WHEN 'coupon' THEN 'pledged' ELSE kind END AS kind, coalesce(party_id, 0) AS party,
                    -amount_fen AS fen FROM settlement_shares
                UNION ALL
                SELECT 'firm', firms.party_id,
                    CASE deposit_moves.kind WHEN 'forfeited' THEN -amount_fen ELSE amount_fen END FROM deposit_moves
                JOIN agreements ON agreements.id = agreement_id JOIN firms ON firms.id = firm_id
                WHERE deposit_moves.kind IN ('forfeited', 'doubled')
                UNION ALL
                SELECT 'firm', party_id, -firm_fen FROM ({_PENALTIES_PAID}) AS paid
                JOIN firms ON firms.id = firm_id
                UNION ALL
                SELECT owes.kind, CASE owes.kind WHEN 'host' THEN partners.party_id ELSE firms.party_id END,
                    owes.sign * slot_fee_fen
                FROM live_sessions JOIN shelf_items USING (occasion_id) JOIN products ON products.id = product_id
                JOIN firms ON firms.id = products.firm_id JOIN occasions ON occasions.id = live_sessions.occasion_id
                JOIN partners ON partners.id = occasions.partner_id
                CROSS JOIN (VALUES ('host', -1), ('pledged', 1)) AS owes (kind, sign)
                WHERE live_sessions.status = 'settled' AND started_at IS NOT NULL
            ) AS owed GROUP BY kind, party""")),
    Check("I13-deposits", "定金余额不为负，抵扣各有付款",
        "no deposit is used beyond what came in, a set-off is a payment", """
        SELECT agreement_id FROM deposit_moves WHERE kind <> 'doubled' GROUP BY agreement_id
        HAVING sum(CASE kind WHEN 'received' THEN amount_fen ELSE -amount_fen END) < 0
        UNION ALL
        SELECT agreement_id FROM deposit_moves JOIN payments ON payments.id = payment_id
        WHERE payments.amount_fen <> deposit_moves.amount_fen OR provider <> 'deposit'"""),
    Check("I13-penalties", "违约金付款只付已主张的，不超过主张，登记与作废各有凭证",
        "no more is paid of a penalty than was claimed; each payment and each void of one has its journal", """
        SELECT penalty_proposals.id AS proposal_id FROM penalty_payments
        JOIN penalty_proposals ON penalty_proposals.id = proposal_id
        WHERE NOT EXISTS (SELECT FROM penalty_payment_voids WHERE payment_id = penalty_payments.id)
        GROUP BY penalty_proposals.id HAVING sum(amount_fen) > penalty_fen OR penalty_proposals.status <> 'claimed'
        UNION ALL
        SELECT proposal_id FROM (
            SELECT id, proposal_id, 'paid' AS kind FROM penalty_payments
            UNION ALL
            SELECT id, proposal_id, 'voided' FROM penalty_payments
            JOIN penalty_payment_voids ON payment_id = penalty_payments.id
        ) AS said WHERE NOT EXISTS (SELECT FROM journals WHERE source_type = 'penalty_payments'
            AND source_id = said.id AND journals.kind = said.kind)"""),
    Check("I13-households", "农户账户等于入户记录", "households are owed what was recorded for them",
        _ledger_says("'household'", """
            SELECT 'household' AS kind, party_id AS party, -sum(amount_fen) AS fen
            FROM income_entries JOIN households ON households.id = household_id GROUP BY party_id""")),
    Check("I13-costs", "企业支出、公积金、财政补贴等于入户记录与分配方案",
        "firms' costs, reserves and subsidies are what was recorded",
        _ledger_says("'firm_costs', 'reserve', 'subsidies'", """
            SELECT 'subsidies' AS kind, 0::bigint AS party, sum(amount_fen) AS fen FROM income_entries
            WHERE firm_id IS NULL HAVING count(*) > 0
            UNION ALL
            SELECT 'firm_costs' AS kind, party_id AS party, sum(fen) AS fen FROM (
                SELECT firm_id, amount_fen AS fen FROM income_entries
                UNION ALL SELECT firm_id, reserve_fen FROM surplus_plans WHERE status = 'booked') AS spent
            JOIN firms ON firms.id = firm_id GROUP BY party_id
            UNION ALL
            SELECT 'reserve', party_id, -sum(reserve_fen) FROM surplus_plans JOIN firms ON firms.id = firm_id
            WHERE surplus_plans.status = 'booked' GROUP BY party_id""")),
    Check("I14", "结算净额 = 各方份额", "a settlement's net = its shares", """
        SELECT settlements.id AS settlement_id FROM settlements LEFT JOIN settlement_shares
            ON settlement_id = settlements.id GROUP BY settlements.id
        HAVING coalesce(sum(amount_fen), 0) <> net_fen
            OR bool_or(kind <> 'coupon' AND sign(amount_fen) * sign(net_fen) < 0)"""),
    Check("I14-orders", "已结算订单：净额 = 实付 - 退款，或验收金额",
        "a settled order's net = paid - refunded, or what was accepted", """
        SELECT orders.id AS order_id FROM orders WHERE status = 'settled' AND (
            SELECT coalesce(sum(net_fen), 0) FROM settlements WHERE settlements.order_id = orders.id)
          <> CASE payment_terms
             WHEN 'in_advance' THEN paid_fen - (SELECT coalesce(sum(amount_fen), 0) FROM refunds
                                                WHERE refunds.order_id = orders.id AND refunds.status <> 'failed')
             ELSE (SELECT coalesce(sum(accepted_fen), 0) FROM order_lines
                   WHERE order_lines.order_id = orders.id) END"""),
    Check("I15", "一个事件一类凭证只记一次", "one journal for each source event and kind", """
        SELECT source_type, source_id, kind FROM journals GROUP BY source_type, source_id, kind HAVING count(*) > 1"""),
    Check("I16", "收款、退款、结算、入户都有凭证",
        "no payment, refund, settlement or income without its journal", """
        SELECT 'payment' AS what, payments.id FROM payments WHERE status = 'succeeded' AND NOT EXISTS (
            SELECT FROM journals WHERE source_type = 'payments' AND source_id = payments.id AND kind = 'payment')
        UNION ALL
        SELECT 'refund', refunds.id FROM refunds WHERE status <> 'failed' AND NOT EXISTS (
            SELECT FROM journals WHERE source_type = 'refunds' AND source_id = refunds.id AND kind = 'refund')
        UNION ALL
        SELECT 'paid back', refunds.id FROM refunds WHERE status = 'succeeded' AND NOT EXISTS (
            SELECT FROM journals WHERE source_type = 'refunds' AND source_id = refunds.id AND kind = 'paid_back')
        UNION ALL
        SELECT 'settlement', settlements.id FROM settlements LEFT JOIN (
            postings JOIN accounts ON accounts.id = account_id AND accounts.kind <> 'pledged')
            ON postings.journal_id = settlements.journal_id AND amount_fen * sign(net_fen) > 0
        WHERE net_fen <> 0 GROUP BY settlements.id HAVING coalesce(sum(amount_fen), 0) <> net_fen
        UNION ALL
        SELECT 'income', income_entries.id FROM income_entries LEFT JOIN (
            postings JOIN accounts ON accounts.id = account_id AND accounts.kind = 'household'
            JOIN households ON households.party_id = accounts.party_id)
            ON postings.journal_id = income_entries.journal_id AND households.id = household_id
        WHERE postings.amount_fen IS DISTINCT FROM -income_entries.amount_fen"""),
    Check("I17", "没有人被多付", "nobody owes us who should be owed, but for what a firm in breach paid itself", f"""
        SELECT kind, party, sum(fen)::bigint AS fen FROM (
            SELECT kind, party, fen FROM ({_POSTED}) AS posted
            UNION ALL
            SELECT 'firm', party_id, -amount_fen FROM deposit_moves JOIN agreements ON agreements.id = agreement_id
            JOIN firms ON firms.id = firm_id WHERE deposit_moves.kind = 'doubled'
            UNION ALL
            SELECT 'firm', party_id, firm_fen FROM ({_PENALTIES_PAID}) AS paid JOIN firms ON firms.id = firm_id
            WHERE firm_fen < 0
        ) AS owed WHERE kind IN ('firm', 'host', 'platform', 'carrier', 'household', 'reserve')
        GROUP BY kind, party HAVING sum(fen) > 0"""),
    Check("I19", "要货不超过协议约定量", "no more is called off than was promised", """
        SELECT agreement_lines.id AS line_id FROM agreement_lines JOIN call_offs
            ON line_id = agreement_lines.id GROUP BY agreement_lines.id
        HAVING sum(stands_g) > committed_g - on_paper_g"""),
    Check("I19-stands", "每次要货占用的约定量等于其订单待交或已验收的重量",
        "what a call-off takes of the promise is what its order has to bring or what was accepted", """
        SELECT call_offs.id AS call_off_id FROM call_offs
        LEFT JOIN orders ON call_off_id = call_offs.id LEFT JOIN order_lines ON order_id = orders.id
        WHERE stands_g <> CASE WHEN call_offs.status = 'cancelled' THEN 0
            ELSE coalesce(accepted_g, order_lines.weight_g - cancelled_g, call_offs.weight_g) END"""),
    Check("I19-terms", "协议条款等于双方签署的生效文本",
        "an agreement's terms are those of the document that both signed", """
        SELECT agreements.id AS agreement_id FROM agreements
        JOIN agreement_versions ON agreement_versions.id = agreements.version_id
        WHERE NOT to_jsonb(agreements) @> (terms - ARRAY['agreement', 'partner', 'firm', 'lines'])
           OR (SELECT count(*) FROM agreement_signatures
               WHERE agreement_signatures.version_id = agreements.version_id) <> 2
        UNION ALL
        SELECT agreement_lines.agreement_id FROM agreement_lines
        JOIN products ON products.id = product_id JOIN agreements ON agreements.id = agreement_lines.agreement_id
        JOIN agreement_versions ON agreement_versions.id = agreements.version_id
        LEFT JOIN LATERAL jsonb_array_elements(terms->'lines') AS said ON said->>'sku' = sku
        WHERE (said IS NULL AND committed_g <> 0)
            OR NOT to_jsonb(agreement_lines) @> (said - ARRAY['sku', 'per_date_g'])"""),
    Check("I19-due", "应交排期与登记前纸面履行合计等于约定量",
        "what the schedule asks for and what fell due on paper before add up to the promise", """
        SELECT agreement_lines.id AS line_id FROM agreement_lines JOIN due_weights ON line_id = agreement_lines.id
        GROUP BY agreement_lines.id HAVING sum(weight_g) + on_paper_g <> committed_g"""),
    Check("I20", "要货属于协议本身，并在期限之内",
        "a call-off is of its agreement, within its term, and so is its order", """
        SELECT call_offs.id AS call_off_id FROM call_offs JOIN agreements ON agreements.id = call_offs.agreement_id
        JOIN agreement_lines ON agreement_lines.id = line_id
        LEFT JOIN orders ON call_off_id = call_offs.id LEFT JOIN order_lines ON order_id = orders.id
        WHERE call_offs.due_on NOT BETWEEN starts_on AND ends_on
           OR agreement_lines.agreement_id <> call_offs.agreement_id
           OR (orders.id IS NOT NULL AND (orders.occasion_id, orders.partner_id, orders.firm_id,
                                          order_lines.product_id, order_lines.weight_g, order_lines.price_fen)
               IS DISTINCT FROM (agreements.occasion_id, agreements.partner_id, agreements.firm_id,
                                 agreement_lines.product_id, call_offs.weight_g, price_fen_per_kg))
           OR (orders.status IN ('cancelled', 'expired')) <> (call_offs.status = 'cancelled')"""),
    Check("I20-floor", "协议价不低于当时的保底价",
        "no call-off is priced below the floor that stood when its price was fixed", f"""
        SELECT call_offs.id AS call_off_id FROM call_offs JOIN agreement_lines ON agreement_lines.id = line_id
        LEFT JOIN {AGREED} AS agreed ON agreed.version_id = call_offs.version_id
            AND agreed.line_id = call_offs.line_id
        WHERE price_fen_per_kg < coalesce(agreed.floor_fen_per_kg, agreement_lines.floor_fen_per_kg)
           OR (coalesce(agreed.price_rule, agreement_lines.price_rule) = 'FIXED'
               AND price_fen_per_kg <> coalesce(agreed.floor_fen_per_kg, agreement_lines.floor_fen_per_kg))
           OR (call_offs.version_id IS NOT NULL AND agreed.line_id IS NULL)"""),
    Check("I20-version", "要货按定价时生效的文本",
        "a call-off stands under the version that was in force when its price was fixed", """
        -- When it was asked for or last moved: a mere reduction fixes no price. `due_on` of a change is the day before
        -- it. What was before what is told by the order of writing: a clock may have been set back.
        SELECT call_offs.id AS call_off_id FROM call_offs JOIN agreements ON agreements.id = agreement_id
        LEFT JOIN (
            SELECT entity_id, max(id) AS id FROM (
                SELECT history.entity_id, history.id, event, (facts->>'due_on')::date AS was_on,
                    coalesce(lead((facts->>'due_on')::date) OVER (PARTITION BY history.entity_id ORDER BY history.id),
                        due_on) AS is_on
                FROM history JOIN call_offs ON call_offs.id = history.entity_id
                WHERE entity_type = 'call_offs' AND event IN ('request', 'change')
            ) AS words WHERE event = 'request' OR was_on <> is_on GROUP BY entity_id
        ) AS fixed ON fixed.entity_id = call_offs.id
        WHERE agreements.version_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM (
                SELECT (facts->>'version')::int AS number FROM history
                WHERE entity_type = 'agreements' AND entity_id = call_offs.agreement_id
                  AND event IN ('sign', 'amend') AND history.id < fixed.id ORDER BY history.id DESC LIMIT 1
            ) AS in_force
            JOIN agreement_versions AS agreed
                ON agreed.agreement_id = call_offs.agreement_id AND agreed.number = in_force.number
            WHERE agreed.id = call_offs.version_id)"""),
    Check("I20-grades", "分级验收合计等于该行验收的重量与金额",
        "accepted grades add up to the line's weight and amount", """
        SELECT order_line_id FROM graded_acceptances JOIN order_lines ON order_lines.id = order_line_id
        GROUP BY order_line_id, accepted_g, accepted_fen
        HAVING (sum(graded_acceptances.weight_g), sum(graded_acceptances.amount_fen))
            IS DISTINCT FROM (accepted_g::numeric, accepted_fen::numeric)"""),
    Check("I20-corrections", "验收更正首尾相接，最后一次等于该行现在的验收",
        "corrections of an acceptance follow on each other, the last is what the line says", """
        SELECT steps.order_id, steps.position FROM acceptance_corrections AS steps
        JOIN order_lines ON order_lines.id = order_line_id
        LEFT JOIN acceptance_corrections AS later
            ON later.order_id = steps.order_id AND later.position = steps.position + 1
        WHERE (steps.accepted_g, steps.accepted_fen) IS DISTINCT FROM (
            coalesce(later.was_g, order_lines.accepted_g), coalesce(later.was_fen, order_lines.accepted_fen))"""),
    Check("I21", "一项收入只记一次", "an event of income counts once", """
        SELECT source_type, source_id, kind FROM income_entries
        GROUP BY source_type, source_id, kind HAVING count(*) > 1"""),
    Check("I22", "交售、工资、租金、返还、分红与入户记录一一相符",
        "every slip, wage, rent and share has its income, none is without", """
        WITH events AS (
            SELECT 'deliveries' AS source_type, id AS source_id, 'sale' AS kind, household_id, firm_id, amount_fen,
                delivered_on AS day FROM deliveries
            UNION ALL
            SELECT 'delivery_corrections', delivery_corrections.id, 'sale', household_id, firm_id, change_fen,
                delivered_on FROM delivery_corrections JOIN deliveries ON deliveries.id = delivery_id
            UNION ALL
            SELECT 'household_payments', id, kind, household_id, firm_id, amount_fen, paid_on FROM household_payments
            UNION ALL
            SELECT 'payment_corrections', payment_corrections.id, kind, household_id, firm_id, change_fen, paid_on
                FROM payment_corrections JOIN household_payments ON household_payments.id = payment_id
            UNION ALL
            SELECT 'guarantee_payments', guarantee_payments.id,
                CASE kind WHEN 'guaranteed' THEN 'land_rent' ELSE 'dividend' END, household_id, firm_id, amount_fen,
                paid_on FROM guarantee_payments JOIN guarantee_contracts ON guarantee_contracts.id = contract_id
            UNION ALL
            SELECT 'guarantee_voids', guarantee_payments.id,
                CASE kind WHEN 'guaranteed' THEN 'land_rent' ELSE 'dividend' END, household_id, firm_id, -amount_fen,
                paid_on FROM guarantee_voids JOIN guarantee_payments USING (contract_id, year, kind, position)
                JOIN guarantee_contracts ON guarantee_contracts.id = contract_id
            UNION ALL
            SELECT steps.source, surplus_shares.id, kinds.kind, household_id, firm_id,
                sign * CASE kinds.kind WHEN 'patronage' THEN surplus_shares.patronage_fen
                                       ELSE surplus_shares.dividend_fen END, booked_on
            FROM surplus_shares JOIN surplus_plans ON surplus_plans.id = plan_id
            JOIN (VALUES ('surplus_shares', 1, 'booked'), ('surplus_shares', 1, 'reversed'),
                         ('surplus_reversals', -1, 'reversed')) AS steps (source, sign, status) USING (status)
            CROSS JOIN (VALUES ('patronage'), ('dividend')) AS kinds (kind)
        )
        SELECT source_type, source_id, kind FROM (SELECT * FROM events WHERE amount_fen <> 0) AS events
        FULL JOIN (SELECT * FROM income_entries
                   WHERE source_type IN ('deliveries', 'delivery_corrections', 'household_payments',
                                         'payment_corrections', 'guarantee_payments', 'guarantee_voids',
                                         'surplus_shares', 'surplus_reversals')) AS entries
            USING (source_type, source_id, kind)
        WHERE (events.household_id, events.firm_id, events.amount_fen, events.day)
           IS DISTINCT FROM (entries.household_id, entries.firm_id, entries.amount_fen, entries.earned_on)"""),
    Check("I22-months", "收入记在发生的月份（已结账的记入当前月份），类别按国家统计口径",
        "income stands in its month, or after it if that was closed, and in its category", """
        SELECT id AS income_entry_id FROM income_entries
        WHERE month < date_trunc('month', earned_on)::date
           OR (month > date_trunc('month', earned_on)::date
               AND date_trunc('month', earned_on)::date > (SELECT coalesce(max(closed_months.month), '0001-01-01')
                                                           FROM closed_months))
           OR category <> CASE kind WHEN 'wage' THEN 'wage' WHEN 'subsidy' THEN 'transfer'
                          WHEN 'land_rent' THEN 'property' WHEN 'dividend' THEN 'property' ELSE 'business' END"""),
    Check("I22-closed", "已结账月份的收入单与记录一致", "statements of closed months say what was recorded", """
        SELECT month, household_id FROM (
            SELECT month, household_id, wage_fen + business_gross_fen + property_fen + transfer_fen AS fen, entries
            FROM monthly_statements) AS told
        FULL JOIN (
            SELECT month, household_id, sum(amount_fen) AS fen, count(*) AS entries FROM income_entries
            WHERE month <= (SELECT max(closed_months.month) FROM closed_months)
            GROUP BY month, household_id) AS recorded
            USING (month, household_id)
        WHERE (told.fen, told.entries) IS DISTINCT FROM (recorded.fen, recorded.entries)"""),
    Check("I22-corrections", "更正后的交售单、支付与成本记录不为负，每次更正接着上一次",
        "a corrected slip, payment or cost is never negative, each correction follows the one before", """
        WITH records AS (
            SELECT 'payment' AS what, payment_corrections.id, payment_id AS of, position,
                payment_corrections.amount_fen, change_fen, household_payments.amount_fen AS written_fen
            FROM payment_corrections JOIN household_payments ON household_payments.id = payment_id
            UNION ALL
            SELECT 'cost', cost_corrections.id, record_id, position, cost_corrections.amount_fen, change_fen,
                cost_records.amount_fen
            FROM cost_corrections JOIN cost_records ON cost_records.id = record_id
        )
        SELECT records.what, records.id AS correction_id FROM records
        LEFT JOIN records AS before ON before.what = records.what AND before.of = records.of
            AND before.position = records.position - 1
        WHERE records.change_fen <> records.amount_fen - coalesce(before.amount_fen, records.written_fen)
           OR (before.id IS NULL) <> (records.position = 1)
        UNION ALL
        SELECT 'slip', delivery_corrections.id FROM delivery_corrections
        JOIN deliveries ON deliveries.id = delivery_id
        LEFT JOIN delivery_corrections AS before ON before.delivery_id = delivery_corrections.delivery_id
            AND before.position = delivery_corrections.position - 1
        WHERE delivery_corrections.change_fen
                <> delivery_corrections.amount_fen - coalesce(before.amount_fen, deliveries.amount_fen)
           OR delivery_corrections.change_g
                <> delivery_corrections.weight_g - coalesce(before.weight_g, deliveries.weight_g)
           OR (before.id IS NULL) <> (delivery_corrections.position = 1)"""),
    Check("I22-surplus", "盈余分配各份合计等于方案，返还不低于六成",
        "surplus shares add up to their plan, the legal floor holds", """
        SELECT surplus_plans.id AS plan_id FROM surplus_plans LEFT JOIN surplus_shares ON plan_id = surplus_plans.id
        WHERE historical OR laid_open_on IS NOT NULL GROUP BY surplus_plans.id
        HAVING coalesce(sum(surplus_shares.patronage_fen), 0) <> surplus_plans.patronage_fen
            OR coalesce(sum(surplus_shares.dividend_fen), 0) <> surplus_plans.dividend_fen
            OR surplus_plans.patronage_fen * 10000 < distributable_fen * 6000
            OR (NOT historical AND (distributable_fen > 0 OR count(surplus_shares.id) > 0)
                AND sum(surplus_shares.reserve_fen) <> surplus_plans.reserve_fen)
            OR distributable_fen + surplus_plans.reserve_fen <> greatest(surplus_fen - prior_loss_fen, 0)
        UNION ALL
        SELECT id FROM surplus_plans WHERE NOT historical AND status IN ('approved', 'booked', 'reversed')
            AND (met_on >= laid_open_on + 15) IS NOT TRUE"""),
    Check("I22-collectives", "村集体收入各村之和等于该笔收入，冲销与原笔相抵",
        "villages' parts add up to their event, a reversal mirrors its event", """
        SELECT collective_incomes.id AS event_id FROM collective_incomes
        LEFT JOIN collective_parts ON event_id = collective_incomes.id
        LEFT JOIN collective_incomes AS undone ON undone.id = collective_incomes.reverses_id
        GROUP BY collective_incomes.id, undone.id
        HAVING coalesce(sum(collective_parts.income_fen), 0) <> collective_incomes.income_fen
            OR coalesce(sum(collective_parts.cost_fen), 0) <> collective_incomes.cost_fen
            OR (undone.id IS NOT NULL AND (undone.income_fen + collective_incomes.income_fen <> 0
                                           OR undone.cost_fen + collective_incomes.cost_fen <> 0))"""),
    Check("I22-costs", "成本等于当日成本率乘更正后的交售或成本记录，一次销售只算一次成本",
        "a cost is the rate of its day times its slip as corrected, or its record; no sale of a family bears both", """
        WITH sold AS (
            SELECT id, household_id, amount_fen, weight_g, coalesce(corrects_id, id) AS slip_id,
                sum(weight_g) OVER (PARTITION BY coalesce(corrects_id, id) ORDER BY id)::bigint AS grams
            FROM income_entries WHERE kind = 'sale'
        ), wrong AS (
            SELECT lines.id FROM cost_lines AS lines LEFT JOIN sold ON sold.id = lines.income_entry_id
            LEFT JOIN cost_rates ON cost_rates.id = lines.rate_id
            LEFT JOIN cost_corrections ON cost_corrections.id = lines.correction_id
            LEFT JOIN cost_records ON cost_records.id = coalesce(lines.record_id, cost_corrections.record_id)
            LEFT JOIN cost_lines AS undone ON undone.id = lines.corrects_id
            LEFT JOIN cost_lines AS back ON back.corrects_id = lines.id
            WHERE CASE
                WHEN lines.position % 2 = 1 THEN (lines.household_id, lines.covers_fen, lines.amount_fen)
                    IS DISTINCT FROM (sold.household_id, -sold.amount_fen, 0)
                WHEN sold.id IS NOT NULL THEN (lines.household_id, lines.covers_fen, lines.amount_fen)
                    IS DISTINCT FROM (sold.household_id, sold.amount_fen, CASE WHEN lines.rate_id IS NULL THEN 0
                        WHEN back.id IS NOT NULL THEN lines.amount_fen
                        ELSE (grams * cost_rates.rate_fen * 2 + 1000) / 2000
                             - ((grams - weight_g) * cost_rates.rate_fen * 2 + 1000) / 2000 END)
                WHEN cost_records.id IS NOT NULL THEN (lines.household_id, lines.amount_fen) IS DISTINCT FROM (
                    cost_records.household_id, coalesce(cost_corrections.change_fen, cost_records.amount_fen))
                ELSE lines.amount_fen IS DISTINCT FROM -undone.amount_fen OR undone.corrects_id IS NOT NULL END
        ), told AS (
            SELECT DISTINCT coalesce(counts_for_id, household_id) AS family_id, product_id, year
            FROM cost_records LEFT JOIN household_aliases USING (household_id)
            WHERE NOT EXISTS (SELECT FROM cost_lines AS told JOIN cost_lines AS back ON back.corrects_id = told.id
                              WHERE told.record_id = cost_records.id)
              AND cost_records.amount_fen + (SELECT coalesce(sum(change_fen), 0) FROM cost_corrections
                                             WHERE record_id = cost_records.id) > 0
        ), both_told AS (
            SELECT lines.id FROM cost_lines AS lines LEFT JOIN household_aliases USING (household_id)
            JOIN told ON family_id = coalesce(counts_for_id, household_id) AND told.product_id = lines.product_id
                AND year = extract(year FROM lines.incurred_on)
            WHERE lines.rate_id IS NOT NULL AND lines.amount_fen <> 0
              AND NOT EXISTS (SELECT FROM cost_lines AS back WHERE back.corrects_id = lines.id)
              AND NOT EXISTS (SELECT FROM outbox WHERE job = 'income.count_family_costs' AND done_at IS NULL)
        )
        SELECT 'line' AS what, id FROM wrong UNION ALL SELECT 'twice', id FROM both_told
        UNION ALL
        SELECT 'rate', lines.id FROM cost_lines AS lines
        WHERE rate_id IS NOT NULL AND NOT EXISTS (SELECT FROM cost_lines AS back WHERE back.corrects_id = lines.id)
          AND NOT EXISTS (SELECT FROM outbox WHERE job = 'income.count_costs' AND done_at IS NULL)
          AND rate_id IS DISTINCT FROM (
            SELECT held.id FROM cost_rates AS held LEFT JOIN cost_rate_voids AS void ON void.rate_id = held.id
            WHERE held.product_id = lines.product_id AND basis = 'kg' AND valid_from <= incurred_on
              AND void.rate_id IS NULL
            ORDER BY valid_from DESC LIMIT 1)
        UNION ALL
        SELECT 'unknown', id FROM income_entries AS sale
        LEFT JOIN (SELECT income_entry_id, count(*) AS lines FROM cost_lines GROUP BY 1) AS counted
            ON income_entry_id = sale.id
        WHERE kind = 'sale' AND coalesce(lines, 0) % 2 = 0 AND EXISTS (
            SELECT FROM cost_rates WHERE cost_rates.product_id = sale.product_id AND basis = 'kg'
                AND valid_from <= earned_on AND NOT EXISTS (SELECT FROM cost_rate_voids WHERE rate_id = cost_rates.id))
          AND NOT EXISTS (SELECT FROM outbox WHERE done_at IS NULL
                              AND job IN ('income.count_costs', 'income.count_family_costs'))
        UNION ALL
        SELECT 'record', id FROM cost_records WHERE NOT EXISTS (
            SELECT FROM cost_lines WHERE record_id = cost_records.id)
        UNION ALL
        SELECT 'correction', id FROM cost_corrections WHERE NOT EXISTS (
            SELECT FROM cost_lines WHERE correction_id = cost_corrections.id)"""),
    Check("I22-families", "一户的几份记录只记入其中一份，不成链",
        "records of a family count for one of them, in no chain", """
        SELECT chained.household_id FROM household_aliases AS chained
        JOIN household_aliases AS further ON further.household_id = chained.counts_for_id"""),
    Check("I22-guarantees", "保底收益等于土地乘保底价，二次分红合计等于约定比例",
        "a guarantee is land times promise, a second share is its part of the profit, both to all land", """
        SELECT contract_id, year, payments.kind FROM (
            SELECT contract_id, year, kind, sum(amount_fen) AS fen, max(distributable_fen) AS profit_fen,
                count(DISTINCT distributable_fen) AS profits
            FROM guarantee_payments GROUP BY contract_id, year, kind, position) AS payments
        JOIN guarantee_contracts ON guarantee_contracts.id = contract_id
        CROSS JOIN LATERAL (
            SELECT sum((mu_tenths::bigint * guaranteed_fen_per_mu * 2 + 10) / 20) AS fen
            FROM guarantee_lands WHERE guarantee_lands.contract_id = payments.contract_id) AS promised
        WHERE year NOT BETWEEN from_year AND to_year OR profits <> 1
           OR payments.fen IS DISTINCT FROM CASE payments.kind WHEN 'guaranteed' THEN promised.fen
                              ELSE (profit_fen * second_bp * 2 + 10000) / 20000 END"""),
    Check("I22-endings", "保底合同作废或终止后没有有效支付，二次分红以保底为先，每年每种有效支付只有一次",
        "what a contract paid and did not take back is of its years, once, a second share on top of its guarantee", """
        WITH paid AS (
            SELECT DISTINCT contract_id, year, kind, position FROM guarantee_payments
        ), standing AS (
            SELECT contract_id, year, kind FROM paid LEFT JOIN guarantee_voids USING (contract_id, year, kind, position)
            WHERE guarantee_voids.recorded_at IS NULL
        ), steps AS (
            SELECT contract_id, position, last_year,
                lag(last_year) OVER (PARTITION BY contract_id ORDER BY position) AS before,
                row_number() OVER (PARTITION BY contract_id ORDER BY position) AS place,
                count(*) OVER (PARTITION BY contract_id) AS steps
            FROM guarantee_endings
        )
        SELECT contract_id, year, 'twice' AS fault FROM standing GROUP BY contract_id, year, kind HAVING count(*) > 1
        UNION ALL
        SELECT contract_id, year, 'no guarantee' FROM standing AS second WHERE kind = 'second' AND NOT EXISTS (
            SELECT FROM standing WHERE standing.contract_id = second.contract_id AND standing.year = second.year
                AND standing.kind = 'guaranteed')
        UNION ALL
        SELECT contract_id, year, 'ended before' FROM standing JOIN steps USING (contract_id)
        WHERE place = steps AND year > last_year
        UNION ALL
        SELECT contract_id, year, 'nothing paid' FROM guarantee_voids LEFT JOIN paid
            USING (contract_id, year, kind, position) WHERE paid.contract_id IS NULL
        UNION ALL
        SELECT contract_id, last_year, 'ending' FROM steps JOIN guarantee_contracts ON id = contract_id
        WHERE place <> position OR before = 0 OR last_year = coalesce(before, to_year)
           OR (last_year <> 0 AND last_year NOT BETWEEN from_year - 1 AND to_year)"""),
    *(
        Check(
            f"I23-{table.removesuffix('_rollup').replace('_', '-')}", f"汇总表 {table} 等于从事实重算",
            f"{table} equals a recount of its facts", sql, rollup=rollup.value,
        )
        for rollup, table, sql in proofs()
    ),
    Check("I24", "订单归属等于最近一次更正，更正首尾相接",
        "an order is counted as its last correction says, and corrections follow on each other", """
        WITH steps AS (
            SELECT order_id, position,
                ARRAY[from_channel_id, from_partner_id, coalesce(from_occasion_id, 0), coalesce(from_link_id, 0)]
                    AS had,
                ARRAY[to_channel_id, to_partner_id, coalesce(to_occasion_id, 0), coalesce(to_link_id, 0)] AS has
            FROM attribution_changes)
        SELECT steps.order_id, steps.position FROM steps JOIN orders ON orders.id = order_id
        LEFT JOIN steps AS later ON later.order_id = steps.order_id AND later.position = steps.position + 1
        WHERE steps.has <> coalesce(
            later.had, ARRAY[channel_id, partner_id, coalesce(occasion_id, 0), coalesce(sale_link_id, 0)])"""),
    Check("I25", "佣金与技术服务费只给该订单的伙伴，且不超过约定比例；自购无佣金",
        "host and platform parts go to the order's partner, within the rate; none for own orders", """
        SELECT orders.id AS order_id, earned.kind, earned.party_id FROM (
            SELECT order_id, kind, party_id, sum(amount_fen) AS fen FROM settlement_shares
            JOIN settlements ON settlements.id = settlement_id WHERE kind IN ('host', 'platform')
            GROUP BY order_id, kind, party_id HAVING sum(amount_fen) <> 0) AS earned
        JOIN orders ON orders.id = earned.order_id
        JOIN partners ON partners.id = orders.partner_id LEFT JOIN occasions ON occasions.id = orders.occasion_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS lines, CASE WHEN earned.kind = 'platform'
                THEN coalesce((SELECT max(rate_bp) FROM fee_rates WHERE fee_rates.partner_id = orders.partner_id
                               AND valid_from <= placed_on), 0)
                WHEN is_own THEN 0 ELSE coalesce(commission_bp, 0) END AS rate_bp
            FROM order_lines WHERE order_lines.order_id = orders.id) AS agreed
        CROSS JOIN LATERAL (
            SELECT sum(net_fen) AS net_fen FROM settlements WHERE settlements.order_id = orders.id) AS remains
        WHERE earned.party_id IS DISTINCT FROM partners.party_id OR agreed.rate_bp = 0
            OR abs(fen) * 10000 > abs(net_fen) * agreed.rate_bp + lines * 20000"""),
    Check("I26", "发件箱一分钟内送出，十分钟内办完", "jobs leave within a minute and are done within ten", """
        SELECT id AS outbox_id, job FROM outbox WHERE done_at IS NULL AND dead_at IS NULL AND (
            (sent_at IS NULL AND coalesce(due_at, created_at) < CAST(:now AS timestamptz) - interval '60 seconds')
            OR sent_at < CAST(:now AS timestamptz) - interval '10 minutes')"""),
    Check("I26-dead", "没有被放弃的任务", "no job was given up on", """
        SELECT id AS outbox_id, job, attempts FROM outbox WHERE dead_at IS NOT NULL"""),
    Check("I28", "每张已验收的订单都留有结算任务", "each accepted order left its job to settle it", """
        SELECT orders.id AS order_id FROM orders WHERE status = 'accepted' AND NOT EXISTS (
            SELECT FROM outbox WHERE job = 'settlement.settle_order' AND ids = jsonb_build_array(orders.id))"""),
    Check("I29", "没有半截的幂等记录", "no idempotency row is left half done", """
        SELECT principal, key FROM idempotency_keys WHERE status IS NULL OR body IS NULL"""),
    Check("I30", "订单历史是连续且允许的路径", "an order's history is an unbroken path of allowed moves",
        _broken_path("orders", ORDER_LIFE, "placed")),
    Check("I30-agreements", "协议历史是连续且允许的路径",
        "an agreement's history is an unbroken path of allowed moves",
        _broken_path("agreements", AGREEMENT_LIFE, "draft", "signed")),
    Check("I30-call-offs", "要货历史是连续且允许的路径",
        "a call-off's history is an unbroken path of allowed moves",
        _broken_path("call_offs", CALL_OFF_LIFE, "requested")),
    Check("I30-surplus", "盈余分配方案历史是连续且允许的路径",
        "a surplus plan's history is an unbroken path of allowed moves",
        _broken_path("surplus_plans", PLAN_LIFE, "draft", "booked")),
    Check("I30-rounds", "团购历史是连续且允许的路径",
        "a buying round's history is an unbroken path of allowed moves",
        _broken_path("rounds", ROUND_LIFE, "open")),
    Check("I30-facts", "订单状态与事实相符", "an order's status matches what happened", """
        SELECT orders.id AS order_id, status FROM orders LEFT JOIN (
            SELECT order_id, sum(weight_g - cancelled_g) AS asked_g, sum(dispatched_g) AS sent_g,
                bool_and(accepted_g IS NOT NULL AND accepted_fen IS NOT NULL) AS judged,
                bool_or(accepted_g IS NOT NULL) AS any_judged
            FROM order_lines GROUP BY order_id) AS goods ON goods.order_id = orders.id
        WHERE (status IN ('placed', 'expired') AND confirmed_at IS NOT NULL)
           OR (status IN ('confirmed', 'partly_dispatched', 'dispatched', 'accepted', 'settled')
               AND confirmed_at IS NULL)
           OR (status IN ('accepted', 'settled')) <> (accepted_at IS NOT NULL)
           OR (status = 'settled') <> (settled_at IS NOT NULL)
           OR (status = 'settled') <> EXISTS (
               SELECT FROM settlements WHERE settlements.order_id = orders.id AND refund_id IS NULL)
           OR (status IN ('placed', 'confirmed', 'cancelled', 'expired') AND sent_g <> 0)
           OR (status = 'partly_dispatched' AND sent_g NOT BETWEEN 1 AND asked_g - 1)
           OR (status IN ('dispatched', 'accepted', 'settled') AND sent_g <> asked_g)
           OR (status IN ('accepted', 'settled')) <> judged OR (any_judged AND NOT judged)
           OR (payment_terms = 'in_advance' AND confirmed_at IS NOT NULL AND paid_fen <> total_fen)
           OR goods.order_id IS NULL"""),
    Check("I31", "手机号均为规范格式", "every phone number is in its normal form", r"""
        SELECT 'person' AS whose, id FROM people WHERE phone_e164 !~ '^\+861[3-9][0-9]{9}$'
        UNION ALL
        SELECT 'recipient', id FROM orders WHERE recipient ->> 'phone' !~ '^\+861[3-9][0-9]{9}$'
        UNION ALL
        SELECT 'colleague', id FROM round_entries WHERE phone_e164 !~ '^\+861[3-9][0-9]{9}$'"""),
    Check("R1", "团购的订单等于各人所订之和", "a round's order is the sum of what its people asked for", """
        SELECT rounds.id AS round_id, product_id, asked.packs AS asked, ordered.packs AS ordered FROM (
            SELECT round_id, product_id, sum(quantity) AS packs FROM round_entry_lines GROUP BY 1, 2) AS asked
        FULL JOIN (
            SELECT rounds.id AS round_id, product_id, quantity AS packs FROM rounds
            JOIN order_lines ON order_lines.order_id = rounds.order_id) AS ordered USING (round_id, product_id)
        JOIN rounds ON rounds.id = round_id
        WHERE rounds.order_id IS NOT NULL AND asked.packs IS DISTINCT FROM ordered.packs"""),
    Check("R2", "每人所订在同一上下限内，合计不超过团购总量",
        "what each asked for is within the same bounds, all of it within the round's total", """
        SELECT 'person' AS what, round_entry_lines.round_id, round_entry_lines.product_id FROM round_entry_lines
        JOIN round_products USING (round_id, product_id) WHERE quantity NOT BETWEEN least_packs AND most_packs
        UNION ALL
        SELECT 'total', round_id, product_id FROM round_entry_lines JOIN round_products USING (round_id, product_id)
        GROUP BY round_id, product_id, total_packs HAVING sum(quantity) > total_packs"""),
    Check("R3", "只发放已验收的货", "only accepted goods are handed out", """
        SELECT round_hand_outs.entry_id FROM round_hand_outs JOIN rounds ON rounds.id = round_id
        LEFT JOIN orders ON orders.id = rounds.order_id WHERE orders.accepted_at IS NULL"""),
    Check("I30-sessions", "直播历史是连续且允许的路径", "a live session's history is an unbroken path of allowed moves",
        _broken_path("live_sessions", LIVE_LIFE, "planned")),
    Check("L3", "优惠券：已用额等于有效使用之和，订单优惠等于各行之和与所用优惠券",
        "a coupon's budget, its uses, the order's discount and the lines' parts say the same", """
        SELECT 'coupon' AS what, coupons.id FROM coupons LEFT JOIN coupon_uses
            ON coupon_id = coupons.id AND released_at IS NULL
        GROUP BY coupons.id HAVING spent_fen <> coalesce(sum(coupon_uses.discount_fen), 0)
        UNION ALL
        SELECT 'order', orders.id FROM orders LEFT JOIN coupon_uses ON coupon_uses.order_id = orders.id
        WHERE orders.discount_fen <> coalesce(coupon_uses.discount_fen, 0)
           OR orders.discount_fen <> (SELECT sum(order_lines.discount_fen) FROM order_lines
                                      WHERE order_lines.order_id = orders.id)
           OR (released_at IS NOT NULL)
              <> (coupon_uses.order_id IS NOT NULL AND status IN ('cancelled', 'expired'))"""),
    Check("L1", "直播场次与其场次状态一致，货架与报价一致",
        "a live session is open while live, its shelf is its offers", """
        SELECT occasions.id AS occasion_id, occasions.status, live_sessions.status AS live FROM occasions
        LEFT JOIN live_sessions ON live_sessions.occasion_id = occasions.id
        WHERE kind = 'session' AND occasions.status IS DISTINCT FROM CASE live_sessions.status
            WHEN 'planned' THEN 'planned' WHEN 'reviewed' THEN 'planned' WHEN 'live' THEN 'open' ELSE 'closed' END
        UNION ALL
        SELECT offers.occasion_id, 'offer', NULL FROM offers JOIN occasions ON occasions.id = offers.occasion_id
        LEFT JOIN shelf_items USING (occasion_id, product_id)
        WHERE kind = 'session' AND shelf_items.product_id IS NULL"""),
    Check("L2", "下播两小时后没有留下可售的预留库存",
        "two hours after its end a session has nothing set aside for sale", """
        SELECT pools.id AS pool_id, available_g FROM pools
        JOIN live_sessions ON live_sessions.occasion_id = pools.occasion_id
        WHERE available_g > 0 AND live_sessions.ended_at < CAST(:now AS timestamptz) - interval '2 hours'"""),
    Check("M1", "平台订单行与本系统订单相符",
        "a line of a marketplace and our order say the same", """
        SELECT lines.id AS line_id FROM marketplace_orders AS lines JOIN orders ON orders.id = order_id
        JOIN marketplaces ON marketplaces.id = marketplace_id
        JOIN order_lines ON order_lines.order_id = orders.id
        WHERE (orders.partner_id, total_fen, order_lines.product_id, quantity)
              IS DISTINCT FROM (marketplaces.partner_id, lines.amount_fen, lines.product_id, packs)
           OR NOT EXISTS (SELECT FROM payments WHERE payments.order_id = orders.id AND provider = 'marketplace')
              AND followed_at IS NOT NULL
           OR (followed_at IS NOT NULL AND (
                (received_at IS NOT NULL AND cancelled_at IS NULL AND status NOT IN ('accepted', 'settled'))
                OR (SELECT coalesce(sum(refunds.amount_fen), 0) FROM refunds WHERE refunds.order_id = orders.id)
                   <> CASE WHEN cancelled_at IS NOT NULL THEN paid_fen ELSE least(paid_fen, (
                        SELECT coalesce(sum(told.amount_fen), 0) FROM marketplace_refunds AS told
                        WHERE (told.marketplace_id, told.number, told.line)
                            = (lines.marketplace_id, lines.number, lines.line))) END))"""),
    Check("M2", "平台打款都有凭证", "no payout of a marketplace without its journal", """
        SELECT marketplace_payouts.id AS payout_id FROM marketplace_payouts
        LEFT JOIN journals ON source_type = 'marketplace_payouts' AND source_id = marketplace_payouts.id
        LEFT JOIN postings ON journal_id = journals.id AND amount_fen * sign(received_fen) > 0
        WHERE received_fen <> 0 GROUP BY marketplace_payouts.id
        HAVING coalesce(sum(amount_fen), 0) <> received_fen"""),
    Check("U1", "预留份额等于规定比例向上取整", "a filed reserve is the rule's part, rounded up", """
        SELECT unit_filings.id AS filing_id FROM unit_filings JOIN reserve_rules ON reserve_rules.id = rule_id
        WHERE reserve_fen <> CASE WHEN canteen_fen > 0 THEN (canteen_fen * canteen_bp + 9999) / 10000
                                  ELSE (unit_filings.union_fen * union_bp + 9999) / 10000 END
           OR unit_filings.union_cap_fen <> reserve_rules.union_cap_fen"""),
    Check("U2", "工会采购人人均等，且不超过年度标准",
        "what a union gives is equal for all members and within the year's cap", """
        SELECT 'part' AS what, orders.id FROM unit_purchases JOIN orders ON orders.id = order_id
        WHERE per_member_fen * members <> total_fen
        UNION ALL
        SELECT 'lines', order_lines.order_id FROM unit_purchases JOIN order_lines USING (order_id)
        WHERE quantity % members <> 0
        UNION ALL
        SELECT 'cap', partner_id FROM (
            SELECT partner_id, extract(year FROM placed_on) AS year, sum(per_member_fen) AS fen FROM unit_purchases
            JOIN orders ON orders.id = order_id WHERE status NOT IN ('cancelled', 'expired') GROUP BY 1, 2) AS given
        WHERE fen > (SELECT max(union_cap_fen) FROM unit_filings WHERE unit_filings.partner_id = given.partner_id
                     AND unit_filings.year = given.year)"""),
    Check("U3", "每笔外部采购只计一次", "a purchase elsewhere counts once", """
        SELECT partner_id, number FROM unit_outside_purchases GROUP BY partner_id, number
        HAVING sum(sign(amount_fen)) NOT IN (0, 1)"""),
    Check("I30-claims", "赔付申请的历史是连续且允许的路径", "a claim's history is an unbroken path of allowed moves",
        _broken_path("claims", CLAIM_LIFE, "open")),
    Check("Q1", "同意的赔付就是该行的一笔退款", "an accepted claim is a refund of its line, to the fen", """
        SELECT claims.id AS claim_id FROM claims JOIN order_lines ON order_lines.id = order_line_id
        LEFT JOIN refunds ON refunds.id = refund_id AND refunds.order_id = order_lines.order_id
        LEFT JOIN refund_lines ON refund_lines.refund_id = refunds.id
            AND refund_lines.order_line_id = claims.order_line_id
        WHERE claims.status = 'accepted' AND (refunds.amount_fen, refund_lines.amount_fen)
            IS DISTINCT FROM (claims.amount_fen, claims.amount_fen)"""),
    Check("Q2", "赔付重量不超过收货重量", "no more is granted or claimed of a line than was accepted", """
        SELECT order_line_id FROM claims JOIN order_lines ON order_lines.id = order_line_id
        GROUP BY order_line_id, accepted_g
        HAVING coalesce(sum(granted_g), 0)
            + coalesce(sum(damaged_g) FILTER (WHERE claims.status IN ('open', 'answered')), 0)
            > coalesce(accepted_g, 0)"""),
    Check("S1", "触达农户的销售不超过结算的货款", "sales reached stay within what was settled", """
        SELECT settlements.id AS settlement_id FROM settlements JOIN sales_reach ON settlement_id = settlements.id
        GROUP BY settlements.id
        HAVING abs(sum(amount_fen)) > abs(net_fen) OR sum(amount_fen) * sign(net_fen) < 0"""),
    Check("S2", "全由交售组成的批次，销售全部到户",
        "what was picked from delivered lots reaches households to the fen", """
        WITH RECURSIVE nobodys (id) AS (
            SELECT id FROM lots WHERE NOT EXISTS (SELECT FROM lot_parts WHERE lot_id = lots.id) AND NOT EXISTS (
                SELECT FROM lot_deliveries WHERE lot_id = lots.id  -- a slip that was never void
                    AND delivery_id NOT IN (SELECT delivery_id FROM delivery_corrections WHERE weight_g = 0))
            UNION SELECT lot_parts.lot_id FROM lot_parts JOIN nobodys ON nobodys.id = source_id
        )
        SELECT settlements.id AS settlement_id FROM settlements JOIN orders ON orders.id = order_id
        WHERE freight_fen = 0 AND NOT EXISTS (
            SELECT FROM order_lines LEFT JOIN picks ON order_line_id = order_lines.id
            WHERE order_lines.order_id = orders.id AND (picks.id IS NULL OR picks.lot_id IN (SELECT id FROM nobodys)))
          AND net_fen <> (SELECT coalesce(sum(amount_fen), 0) FROM sales_reach
                          WHERE settlement_id = settlements.id)"""),
    Check("S2-corrected", "交售单更正后，其批次的销售按当时更正后的金额到户",
        "sales of a lot with corrected slips reach households by what these were worth at that time", """
        WITH shared AS (
            SELECT settlement_id, lot_id, household_id, amount_fen, settled_at,
                sum(amount_fen) OVER (PARTITION BY settlement_id, order_line_id, lot_id) AS of_lot
            FROM sales_reach JOIN settlements ON settlements.id = settlement_id
            WHERE refund_id IS NULL AND correction_id IS NULL AND NOT reverses
              AND lot_id IN (SELECT lot_id FROM lot_deliveries JOIN delivery_corrections USING (delivery_id))
              AND NOT EXISTS (  -- of the same minute nobody can tell which came first
                SELECT FROM lot_deliveries JOIN delivery_corrections USING (delivery_id)
                WHERE lot_deliveries.lot_id = sales_reach.lot_id
                    AND abs(extract(epoch FROM delivery_corrections.recorded_at - settled_at)) <= 60)
        )
        SELECT DISTINCT settlement_id, lot_id, household_id FROM shared CROSS JOIN LATERAL (
            SELECT sum(said.fen) AS fen,
                coalesce(sum(said.fen) FILTER (WHERE deliveries.household_id = shared.household_id), 0) AS own_fen
            FROM lot_deliveries JOIN deliveries ON deliveries.id = delivery_id
            CROSS JOIN LATERAL (SELECT coalesce((
                SELECT delivery_corrections.amount_fen FROM delivery_corrections
                WHERE delivery_id = deliveries.id AND delivery_corrections.recorded_at <= settled_at
                ORDER BY position DESC LIMIT 1), deliveries.amount_fen) AS fen) AS said
            WHERE lot_deliveries.lot_id = shared.lot_id) AS worth
        WHERE amount_fen <> 0 AND abs(amount_fen * worth.fen - of_lot * worth.own_fen) >= worth.fen"""),
    Check("S3", "退款或出自预收，或已从份额中收回",
        "a refund came out of the advances, or was taken back from the shares", """
        SELECT refunds.id AS refund_id FROM refunds JOIN orders ON orders.id = order_id
        LEFT JOIN settlements AS back ON back.refund_id = refunds.id
        WHERE refunds.status <> 'failed' AND orders.status = 'settled' AND coalesce(back.net_fen, 0) <>
            CASE WHEN EXISTS (
                SELECT FROM journals JOIN postings ON journal_id = journals.id
                JOIN accounts ON accounts.id = account_id AND accounts.kind = 'advances'
                WHERE source_type = 'refunds' AND source_id = refunds.id AND journals.kind = 'refund')
            THEN 0 ELSE -refunds.amount_fen END"""),
)  # fmt: skip

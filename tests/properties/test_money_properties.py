"""Money never loses or makes a fen: splits, shares, prices by weight, the sharing of a surplus."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shop.income.surplus import Member, parts, pools
from shop.kit.money import BP_WHOLE, divide_half_up, divide_up, part, price_of, split
from shop.orders.pricing import accepted_amount
from shop.settlement.shares import Rates, Shares, shares_of

AMOUNTS = st.integers(-(10**12), 10**12)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any)
RATES = st.integers(0, BP_WHOLE)
QUICK = settings(max_examples=150, deadline=None, database=None)


@QUICK
@given(AMOUNTS, WEIGHTS)
def test_g12_a_split_adds_up_and_is_fair_to_less_than_one_fen(amount: int, weights: list[int]) -> None:
    shares = split(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(amount * weight, sum(weights))) < 1
        assert share * amount >= 0
        assert weight > 0 or share == 0


@QUICK
@given(AMOUNTS, WEIGHTS, st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_who_shares(amount: int, weights: list[int], shuffle: object) -> None:
    """But for ties, which go to the earlier place: so remainders are distinct here."""
    remainders = [abs(amount) * weight % sum(weights) for weight in weights if weight]
    assume(len(set(remainders)) == len(remainders))
    order = list(range(len(weights)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    shares = split(amount, weights)
    assert split(amount, [weights[i] for i in order]) == [shares[i] for i in order]


@QUICK
@given(AMOUNTS, WEIGHTS, st.integers(1, 1000))
def test_only_the_proportion_of_weights_counts(amount: int, weights: list[int], times: int) -> None:
    assert split(amount, [weight * times for weight in weights]) == split(amount, weights)


@QUICK
@given(AMOUNTS, WEIGHTS)
def test_a_refund_is_split_as_the_mirror_image_of_the_sale(amount: int, weights: list[int]) -> None:
    assert split(-amount, weights) == [-share for share in split(amount, weights)]


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (1, [1, 1], [1, 0]),
        (-1, [1, 1], [-1, 0]),
        (2, [1, 3], [1, 1]),
        (0, [5, 7], [0, 0]),
        (10, [0, 1, 0], [0, 10, 0]),
        (5, [2, 2, 1], [2, 2, 1]),
    ],
)
def test_a_tie_goes_to_the_earlier_place(amount: int, weights: list[int], shares: list[int]) -> None:
    assert split(amount, weights) == shares


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [3, -1]])
def test_nothing_is_split_among_nobody_or_by_a_negative_weight(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(100, weights)


@QUICK
@given(AMOUNTS, st.integers(1, 10**9))
def test_a_quotient_is_rounded_half_up_and_a_refund_half_away_from_zero(numerator: int, denominator: int) -> None:
    rounded = divide_half_up(numerator, denominator)
    assert abs(rounded - Fraction(numerator, denominator)) <= Fraction(1, 2)
    assert divide_half_up(-numerator, denominator) == -rounded
    assert divide_half_up(2 * abs(numerator) + 1, 2) == abs(numerator) + 1
    assert 0 <= divide_up(numerator, denominator) - Fraction(numerator, denominator) < 1


@pytest.mark.parametrize("denominator", [0, -1])
def test_nothing_is_divided_by_zero_or_less(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        divide_half_up(1, denominator)


@QUICK
@given(st.integers(0, 10**10), RATES, st.booleans())
def test_g12_shares_of_any_channel_are_the_net_amount_and_within_a_fen_of_their_rate(
    net_fen: int, rate_bp: int, hosted: bool
) -> None:
    of = Rates(host_bp=rate_bp) if hosted else Rates(platform_bp=rate_bp)
    shares = shares_of(net_fen, of)
    assert shares.total_fen == net_fen
    assert min(shares.firm_fen, shares.host_fen, shares.platform_fen) >= 0
    partner_fen = shares.host_fen + shares.platform_fen
    assert abs(partner_fen - Fraction(net_fen * rate_bp, BP_WHOLE)) <= Fraction(1, 2)
    assert (shares.platform_fen if hosted else shares.host_fen) == 0


@QUICK
@given(st.integers(0, 10**8), RATES, st.lists(st.integers(0, 10**7), max_size=8), st.booleans())
def test_what_refunds_take_back_leaves_the_exact_sharing_of_what_remains(
    paid_fen: int, rate_bp: int, refunds: list[int], hosted: bool
) -> None:
    """Nobody ever gets more by a refund, and everybody ends where settling after the refunds would have put him."""
    of = Rates(host_bp=rate_bp) if hosted else Rates(platform_bp=rate_bp)
    left, total = paid_fen, shares_of(paid_fen, of)
    for asked in refunds:
        back = min(asked, left)
        change = shares_of(left - back, of) - shares_of(left, of)
        assert change.total_fen == -back
        assert max(change.firm_fen, change.host_fen, change.platform_fen) <= 0
        total, left = total + change, left - back
    assert total == shares_of(left, of)


@QUICK
@given(st.lists(st.integers(1, 3), min_size=1, max_size=60), st.integers(0, 4_999))
def test_t33_many_orders_of_a_fen_farm_no_commission(nets: list[int], rate_bp: int) -> None:
    """Below half, the rounding of one fen goes to the firm: cutting an order into fen gains the host nothing."""
    cut = sum((shares_of(1, Rates(host_bp=rate_bp)) for _ in range(sum(nets))), Shares())
    assert cut == Shares(firm_fen=sum(nets))


@QUICK
@given(st.integers(0, 10**9), st.integers(1, 10**7), st.data())
def test_what_is_accepted_of_a_line_costs_its_part_and_never_more_than_the_line(
    amount_fen: int, weight_g: int, data: st.DataObject
) -> None:
    accepted_g = data.draw(st.integers(0, weight_g))
    owed = accepted_amount(amount_fen, weight_g, accepted_g)
    assert abs(owed - Fraction(amount_fen * accepted_g, weight_g)) <= Fraction(1, 2)
    assert 0 <= owed <= amount_fen
    assert accepted_amount(amount_fen, weight_g, weight_g) == amount_fen
    assert accepted_amount(amount_fen, weight_g, 0) == 0


@pytest.mark.parametrize(
    ("weight_g", "fen_per_kg", "fen"), [(1_000, 576, 576), (500, 1, 1), (499, 1, 0), (1_500, 333, 500), (0, 9, 0)]
)
def test_a_price_by_weight_is_rounded_half_up(weight_g: int, fen_per_kg: int, fen: int) -> None:
    assert price_of(weight_g, fen_per_kg) == fen


@pytest.mark.parametrize(("amount_fen", "rate_bp", "fen"), [(3_980, 800, 318), (1, 5_000, 1), (-1, 5_000, -1)])
def test_basis_points_of_an_amount_are_rounded_half_up(amount_fen: int, rate_bp: int, fen: int) -> None:
    assert part(amount_fen, rate_bp) == fen


SURPLUS = st.tuples(st.integers(0, 10**10), st.integers(0, 10**10), RATES, st.integers(6_000, BP_WHOLE))
MEMBERS = st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 500)), min_size=1, max_size=25).filter(
    lambda members: any(fen or units for fen, units in members)
)


@QUICK
@given(SURPLUS)
def test_a_surplus_goes_to_losses_reserve_transactions_and_shares_to_the_fen(plan: tuple[int, int, int, int]) -> None:
    surplus_fen, loss_fen, reserve_bp, return_bp = plan
    shared = pools(*plan)
    left = max(0, surplus_fen - loss_fen)
    assert shared.reserve_fen + shared.patronage_fen + shared.dividend_fen == left
    assert shared.distributable_fen == shared.patronage_fen + shared.dividend_fen
    assert 0 <= shared.reserve_fen - Fraction(left * reserve_bp, BP_WHOLE) < 1
    assert 0 <= shared.patronage_fen - Fraction(shared.distributable_fen * return_bp, BP_WHOLE) < 1
    assert shared.patronage_fen * 10 >= shared.distributable_fen * 6, "co-operative law, article 44"
    assert shared.dividend_fen >= 0


@QUICK
@given(SURPLUS, MEMBERS)
def test_members_parts_are_their_pools_to_the_fen_and_fair(
    plan: tuple[int, int, int, int], members: list[tuple[int, int]]
) -> None:
    shared = pools(*plan)
    made = parts(shared, [Member(i, fen, units) for i, (fen, units) in enumerate(members)])
    if not shared.distributable_fen and not shared.reserve_fen:
        assert made == []
        return
    assert [one.household_id for one in made] == list(range(len(members)))
    assert sum(one.patronage_fen for one in made) == shared.patronage_fen
    assert sum(one.dividend_fen for one in made) == shared.dividend_fen
    assert sum(one.reserve_fen for one in made) == shared.reserve_fen
    delivered, units = (sum(column) for column in zip(*members, strict=True))
    for one, (fen, own) in zip(made, members, strict=True):
        if delivered:
            assert abs(one.patronage_fen - Fraction(shared.patronage_fen * fen, delivered)) < 1
        if units:
            assert abs(one.dividend_fen - Fraction(shared.dividend_fen * own, units)) < 1
        assert one.patronage_fen >= 0
        assert one.dividend_fen >= 0


def test_where_nobody_delivered_the_whole_surplus_follows_the_shares_and_the_other_way_round() -> None:
    shared = pools(1_000, 0, 1_000, 6_000)
    assert (shared.reserve_fen, shared.patronage_fen, shared.dividend_fen) == (100, 540, 360)
    by_shares = parts(shared, [Member(1, 0, 1), Member(2, 0, 2)])
    assert [(one.patronage_fen, one.dividend_fen) for one in by_shares] == [(180, 120), (360, 240)]
    by_deliveries = parts(shared, [Member(1, 3, 0), Member(2, 1, 0)])
    assert [(one.patronage_fen, one.dividend_fen) for one in by_deliveries] == [(405, 270), (135, 90)]

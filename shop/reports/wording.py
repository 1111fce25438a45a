"""What a figure means, said beside it: source and basis of each report, in Chinese and in English."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """A sentence in both languages."""

    zh: str
    en: str

    def in_(self, language: str) -> str:
        """The sentence in `language` ("zh" or "en")."""
        return self.zh if language == "zh" else self.en


SOURCE = Said(
    "系统内订单、结算与入户记录自动汇总，不含手工填报",
    "Summed by the system from its own orders, settlements and household entries; nothing is typed in",
)

CHANNELS = Said(
    "按下单日（北京时间）统计已确认的订单；订单数与重量不含已取消的订单，重量以验收为准，未验收的以下单为准。"
    "实收 - 退款 + 应收 = 结算净额 + 代管；结算净额 = 企业 + 主播 + 平台 + 承运。金额含税。"
    "乡镇管理员看到的是在本乡镇的企业。",
    "Confirmed orders by the Beijing day they were placed. Orders and weight leave cancelled ones out; weight is what"
    " was accepted, else what was ordered. paid - refunded + due = net + held; net = firm + host + platform + carrier."
    " Tax included. A township manager sees the firms of the township.",
)

BY_GROUP = Said(
    "一户在某月任何一天属于某组，该月即计入该组；一户可属多组或不属任何组，各行之和不必等于合计。",
    " A household counts in a group in the months in which it belongs to it on any day. It may be in several groups or"
    " in none: rows need not add up to the total.",
)

AGREEMENTS = Said(
    "签约金额按保底价计算，履约金额按验收重量和要货当日价格计算，两者不相加。截至日之前（含）到期的数量为应交；"
    "履约率 = 验收 ÷ 应交。缺口按每个协议品种分别计算，多交的不抵少交的，先到期的先抵。"
    "双方欠量为超出允差的部分（允差先抵最早的），违约金为按合同就截至日的欠量测算，未入账，"
    "不论此前提出的作何决定，已主张、放弃、撤回或适用定金罚则的都在内（放弃只针对那一次提出的数额，不分品种和月份；各次决定见协议页）；应收为已验收未付，逾期以截至日计；"
    "预计为截至日之后已要货与排期未要的数量，以承诺量为限，只计产季内，产季外另列；"
    "风险为今后 14 天内企业空闲库存不够的部分，只列今天的，不告知采购方。"
    "截至过去某日时，签约按当日有效的条款，应交与预计含当日尚未结束的协议；排期与最低采购总量按现行条款，允差、保底价与违约金比例按各次要货定价时的条款，"
    "验收、欠量、违约金、应收按目前的记录（此后的验收、更正、取消与收款都计入）。"
    "按月：签约计在签约月，其余计在排期日或要货日所在的月。",
    "Signed amounts are at the floor price; executed amounts are accepted weight at the price of each call-off; the two"
    " are never added. Due is what the schedules ask for up to the day, included; rate = accepted / due. Shortfall is"
    " counted for each line: what one delivers too much makes up for no other, and the oldest is made up for first."
    " What a side is behind with is beyond the tolerance, which covers the oldest; penalties are what the contract"
    " names for it, not booked, whatever was decided of earlier proposals: what was claimed, waived, withdrawn or"
    " answered by the deposit is in it (who waives one waives its sum as of its day,"
    " of no product or month; decisions stand on the page of the agreement);"
    " receivable is accepted and not paid, overdue on the day; forecast is what is called or"
    " scheduled after the day, within the promise and the harvest window, the rest of it apart; at risk, of"
    " today alone and told to no buyer, is what the firm's free stock does not reach of the 14 days ahead. As of a past"
    " day, what is signed"
    " is by the terms in force then, due and forecast count the agreements that had not ended; schedules and"
    " minima in total are those of the present terms, tolerances, floor prices and rates those of each call-off,"
    " and what was accepted, who is behind and what is owed are as recorded now,"
    " whatever was accepted, corrected, cancelled or paid since. By month, what was signed stands in the month of"
    " signing, all else in the month of its day of the schedule or call-off.",
)

PERIODIC = Said(
    "按下单日（北京时间）统计已确认、未取消的订单。销售额为商品金额：凭发票付款的以验收为准，未验收的以下单为准；预付的减去已退款；"
    "不含运费与优惠。各渠道、乡镇、企业、商品的销售额来自同一汇总表，合计相同。农户收入按入账日：已结账月份的迟到记录计入接收它的月份首日。"
    "现金收入含企业所付和公共补贴；带动农户只计企业付给的（交售、工资、租金、返还、分红），"
    "补贴和当期作废的交售不计。"
    "同比为本期与上年同期之差：本期未结束时，上年同期取同样多的天数；上年同期为零、没有记录或农户记录不全，或本期尚未开始时，无基数。"
    "周报与上年相同的星期比较。",
    "Confirmed orders that were not cancelled, by the Beijing day they were placed. Sales are goods: accepted, or as"
    " ordered until then, on invoice; less refunds when paid in advance; without freight and discounts. By channel,"
    " township, firm and product they come from one rollup and add up to the same. Income counts on the day it was"
    " earned, or on the first day of the month that took it when it came late. Cash is what firms paid and public"
    " subsidies; households reached are those that firms paid (deliveries, wages, rents, patronage refunds, dividends),"
    " not those with a subsidy alone or a delivery that came to nothing in the period. The change is over the same"
    " period a year before, or as many days of it while the period is not over; where that is zero, was not recorded,"
    " of households in part only, or where the period has not begun, there is no base. A week is compared with the"
    " same weekdays.",
)

TAX = Said("金额为含税价。", "Amounts include tax.")

SOURCES = Said(
    "本系统订单与结算、平台文件导入、农户入账记录自动汇总；无手工填报的数字。",
    "Summed from orders and settlements of this system, files of platforms, and household entries; no figure is typed"
    " in.",
)

INCOME = Said(
    "现金为本系统记录的农户所得：各企业所付，以及公共补贴（即转移性收入）；"
    "产品销售收入为毛额，未扣种养成本，不是净收入。"
    "带动农户为期内有企业付给的交售、工资、租金、返还或分红的农户，按户去重；只有补贴的、当月作废的交售不计。"
    "“触达农户的销售”是农户所交产品卖出的金额，不是农户收入，不与现金相加。"
    "经营净收入另列：成本已知的销售加返还，减去成本（按率或按记录）；成本未知的销售单独列出，不混入。"
    "其中帮扶户只在已结账的整年、按乡镇或村列出；会说出个别农户的行不列。",
    "Cash that households received as this system recorded it: what firms paid, and public subsidies (transfer income)."
    " Sales of produce are gross, before the costs of growing, and are not net income. Households reached: distinct"
    " households with a delivery, wage, rent, patronage refund or dividend that a firm paid in the period; not those"
    " with a subsidy alone, or a delivery that came to nothing in its month. Sales reached are what the produce of"
    " households was sold for: not their income, and never added to the cash. Net business income stands apart: sales"
    " whose costs are known and returned surplus, less costs by rate or record; sales whose costs are not known are"
    " shown beside it, never mixed in. How many of them are assisted is told of whole closed years, by township or"
    " village, but not in rows that would tell of single households.",
)

BY_CHANNEL = Said(
    "现金收入按交售计，与销售渠道无关，因此按渠道只列触达农户的销售。",
    "Cash is paid for deliveries and has no channel, so by channel only the sales reached are shown.",
)

#: Why there is no gain to show.
NO_BASE: dict[str, Said] = {
    "not_for_this_reader": Said(
        "户均增收要看农户的全部收入，只向县、乡镇提供", "Gain needs all of a household's income: shown to managers only"
    ),
    "one_year_only": Said("户均增收只在同一年的月份内比较", "Gain compares months of one year"),
    "period_not_over": Said("期间尚未结束，不作比较", "The period is not over yet"),
    "part_of_a_year": Said(
        "上年只有全年基数，不与不满一年的期间比较",
        "The year before is known only as a whole; it is not compared with part of a year",
    ),
    "no_record": Said("上年没有记录，无基数", "No base: nothing is recorded of the year before"),
    "recorded_in_part": Said(
        "上年同期的记录不全（不从期初记起，或户数少于入户调查），不作比较",
        "The same months a year before are recorded in part only: not from their beginning, or of fewer households than"
        " were surveyed",
    ),
    "nobody_in_both": Said("没有两期都有记录的农户，无基数", "No base: no household is recorded in both periods"),
    "nothing_in_common": Said(
        "两期没有口径相同的收入类别，无可比项", "The two periods record no kind of income in the same way"
    ),
}

WIDER_BASE = Said(
    "基数是入户调查的全部收入，本期只含本系统记录的（企业所付和补贴）；差额是下限，不等于农户减收",
    "The base is all income by survey, this period only what this system recorded (paid by firms, and subsidies): the"
    " difference is a lower bound, not a loss of the households",
)
SAME_COVERAGE = Said(
    "两期都只含本系统记录的农户所得（企业所付和补贴）；产品销售为毛额",
    "Both periods hold only what this system recorded (paid by firms, and subsidies); sales of produce are gross",
)

#: Why a category of income is left out of the gain.
LEFT_OUT: dict[str, Said] = {
    "not_recorded_now": Said("本期没有记录", "not recorded in this period"),
    "not_recorded_before": Said("基期没有记录", "not recorded in the base period"),
    "recorded_of_few": Said(
        "本期记录的户数不到入户调查中有此类收入的一半，不能当作全部",
        "recorded of less than half of the households that had it by the survey: not to be taken for all",
    ),
    "gross_against_net": Said(
        "本期是销售毛额（未扣成本），基期是净收入，口径不同",
        "gross sales before costs in this period, net income in the base period: not the same measure",
    ),
}

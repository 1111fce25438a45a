"""Online shops on marketplaces (832, Douyin, Taobao, Pinduoduo): what they sold, refunded and paid out, in our books.

Promises: what a shop tells is kept as facts, unique by the shop's own numbers, so that files may repeat, overlap, come
in parts and in any order; a file is taken whole or not at all; every row that is not taken is named by line, column
and reason; the books follow from the facts by the actions that everybody uses (place, dispatch, accept, refund,
settle). Nothing personal is read from a file. How it works: docs/marketplaces.md.
"""

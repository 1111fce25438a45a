"""Purchase agreements (订单农业): promised lines, price rules, delivery schedules, market quotes, call-offs.

Promises: nothing is called off beyond the promise; a price is floor-safe (the floor always holds); signed (签约) and
executed (履约) are never mixed; what is called off is summed from call-offs under the agreement's lock, never counted
by hand. Above stock and channels; called by orders.
"""

"""The county's shop: sells farmers' produce through five channels and proves what reached each household.

Rooms, from the top down; imports go down only:

- web: pages for people · demo: plays a season · imports: the county's files in · reports: figures, rollups, the proof
- campaigns: goals, products, prices, progress
- inquiries: offers asked for and accepted once
- rounds: buying rounds of units · units: what a unit reserves, gives its members, owes
- links: what links brought
- live: sessions on air, their shelves and figures
- income: what a household earned · settlement: who gets how much · payments: money in and back · orders: a sale's life
- agreements: long-term promises · stock: lots, pools, holds · farmers: households and deliveries · channels: the five
- catalog: firms, products, prices, papers · places: townships and villages · ledger: double entry · access: who may
- kit: tools without a business word · local: one machine's servers

`app.py` wires, `config.py` reads settings, `cli.py` is the command line. `tasks/` (outside) runs the jobs.
"""

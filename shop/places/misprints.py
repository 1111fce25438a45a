"""Names of places that the campaign's published pages print wrongly, with the codes of the places they mean.

They are put into `place_aliases` with the first import of the places, so that a misprint never makes a tenth township.
"""

#: Misprinted township -> code of the township meant.
TOWNSHIPS = {"邵官镇": "140829106", "姜人洞镇": "140829100"}
#: Misprinted village -> code of the village meant.
VILLAGES = {"凤口村": "140829102211", "常乐镇村": "140829101245"}

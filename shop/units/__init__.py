"""The desk of a unit (单位): what it must reserve for the county's produce in a year, what it bought, what it owes.

Promises: purchases on the 832 platform and off it are never added into one completion; the reserve follows a dated rule
with its source; what a union gives is the same for each member and stays within the cap of the year; an acceptance
sheet names lot and certificate of everything that came. Rules and sources: docs/units.md.
"""

"""Payments and refunds through providers behind one contract; bank transfers against invoices.

Promises: a provider's notification is verified on its raw bytes, stored once and takes effect once; a provider
transaction is booked once; refunds never exceed what was paid and go back to the source; every movement of money has
its journal. The built-in simulated provider keeps a book of its own and notifies asynchronously with a signature, as
real ones do.
"""

"""Townships and villages with their statistical codes, and the misprinted names that mean them.

Promises: nine townships and no tenth; a misprint resolves by the alias table and never by a guess. A room of its own
because firms and products (catalog) stand in villages as well as households (farmers) do.
"""

"""Reference data of a symbol: its main contracts, calendar, hours, terms and how far back its history goes.

Belongs here: asking the provider for them, comparing its answers with our tables, keeping and showing them.
Does not belong here: the rules and tables themselves (`market`), and ticks (`loading`).
"""

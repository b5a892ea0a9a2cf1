"""Bars: what a trading day's ticks become, by one definition for storing, reading and tests.

Belongs here: lengths and how they are written (`length`), where on the clock a bar stands (`grid`), bars of ticks
(`ticks`), longer bars of shorter ones (`longer`). Does not belong here: tables (`questdb`), what of a range is handed
out (`reading`), the provider's own bars (`validation.bars`).
"""

"""What the market is, as pure functions: symbols, trading days, sessions, main contracts, ticks, digests.

Belongs here: everything that can be answered from a frame, a date and the package's own data files.
Does not belong here: any I/O besides reading those files, and any judgement of data (`validation`).
Time: a trading day is a `datetime.date` of Asia/Shanghai; an instant is an `int` of epoch nanoseconds, UTC.
"""

"""Ticks and reference data from TqSdk: worker processes, the pool, retries, wholeness, the lean history reader.

Belongs here: everything that speaks TqSdk's protocol; no other room imports tqsdk.
Does not belong here: what a tick frame is (`market.ticks`), where ticks are kept (`questdb`), what they are worth
(`validation`).
"""

"""The manifest of a day that was loaded whole; a test changes what it is about."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest

STARTED = datetime(2026, 1, 5, 7, 30, 1, 123456, tzinfo=UTC)


def manifest(**changes: object) -> Manifest:
    plain = Manifest(
        manifest_id="20260105T073001-0a1b2c3d",
        run_id="run",
        symbol="KQ.m@SHFE.cu",
        trading_day=date(2026, 1, 5),
        contract="SHFE.cu2602",
        outcome=IngestState.COMPLETE,
        reason="",
        rows=3,
        five_level_rows=3,
        same_instant_rows=0,
        first_tick=STARTED,
        last_tick=STARTED,
        digest="d" * 32,
        replaced="new",
        schema_hash="6270bba406e22ffd",
        row_hash_algorithm="fnv1a64_v1",
        schedule_hash="s",
        upstream="u",
        code_version="0",
        source="embedded",
        reader="tqsdk",
        readback="full",
        depth=5,
        attempts=1,
        bytes=720,
        download_s=1.5,
        store_s=0.5,
        readback_s=0.1,
        judge_s=0.02,
        started=STARTED,
        finished=STARTED,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]

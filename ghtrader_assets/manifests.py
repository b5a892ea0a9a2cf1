"""The manifest of one load attempt of one symbol's trading day, and its file. Row and file are twins.

Belongs here: what a manifest says, its id, its JSON file under `GHTRADER_HOME/manifests`, the comparison of twins.
Does not belong here: the table (`questdb`), and the load that a manifest describes (`loading`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from ghtrader_assets.errors import BadInputError, IngestState, ServiceError
from ghtrader_assets.files import put_file
from ghtrader_assets.market.lives import WrongMain, wrong_main_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One attempt to load one trading day. Every attempt leaves one; `outcome` says how it ended.

    An attempt under way has the outcome `running` and no `finished`; one whose run was cancelled or killed is closed as
    `missing`, since it says nothing of the day. Instants are zone-aware UTC at microseconds, durations seconds, digests
    hex. `digest` names the content that was stored and read
    back; it is empty unless `outcome` is `complete` or `partial`. `upstream` is the fingerprint of what the day was
    loaded for: contract, sessions and schema; `partial` says that the day was in progress. The last four name each
    table that the day was made of or judged into, exact to the day, which Dagster's own provenance of a batched run is
    not: `schedule_digest` the main contract, `sessions_fingerprint` the hours, the others the verdicts, empty where the
    load did not judge.
    """

    manifest_id: str
    run_id: str
    symbol: str
    trading_day: date
    contract: str
    outcome: IngestState = IngestState.RUNNING
    reason: str
    rows: int = 0
    five_level_rows: int = 0
    same_instant_rows: int = 0
    first_tick: datetime | None = None
    last_tick: datetime | None = None
    digest: str = ""
    replaced: str = ""
    schema_hash: str
    row_hash_algorithm: str
    schedule_hash: str
    upstream: str
    code_version: str
    source: str
    reader: str = ""
    readback: str
    depth: int
    attempts: int = 0
    bytes: int = 0
    download_s: float = 0.0
    store_s: float = 0.0
    readback_s: float = 0.0
    judge_s: float = 0.0
    started: datetime
    finished: datetime | None = None
    partial: bool = False
    schedule_digest: str = ""
    sessions_fingerprint: str = ""
    coverage_fingerprint: str = ""
    quality_fingerprint: str = ""

    @property
    def wrong_main(self) -> WrongMain | None:
        """What the outcome says of the provider's main contract; None where nothing is wrong with it."""
        return wrong_main_of(self.symbol, self.outcome)

    @property
    def failure(self) -> str:
        """Why an attempt that has ended stored nothing, in one line; empty where it stored what there was."""
        if self.outcome in (IngestState.COMPLETE, IngestState.PARTIAL):
            return ""
        return (
            self.reason
            if self.wrong_main or self.outcome == IngestState.MISSING
            else f"{self.outcome.value}: {self.reason}"
        )


def digest_of(text: str) -> str:
    """32 hex digits that name a text: blake2b of its UTF-8."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def new_manifest_id(started: datetime) -> str:
    """An id that sorts by time: the UTC second of the attempt's start and 8 random hex digits."""
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


@cache
def code_version() -> str:
    """The code that made a load: the package's version and 8 hex digits that name the content of its sources."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for source in sorted(package.rglob("*.py")):
        digest.update(source.relative_to(package).as_posix().encode())
        digest.update(source.read_bytes())
    return f"{metadata.version('ghtrader-assets')}+{digest.hexdigest()[:8]}"


def manifest_path(home: Path, manifest: Manifest) -> Path:
    """Where the file of a manifest lies: one folder a symbol and trading day."""
    day_folder = home / "manifests" / manifest.symbol.replace("@", "_").replace(".", "_")
    return day_folder / manifest.trading_day.isoformat() / f"{manifest.manifest_id}.json"


def write_manifest_file(home: Path, manifest: Manifest) -> Path:
    """Write the file atomically: whole under its name and on the disk, or not there. Raises `ServiceError`."""
    path = manifest_path(home, manifest)
    try:
        put_document(path, manifest_document(manifest))
    except OSError as error:
        raise ServiceError(
            f"the manifest {path} could not be written: {error.strerror}",
            "free or mend the disk under GHTRADER_HOME",
        ) from None
    return path


def put_document(path: Path, document: dict[str, Any]) -> None:
    """Write a manifest's document as its file. Raises `OSError`."""
    put_file(path, f"{json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)}\n")


def read_manifest_file(path: Path) -> Manifest:
    """Read a manifest's file. Raises `BadInputError` where it is no manifest."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInputError(f"{path} is no manifest: {error}") from None


def manifest_files(home: Path) -> Iterator[Path]:
    """All manifest files of a home, oldest attempt of each day first."""
    yield from sorted((home / "manifests").glob("*/*/[!.]*.json"))


class _Source(msgspec.Struct):
    """What is read of a manifest of any version."""

    source: str


def sources_of_loads(home: Path) -> Iterator[str]:
    """Where each load of a home came from: every attempt leaves a manifest. A file that is none is passed over."""
    for path in manifest_files(home):
        with suppress(OSError, msgspec.MsgspecError):
            yield msgspec.json.decode(path.read_bytes(), type=_Source).source


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON values: dates and instants as ISO 8601, instants with their offset."""
    return {field.name: _to_json(getattr(manifest, field.name)) for field in dataclasses.fields(manifest)}


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value

"""Manifests: the file is the twin of what was written, whole or absent."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError, IngestState, ServiceError
from ghtrader_assets.manifests import (
    Manifest,
    code_version,
    manifest_document,
    new_manifest_id,
    read_manifest_file,
    write_manifest_file,
)
from ghtrader_assets.market.lives import WrongMain
from ghtrader_assets_tests.made_manifest import STARTED, manifest


@given(
    outcome=st.sampled_from(IngestState),
    reason=st.text(max_size=50),
    first_tick=st.none() | st.datetimes(timezones=st.just(UTC)),
    download_s=st.floats(0, 1e6),
)
def test_a_document_comes_back_as_it_was(
    outcome: IngestState, reason: str, first_tick: datetime | None, download_s: float
) -> None:
    written = manifest(outcome=outcome, reason=reason, first_tick=first_tick, download_s=download_s)
    assert msgspec.convert(manifest_document(written), Manifest) == written


def test_the_file_is_the_twin(tmp_path: Path) -> None:
    path = write_manifest_file(tmp_path, manifest())
    assert read_manifest_file(path) == manifest()
    assert list((tmp_path / "manifests").glob("*/*/*")) == [path]


@pytest.mark.parametrize(
    ("outcome", "reason", "failure", "code"),
    [
        (IngestState.COMPLETE, "", "", None),
        (IngestState.FAILED, "provider_main_expired: so they say", "failed: provider_main_expired: so they say", None),
        (IngestState.UNKNOWN_CONTRACT, "no such contract", "no such contract", WrongMain.UNKNOWN),
    ],
)
def test_the_outcome_says_whether_the_main_contract_is_wrong_and_no_text(
    outcome: IngestState, reason: str, failure: str, code: WrongMain | None
) -> None:
    ended = manifest(outcome=outcome, reason=reason)
    assert (ended.failure, ended.wrong_main) == (failure, code)


def test_writing_again_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_manifest_file(tmp_path, manifest(outcome=IngestState.FAILED, reason="began"))
    path = write_manifest_file(tmp_path, manifest())
    assert read_manifest_file(path).outcome == IngestState.COMPLETE
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_file_that_stands_in_the_way_is_named_and_left_alone(tmp_path: Path) -> None:
    blocked = tmp_path / "manifests"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(ServiceError, match="could not be written"):
        write_manifest_file(tmp_path, manifest())
    assert blocked.read_text() == "a file where the folder should be"


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"rows": 3}')
    with pytest.raises(BadInputError, match="is no manifest"):
        read_manifest_file(path)


def test_ids_sort_by_time() -> None:
    earlier, later = new_manifest_id(STARTED), new_manifest_id(datetime(2026, 1, 5, 7, 30, 2, tzinfo=UTC))
    assert earlier < later


def test_the_code_version_names_the_sources() -> None:
    version, _, digest = code_version().partition("+")
    assert version == metadata.version("ghtrader-assets")
    assert len(digest) == 8

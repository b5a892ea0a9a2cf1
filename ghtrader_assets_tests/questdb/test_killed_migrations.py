"""A start over an older home that is killed at any point is made up for by the next."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from ghtrader_assets.context.store import open_writable_store
from ghtrader_assets.errors import VersionError
from ghtrader_assets.questdb.tables import migrations
from ghtrader_assets.questdb.tables.migrations import require_version, store_version
from ghtrader_assets.questdb.tables.steps import STEPS, STORE_VERSION
from ghtrader_assets_tests.questdb.old_store import CHANGED, OldHome

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("old-home")]


class _KilledError(BaseException):
    """Stands for a kill: nothing of ours catches it."""


MOMENTS = (
    "_alter",
    "_rewrite",
    "repartition",
    "_show_live",
    "_record",
    "ensure_table",
    "make_tables",
    "put_document",
    "put_file",
)


@pytest.mark.soak
def test_a_start_that_is_killed_anywhere_is_made_up_for_by_the_next(
    old: OldHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after each call that changes anything, the first, the second, … of its kind."""
    old.migrate()
    rows, files = old.rows(*CHANGED), old.files()
    moments = 0
    for name in MOMENTS:
        for nth in range(1, 9):
            if not _killed(old, monkeypatch, name, nth):
                break
            moments += 1
            _require_made_up_for(old, rows, files)
    assert moments >= len(MOMENTS) + len(STEPS)


@pytest.mark.joint
def test_a_start_killed_at_one_call_of_each_kind_is_made_up_for(
    old: OldHome, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """A sample of the campaign above: of each kind the first call, which every start makes, or the second."""
    drawn = random.Random(seed)
    old.migrate()
    rows, files = old.rows(*CHANGED), old.files()
    for name in MOMENTS:
        assert _killed(old, monkeypatch, name, drawn.choice((1, 2))) or _killed(old, monkeypatch, name, 1), name
        _require_made_up_for(old, rows, files)


def _require_made_up_for(old: OldHome, rows: dict[str, pl.DataFrame], files: dict[str, str]) -> None:
    """Readers refuse the half-way home, and the next start ends what the killed one began."""
    if store_version(old.database) != STORE_VERSION:
        told = f"of version .* reads version {STORE_VERSION}; run `ghtrader-assets up`"
        with pytest.raises(VersionError, match=told):
            require_version(old.database)
    old.migrate()
    old.assert_same(rows, files)


def _killed(old: OldHome, monkeypatch: pytest.MonkeyPatch, name: str, nth: int) -> bool:
    """Migrate an old home and stop at the nth call of a function, half the times before it, half after it."""
    old.make_old_again()
    real: Callable[..., Any] = getattr(migrations, name)
    calls = 0

    def until(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and nth % 2:
            raise _KilledError
        done = real(*arguments)
        if calls == nth:
            raise _KilledError
        return done

    with monkeypatch.context() as patch:
        patch.setattr(migrations, name, until)
        try:
            old.migrate()
        except _KilledError:
            return True
    return False


WAITING_CHILD = """
import sys, time
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.store import open_database
from ghtrader_assets.questdb.tables import migrations
from ghtrader_assets.settings import load_settings

settings = load_settings()
rewrite, seen = migrations._rewrite, []

def stop_in_the_middle(db, change):
    rewrite(db, change)
    seen.append(change.table)
    if len(seen) == 2:
        print("in the middle", flush=True)
        time.sleep(600)

migrations._rewrite = stop_in_the_middle
with open_database(settings) as database:
    migrations.ensure_schema(database, settings.home, SYSTEM_CLOCK)
"""


def test_a_start_that_is_really_killed(old: OldHome, monkeypatch: pytest.MonkeyPatch) -> None:
    old.migrate()
    rows, files = old.rows(), old.files()
    old.make_old_again()
    assert old.settings.questdb_password is not None
    for name, value in (
        ("HOME", str(old.home)),
        ("QUESTDB_HTTP", old.settings.questdb_http),
        ("QUESTDB_PG", old.settings.questdb_pg),
        ("QUESTDB_USER", old.settings.questdb_user),
        ("QUESTDB_PASSWORD", old.settings.questdb_password.get_secret_value()),
    ):
        monkeypatch.setenv(f"GHTRADER_{name}", str(value))
    child = subprocess.Popen([sys.executable, "-c", WAITING_CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert store_version(old.database) == STEPS[0].version, "the second step is half done"
    with open_writable_store(old.settings):
        pass
    old.assert_same(rows, files)

"""A tick table with a partition a day becomes one with a partition a week, wherever a start is killed."""

from __future__ import annotations

import shutil
from typing import Any, NamedTuple

import pytest

from ghtrader_assets.errors import DiskFullError, ServiceError
from ghtrader_assets.questdb.tables import repartition
from ghtrader_assets.questdb.tables.migrations import shape_findings, store_version
from ghtrader_assets.questdb.tables.repartition import BEFORE_SUFFIX, COPY_SUFFIX
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS
from ghtrader_assets.questdb.tables.steps import FIRST_VERSION, STORE_VERSION
from ghtrader_assets_tests.questdb.old_store import OldHome

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("old-home")]

BASE = TABLES[TICKS].base


class _KilledError(BaseException):
    """Stands for a kill: nothing of ours catches it."""


class _Room(NamedTuple):
    free: int


def lengths(old: OldHome) -> dict[str, str]:
    names = "SELECT table_name, partitionBy FROM tables() WHERE table_name LIKE %s"
    return dict(old.database.rows("tables", names, [f"{BASE}%"]))


def test_every_row_dead_or_alive_is_where_it_was(old: OldHome) -> None:
    before = old.rows(TICKS)
    assert lengths(old) == {BASE: "DAY"}
    old.migrate()
    assert lengths(old) == {BASE: "WEEK"}
    assert old.rows(TICKS)[TICKS].equals(before[TICKS])
    assert shape_findings(old.database) == {}
    ((live,),) = old.database.rows("live", f"SELECT count() FROM {TICKS}")
    assert 0 < live == before[TICKS]["live"].sum() < before[TICKS].height, "the view hides rows"


MOMENTS = range(2 * 8)
"""Before and after each statement of a copy in three parts, and one moment after its end."""


@pytest.mark.parametrize(
    "share", [pytest.param(4, marks=pytest.mark.joint), pytest.param(1, marks=pytest.mark.soak)], ids=["some", "all"]
)
def test_a_start_killed_at_any_statement_is_made_up_for(
    old: OldHome, monkeypatch: pytest.MonkeyPatch, seed: int, share: int
) -> None:
    """Killed at every moment, or at a quarter of them that the seed draws."""
    before, real, said = old.rows(TICKS), repartition._run, set[str]()
    monkeypatch.setattr(repartition, "ROWS_AT_ONCE", before[TICKS].height // 3)
    for nth in MOMENTS[seed % share :: share]:
        calls = 0

        def until(db: Any, statement: str, nth: int = nth) -> None:
            nonlocal calls
            calls += 1
            if calls == nth // 2 + 1 and nth % 2:
                raise _KilledError
            real(db, statement)
            said.add(statement.split(maxsplit=1)[0])
            if calls == nth // 2 + 1:
                raise _KilledError

        old.make_old_again()
        with monkeypatch.context() as patch:
            patch.setattr(repartition, "_run", until)
            try:
                old.migrate()
            except _KilledError:
                assert store_version(old.database) != STORE_VERSION
        old.migrate()
        assert lengths(old) == {BASE: "WEEK"}
        assert old.rows(TICKS)[TICKS].equals(before[TICKS])
    assert share > 1 or calls < 8, "every statement was killed before and after"
    assert said == {"CREATE", "INSERT", "RENAME", "DROP"}


def test_a_copy_that_differs_never_takes_the_place(old: OldHome, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.rows(TICKS)
    real = repartition._run

    def spoiling(db: Any, statement: str) -> None:
        into, select, what = statement.partition(" SELECT ")
        real(db, into + select + what.replace("last_price", "last_price + 1 last_price"))

    with monkeypatch.context() as patch:
        patch.setattr(repartition, "_run", spoiling)
        with pytest.raises(ServiceError, match="has other rows than what it is a copy of"):
            old.migrate()
    assert lengths(old) == {BASE: "DAY", BASE + COPY_SUFFIX: "WEEK"}
    assert old.rows(TICKS)[TICKS].equals(before[TICKS])
    old.migrate()
    assert lengths(old) == {BASE: "WEEK"}
    assert old.rows(TICKS)[TICKS].equals(before[TICKS])


def test_a_copy_that_the_disk_can_not_hold_is_not_begun(old: OldHome, monkeypatch: pytest.MonkeyPatch) -> None:
    (old.home / "questdb").mkdir(exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: _Room(free=2**20))
        with pytest.raises(DiskFullError, match=r"has 1 MB free, and the copy .* needs .* MB"):
            old.migrate()
    (old.home / "questdb").rmdir()
    assert lengths(old) == {BASE: "DAY"}
    assert FIRST_VERSION < store_version(old.database) < STORE_VERSION
    old.migrate()
    assert lengths(old) == {BASE: "WEEK"}


def test_a_column_of_another_program_comes_along(old: OldHome) -> None:
    old.execute(f"ALTER TABLE {BASE} ADD COLUMN of_another LONG")
    old.database.await_applied(BASE)
    old.migrate()
    assert "of_another" in old.columns(BASE)
    assert "of_another" not in old.columns(TICKS)
    assert not [name for name in lengths(old) if name.endswith((COPY_SUFFIX, BEFORE_SUFFIX))]

"""Old names of public arguments are accepted with a warning, and only one name at a time."""

from __future__ import annotations

import pytest

from ghtrader_assets.store.arguments import renamed_arguments


@renamed_arguments(first="start", to="output_format")
def ask(symbol: str, start: str, *, output_format: str = "pandas") -> tuple[str, str, str]:
    """What was asked."""
    return symbol, start, output_format


def test_new_names_and_positions_are_silent() -> None:
    assert ask("cu", "2026-01-05") == ("cu", "2026-01-05", "pandas")
    assert ask("cu", start="2026-01-05", output_format="arrow") == ("cu", "2026-01-05", "arrow")


def test_an_old_name_warns_at_the_callers_line() -> None:
    with pytest.warns(DeprecationWarning, match="'first' is now called 'start'; old names are accepted") as seen:
        assert ask("cu", first="2026-01-05") == ("cu", "2026-01-05", "pandas")  # type: ignore[call-arg]
    assert [warning.filename for warning in seen] == [__file__]
    with pytest.warns(DeprecationWarning, match="output_format"):
        assert ask("cu", "2026-01-05", to="polars")[-1] == "polars"  # type: ignore[call-arg]


def test_two_names_for_one_argument_are_an_error() -> None:
    with pytest.raises(TypeError, match="'start' and its old name 'first'"):
        ask("cu", start="2026-01-05", first="2026-01-06")  # type: ignore[call-arg]


def test_the_function_keeps_its_name_and_docstring() -> None:
    assert (ask.__name__, ask.__doc__) == ("ask", "What was asked.")

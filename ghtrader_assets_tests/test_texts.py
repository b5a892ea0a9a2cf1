"""Text from outside: kept as one bounded line, shown without a character that a terminal obeys."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.errors import FetchError
from ghtrader_assets.texts import LONGEST, one_line, shown, shown_json, shown_lines

OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of what a terminal may obey, or what turns a line of text into something else than it says."""
texts = st.text(st.characters(), max_size=300)


def obeyed(text: str) -> set[str]:
    """The characters of a text that are more than text. Some visible signs of a few scripts are of category Cf."""
    visible = {chr(number) for number in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)}
    shaping = {letter for letter in text if 0x13430 <= ord(letter) <= 0x1D17A}
    return {letter for letter in text if unicodedata.category(letter) in OBEYED} - visible - shaping


@given(texts)
def test_what_enters_is_one_line_without_control_characters(text: str) -> None:
    line = one_line(text)
    assert not obeyed(line)
    assert line == " ".join(line.split())
    assert one_line(line) == line


@given(texts)
def test_what_is_shown_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert not obeyed(shown(text))
    assert shown(shown(text)) == shown(text)
    assert not obeyed(shown_lines(text).replace("\n", ""))


@given(st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)))
def test_json_reads_as_before(document: object) -> None:
    written = shown_json(json.dumps(document, ensure_ascii=False))
    assert not obeyed(written)
    assert json.loads(written) == document


@pytest.mark.parametrize("text", ["plain", "涨停 10 %", "[/bold] C:\\x1b", "naïve – “quoted” …", "é" * 40, ""])
def test_text_is_left_alone(text: str) -> None:
    assert one_line(text) == shown(text) == text


def test_length_is_bounded() -> None:
    assert len(one_line("x" * 10_000_000)) == LONGEST + 1
    assert len(one_line("\x1b" * 10_000_000)) <= LONGEST + 1
    assert len(FetchError("x" * 10_000_000).line) < 3000


def test_an_error_takes_other_programs_words_in_as_one_line() -> None:
    error = FetchError("the server said \x1b]8;;http://x\x07here\x1b]8;;\x07\r\nerror: all is well \u202e")
    assert error.what == "the server said ]8;;http://x here ]8;; error: all is well"

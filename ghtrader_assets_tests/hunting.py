"""Hunts: very many inputs against one door, none of which crashes it, hangs it, tells a secret or makes it grow.

Belongs here: running them, and altering what they begin with. Does not belong here: any door; a hunt stands with the
tests of its room, a sample of it in `make test`, all of it in `make soak`.

hypothesis draws documents that are nearly right, and shrinks what fails. Drawing is dear, so each document is examined
in `VARIANTS` forms: as it is, with parts replaced by others, with bytes changed. hypothesis remembers all that it drew:
a hunt is many rounds, each of a seed of its own, which is told where one fails.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from typing import Any, Final

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Examine = Callable[[Any], str]
"""Puts an input through a door, and returns all that was said of it. Raises for an exception that isn't ours."""
Record = Callable[[str, object], None]

CANARY: Final = "canary-0f7e-of-the-hunt"
SAMPLE: Final = 1000
VARIANTS: Final = 250
ROUND: Final = 500
LONGEST_S: Final = 20
"""For one input: a busy machine takes a hundred times as long as an idle one."""
MOST_GROWTH: Final = 256 << 20

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, 1e308, float("nan"), float("inf"), "", " ", "-", "NaN",
    "0", "null", "9" * 400, "\x00", "\x1b[2J", "\u202e", "\ud800", "[/b]", "é中²", "x" * 3000, [], {}, [[]],
    [None], {"": None}, {"data": {}}, [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip
"""What stands where something else is due."""
_PIECES: Final = (
    b"null", b"{}", b"[]", b'""', b"-", b"NaN", b"1e999", b"9" * 5000, b"[" * 2000, b'{"a":' * 2000, b"\x00",
    b"\xff\xfe", b"\\ud800", b"'", b'"', b"=", b"\n", b"{", b"}", b"]", b"#", b".", b"'''",
)  # fmt: skip

odd = st.sampled_from(ODD)


def counts(inputs: int, shards: int) -> list[Any]:
    """Parameters `(inputs, part)`: a sample for `make test`; the whole in parts, for the shards of `make soak`."""
    whole = [pytest.param(inputs // shards, part, marks=pytest.mark.soak) for part in range(1, shards + 1)]
    return [(SAMPLE, 0), *whole]


def hunt(
    documents: st.SearchStrategy[Any],
    examine: Examine,
    count: int,
    name: str,
    record: Record,
    written: Callable[[Any, random.Random], Any],
) -> None:
    """Put `count` inputs through a door. `name` seeds them and tells of which hunt they are; `written` makes an input
    of a document; `record` is told how many there were, and what the process grew by."""
    grown_from = done = 0
    while done < count:
        examples = min(ROUND, -(-(count - done) // VARIANTS))
        _round(documents, examine, examples, f"{name}:{done}", written)
        done += examples * VARIANTS
        grown_from = grown_from or psutil.Process().memory_info().rss
    grown = psutil.Process().memory_info().rss - grown_from
    record("inputs", done)
    record("grown_mb", grown >> 20)
    assert grown < MOST_GROWTH, f"{grown >> 20} MB more after {done:,} inputs"


def _round(
    documents: st.SearchStrategy[Any],
    examine: Examine,
    examples: int,
    name: str,
    written: Callable[[Any, random.Random], Any],
) -> None:
    @seed(name)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents, st.integers(0, 2**32))
    def search(document: Any, drawn: int) -> None:
        dice = random.Random(drawn)
        for form in _forms(document, dice):
            _examined(examine, written(form, dice))

    search()


def _examined(examine: Examine, value: Any) -> None:
    before = signal.signal(signal.SIGALRM, _hangs)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        said = examine(value)
        assert CANARY not in said, said
        assert len(said) < 50_000
    except BaseException as error:
        error.add_note(f"the input: {value!r:.3000}")
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _hangs(*_: object) -> None:
    raise AssertionError(f"no end after {LONGEST_S} s")


def _forms(document: Any, dice: random.Random) -> Iterator[Any]:
    yield document
    for _ in range(VARIANTS - 1):
        form = document
        for _ in range(dice.randint(1, 3)):
            form = altered(form, dice)
        yield form


def altered(document: Any, dice: random.Random) -> Any:
    """The document with one part, somewhere in it, left out, moved, or replaced by something odd."""
    if not isinstance(document, dict | list) or not document or dice.random() < 0.15:
        return dice.choice((dice.choice(ODD), [document], {"data": document}, str(document), [document, document]))
    entries = list(document.items() if isinstance(document, dict) else enumerate(document))
    place, part = dice.choice(entries)
    changed = dict(entries)
    match dice.randrange(8):
        case 0:
            del changed[place]
        case 1:
            changed[place] = dice.choice(entries)[1]
        case 2 if isinstance(document, dict):
            changed[dice.choice(("data", "", "x", "0", "-1", "9" * 30))] = changed.pop(place)
        case _:
            changed[place] = altered(part, dice)
    return changed if isinstance(document, dict) else list(changed.values())


def spoiled(text: bytes, dice: random.Random) -> bytes:
    """The text as it is, or with some of its bytes changed, left out, repeated, or cut off."""
    if dice.random() < 0.6:
        return text
    made = bytearray(text)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(made) + 1)
        match dice.randrange(5):
            case 0:
                made[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                del made[place : place + dice.randint(1, 30)]
            case 2:
                made[place:place] = made[place : place + dice.randint(1, 60)] * dice.randint(1, 4)
            case 3:
                made[place:place] = dice.choice(_PIECES)
            case _:
                del made[place:]
    return bytes(made)

"""Items through two steps in batches: all of them once, in bounds, and an end of every kind that leaves no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.loading.batches import Batches, Limits

PATIENCE_S: Final = 60.0
"""How long a thread waits for another before the test fails; none waits where the code is right."""
NEVER_S: Final = 1e6

Numbers = Sequence[int]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def limits(size: int = 2, *, age_s: float = NEVER_S, in_flight: int = 3, held: int = 100) -> Limits[int]:
    return Limits(lambda batch: len(batch) >= size, age_s, in_flight, held)


def same(batch: Numbers) -> Numbers:
    return batch


def numbers(count: int) -> Generator[int]:
    yield from range(count)


def awaited(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


@given(
    count=st.integers(0, 40), size=st.integers(1, 5), in_flight=st.integers(1, 3), age_s=st.sampled_from([0.0, NEVER_S])
)
@settings(deadline=None, max_examples=50)
def test_each_item_is_stored_then_recorded_once(count: int, size: int, in_flight: int, age_s: float) -> None:
    stored: list[int] = []

    def store(batch: Numbers) -> Numbers:
        stored.extend(batch)
        return batch

    def record(batch: Numbers) -> list[int]:
        assert set(batch) <= set(stored)
        assert 0 < len(batch) <= size
        return [-number for number in batch]

    found = list(Batches(numbers(count), store, record, limits(size, age_s=age_s, in_flight=in_flight)).results())
    assert sorted(stored) == list(range(count))
    assert sorted(found) == sorted(-number for number in range(count))


@given(size=st.integers(1, 5), batches=st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_the_source_waits_for_results_to_be_taken(size: int, batches: int) -> None:
    held, taken = size * batches, 0

    def source() -> Generator[int]:
        for number in range(60):
            assert number - taken <= held, "held, and the one that waits to be let in"
            yield number

    for _ in Batches(source(), same, same, limits(size, held=held)).results():
        taken += 1
    assert taken == 60


def test_batches_are_stored_at_once_and_recorded_one_by_one() -> None:
    all_storing = threading.Barrier(3)
    recording = threading.Lock()

    def store(batch: Numbers) -> Numbers:
        all_storing.wait(PATIENCE_S)
        return batch

    def record(batch: Numbers) -> Numbers:
        assert recording.acquire(blocking=False)
        time.sleep(0.1)  # long enough for another to be met, were there another
        recording.release()
        return batch

    assert len(list(Batches(numbers(6), store, record, limits(in_flight=3)).results())) == 6


def test_while_a_batch_is_recorded_the_next_is_stored_and_more_items_come() -> None:
    came, second_stored = threading.Event(), threading.Event()
    entered: list[bool] = []

    @contextmanager
    def guard() -> Generator[None]:
        entered.append(True)
        yield

    def source() -> Generator[int]:
        yield from range(5)
        came.set()

    def store(batch: Numbers) -> Numbers:
        if 2 in batch:
            second_stored.set()
        return batch

    def record(batch: Numbers) -> Numbers:
        awaited(second_stored)
        awaited(came)
        return batch

    found = list(Batches(source(), store, record, limits(), while_storing=guard).results())
    assert (sorted(found), entered) == (list(range(5)), [True])


@pytest.mark.parametrize(("given_before", "closed"), [(2, limits(2)), (1, limits(2, age_s=0.001))])
def test_a_batch_is_closed_by_its_size_and_by_its_age(given_before: int, closed: Limits[int]) -> None:
    taken = threading.Event()

    def source() -> Generator[int]:
        yield from range(given_before)
        awaited(taken)
        yield given_before

    results = Batches(source(), same, same, closed).results()
    assert next(results) == 0
    taken.set()
    assert list(results) == list(range(1, given_before + 1))


def test_storing_is_guarded_from_the_first_batch_until_its_results_are_taken() -> None:
    told: list[str] = []
    first_taken = threading.Event()

    @contextmanager
    def guard() -> Generator[None]:
        told.append(f"entered by {threading.current_thread().name}")
        yield
        told.append("left")

    def source() -> Generator[int]:
        yield 0
        awaited(first_taken)
        yield 1

    def store(batch: Numbers) -> Numbers:
        told.append(f"stored {batch[0]}")
        return batch

    for number in Batches(source(), store, same, limits(1), while_storing=guard).results():
        told.append(f"took {number}")
        first_taken.set()
    entered = f"entered by {threading.current_thread().name}"
    assert told == [entered, "stored 0", "took 0", "left", entered, "stored 1", "took 1", "left"]


class OnPurposeError(Exception):
    pass


def break_at(number: int) -> Callable[[Numbers], Numbers]:
    def step(batch: Numbers) -> Numbers:
        if number in batch:
            raise OnPurposeError
        return batch

    return step


def broken_source() -> Generator[int]:
    yield 0
    raise OnPurposeError


@contextmanager
def broken_guard() -> Generator[None]:
    raise OnPurposeError
    yield


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Batches(broken_source(), same, same, limits()),
        lambda: Batches(numbers(50), break_at(4), same, limits()),
        lambda: Batches(numbers(50), same, break_at(4), limits()),
        lambda: Batches(numbers(50), same, same, limits(held=4), while_storing=broken_guard),
        lambda: Batches(numbers(50), same, break_at(4), limits(held=2)),
    ],
    ids=["source", "store", "record", "guard", "record while the source waits"],
)
def test_an_error_is_raised_where_results_are_taken(broken: Callable[[], Batches[int, Numbers, int]]) -> None:
    with pytest.raises(OnPurposeError):
        list(broken().results())


@pytest.mark.parametrize("held", [2, 1000], ids=["the source waits", "the source runs"])
def test_a_caller_that_stops_ends_everything(held: int) -> None:
    told: list[str] = []
    cancelled = threading.Event()

    @contextmanager
    def guard() -> Generator[None]:
        try:
            yield
        finally:
            told.append("guard left")

    def source() -> Generator[int]:
        try:
            yield from range(10)
            awaited(cancelled)
        finally:
            told.append("source closed")

    results = Batches(source(), same, same, limits(held=held), cancel=cancelled.set, while_storing=guard).results()
    assert next(results) == 0
    results.close()
    assert told == ["source closed", "guard left"]


def test_a_caller_that_stops_waits_for_what_is_being_stored_and_drops_the_rest() -> None:
    stored: list[int] = []
    second_began, stopping = threading.Event(), threading.Event()

    def store(batch: Numbers) -> Numbers:
        if 1 in batch:
            second_began.set()
            awaited(stopping)
        stored.extend(batch)
        return batch

    results = Batches(numbers(9), store, same, limits(1, in_flight=1), cancel=stopping.set).results()
    assert next(results) == 0
    awaited(second_began)
    results.close()
    assert stored == [0, 1]

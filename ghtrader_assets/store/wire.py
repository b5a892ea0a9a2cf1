"""How a question and its answer travel: a JSON object there, one Arrow IPC stream back, notes in its messages.

Belongs here: both forms, for either end. Does not belong here: sending (`remote`), serving (`dashboard.reading`), what
can be asked (`questions`).

A message of the stream is a whole table, or none. Its metadata has a note, under `NOTE`: what heads the table, the rows
of an answer that is no table, what the reader is told, why the answer failed or was cut, and that it is whole. An
answer that ends without the last of these is never taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from ghtrader_assets.errors import (
    AnswerCutError,
    BadInputError,
    BrokenAnswerError,
    DayStateWarning,
    GhtraderError,
    SameNameWarning,
)
from ghtrader_assets.reading.telling import collected
from ghtrader_assets.store.questions import QUESTIONS, Answering, StoreQuestion

READ: Final = "/read"
"""Where questions are sent, by POST."""
STREAM: Final = "application/vnd.apache.arrow.stream"
NOTE: Final = b"ghtrader"
_encode: Final = msgspec.msgpack.encode


class Told(msgspec.Struct, omit_defaults=True):
    """A warning: a `DayStateWarning` with its `states`, or without any a `SameNameWarning`."""

    text: str
    states: dict[date, str] | None = None

    @classmethod
    def of(cls, warning: Warning) -> Told:
        return cls(str(warning), dict(warning.states) if isinstance(warning, DayStateWarning) else None)

    @property
    def warning(self) -> Warning:
        return SameNameWarning(self.text) if self.states is None else DayStateWarning(self.text, self.states)


class Failed(msgspec.Struct):
    """An error of ours."""

    code: str
    what: str
    remedy: str

    @classmethod
    def of(cls, error: GhtraderError) -> Failed:
        return cls(error.code, error.what, error.remedy)

    @property
    def error(self) -> GhtraderError:
        kinds = {kind.code: kind for kind in kinds_of(GhtraderError)}
        return kinds.get(self.code, GhtraderError)(self.what, self.remedy)


class Note(msgspec.Struct, omit_defaults=True):
    """What a message says besides its table."""

    told: list[Told] = []
    head: bytes | None = None
    value: bytes | None = None
    failed: Failed | None = None
    is_end: bool = False


NotedTable = tuple[Note, pa.Table | None]


@dataclass(frozen=True, slots=True)
class AnswerBounds:
    """The most that one answer may have and take, before it is cut; `now_s` is a stopwatch."""

    rows: int
    seconds: float
    now_s: Callable[[], float]


def sent_question(question: StoreQuestion, arguments: Mapping[str, Any]) -> bytes:
    """Raises `BadInputError` for arguments that are no values of JSON, days, or lists of these."""
    try:
        return json.dumps({"question": question.name, "arguments": arguments}, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInputError(f"{question.name}: {error}", "pass texts, days and lists of them") from None


def answered(store: Callable[[], Answering], body: bytes, bounds: AnswerBounds) -> Generator[bytes]:
    """The answer to a question as it was sent, in pieces. Each is made when it is taken."""
    outlet = _Outlet()
    for note, table in _within(bounds, _messages(store, body)):
        yield outlet.written(note, table)


def tables_received(
    question: StoreQuestion, source: object, tell: Callable[[Warning], None]
) -> Generator[tuple[Any, Any]]:
    """The tables of an answer, each with what heads it, as they arrive. Raises what the other end did, and
    `BrokenAnswerError` for an answer that ends too early."""
    for note, batch in _received(source, tell):
        if note.head is not None:
            yield msgspec.msgpack.decode(note.head, type=question.answer_type), pa.Table.from_batches([batch])


def value_received(question: StoreQuestion, source: object, tell: Callable[[Warning], None]) -> Any:
    """The rows of an answer without tables. Raises as `tables_received`."""
    values = [note.value for note, _ in _received(source, tell) if note.value is not None]
    return msgspec.msgpack.decode(values[0], type=question.answer_type)


def _received(source: object, tell: Callable[[Warning], None]) -> Generator[tuple[Note, pa.RecordBatch]]:
    try:
        for batch, metadata in pa.ipc.open_stream(source).iter_batches_with_custom_metadata():
            note = msgspec.msgpack.decode(metadata[NOTE], type=Note)
            for told in note.told:
                tell(told.warning)
            if note.failed is not None:
                raise note.failed.error
            if note.is_end:
                return
            yield note, batch
    except (pa.ArrowInvalid, OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BrokenAnswerError(f"the answer is none of ours, or not whole: {error}") from None
    raise BrokenAnswerError("the answer ended before it was whole")


def _messages(store: Callable[[], Answering], body: bytes) -> Iterator[NotedTable]:
    try:
        question, arguments = _question_in(body)
        with collected() as told:
            answer = question.put_to(store(), arguments)
        if question.gives_tables:
            yield from _headed(answer, told)
        else:
            yield Note([Told.of(warning) for warning in told], value=_encode(answer)), None
    except GhtraderError as error:
        yield Note(failed=Failed.of(error)), None
    else:
        yield Note(is_end=True), None


def _headed(tables: Generator[tuple[Any, pa.Table]], told: list[Warning]) -> Iterator[NotedTable]:
    """The tables, the first with what was told before it was there."""
    while True:
        with collected() as more:
            found = next(tables, None)
        if found is None:
            return
        head, table = found
        yield Note([Told.of(warning) for warning in (*told, *more)], head=_encode(head)), table
        told = []


def _within(bounds: AnswerBounds, messages: Iterable[NotedTable]) -> Iterator[NotedTable]:
    """The messages up to a bound, and that the answer was cut there."""
    rows, ends_at = 0, bounds.now_s() + bounds.seconds
    for note, table in messages:
        rows += table.num_rows if table is not None else 0
        beyond = (
            f"more than {bounds.rows:,} rows"
            if rows > bounds.rows
            else f"more than {bounds.seconds:g} seconds"
            if table is not None and bounds.now_s() > ends_at
            else ""
        )
        if beyond:
            yield Note(failed=Failed.of(AnswerCutError(f"the answer has {beyond} and was cut"))), None
            return
        yield note, table


@dataclass(slots=True)
class _Outlet:
    """An Arrow stream of the tables of one schema, each taken as it is written."""

    _chunks: list[memoryview] = field(default_factory=list[memoryview])
    _schema: pa.Schema = field(default_factory=lambda: pa.schema([]))
    _writer: Any = None
    closed: bool = False

    def written(self, note: Note, table: pa.Table | None) -> bytes:
        """What the stream grows by; its end too, where the note is the last."""
        if self._writer is None:
            self._schema = self._schema if table is None else table.schema
            self._writer = pa.ipc.new_stream(pa.PythonFile(self, "w"), self._schema)
        batch = _empty(self._schema) if table is None else _whole(table)
        self._writer.write_batch(batch, custom_metadata={NOTE: _encode(note)})
        if note.is_end or note.failed is not None:
            self._writer.close()
        taken, self._chunks = b"".join(self._chunks), []
        return taken

    def write(self, chunk: pa.Buffer | bytes) -> int:
        """What pyarrow calls."""
        view = memoryview(chunk)
        self._chunks.append(view)
        return view.nbytes

    def flush(self) -> None:
        """Nothing is held back."""


def _whole(table: pa.Table) -> pa.RecordBatch:
    """All of a table, and its categories where it has no row."""
    columns = [table.column(name) for name in table.column_names]
    arrays = [each.chunk(0) if each.num_chunks == 1 else each.combine_chunks() for each in columns]
    return pa.record_batch(arrays, schema=table.schema)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], each.type) for each in schema], schema=schema)


def _question_in(body: bytes) -> tuple[StoreQuestion, dict[str, Any]]:
    """Raises `BadInputError` for a body that is no question of ours."""
    try:
        asked: Any = json.loads(body)
        return QUESTIONS[asked["question"]], {str(name): value for name, value in asked["arguments"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        form = '{"question": NAME, "arguments": {…}}'
        raise BadInputError("this is no question", f"send {form}; names are {', '.join(sorted(QUESTIONS))}") from None


def _plain(value: object) -> object:
    """A day as a text, as an instant where it is more; any other collection as a list."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item() or "NaT"
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time(0):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def kinds_of(kind: type[GhtraderError]) -> Iterator[type[GhtraderError]]:
    """An error and all of its kind."""
    yield kind
    for each in kind.__subclasses__():
        yield from kinds_of(each)

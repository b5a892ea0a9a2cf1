"""Which methods of the store are questions: a store of this process answers them itself, a remote one sends them.

Belongs here: the mark `question`, what a question's arguments and answer are, read from its annotations. Does not
belong here: any question (`api`), how one travels (`wire`), to whom (`remote`).

What a question is comes from its annotations: arguments of JSON's values and days, and an answer of frozen
rows, or of a generator of Arrow tables, each with the row that heads it or None.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.store.arguments import texts_given

P = ParamSpec("P")
R = TypeVar("R")


class Answering(Protocol):
    """A store, wherever its answers come from."""

    def answer_to(self, question: StoreQuestion, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any: ...


StoreAsked = TypeVar("StoreAsked", bound=Answering)


@dataclass(frozen=True)
class StoreQuestion:
    """A method of the store, under its name without leading underscores."""

    method: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.method.__name__.lstrip("_")

    def arguments_of(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """What a caller passes, by name. Raises `TypeError` as a call does."""
        bound = inspect.signature(self.method).bind(None, *arguments, **named)
        return dict(list(bound.arguments.items())[1:])

    def put_to(self, store: Answering, arguments: Mapping[str, Any]) -> Any:
        """The store's answer to what another process sent: any JSON, which its methods check as any caller's values.

        Raises `BadInputError` for arguments that the method does not have.
        """
        signature = inspect.signature(self.method)
        listed = [name for name, each in signature.parameters.items() if each.kind is each.VAR_POSITIONAL]
        try:
            named = {name: value for name, value in arguments.items() if name not in listed}
            bound = signature.bind_partial(store)
            bound.arguments |= {name: texts_given(name, arguments.get(name, ())) for name in listed}
            bound.arguments |= signature.bind(store, **named).arguments
        except TypeError as error:
            raise BadInputError(f"{self.name}: {error}") from None
        return store.answer_to(self, bound.args[1:], bound.kwargs)

    @property
    def answer_type(self) -> Any:
        """The type of the answer, or for tables that of the row which heads each."""
        answer = _hints_of(self.method)["return"]
        return get_args(get_args(answer)[0])[0] if self.gives_tables else answer

    @property
    def gives_tables(self) -> bool:
        return get_origin(_hints_of(self.method)["return"]) is Generator


QUESTIONS: Final[dict[str, StoreQuestion]] = {}


def question(method: Callable[Concatenate[StoreAsked, P], R]) -> Callable[Concatenate[StoreAsked, P], R]:
    """Mark a method of the store as one that a remote store sends to another process."""
    asked = StoreQuestion(method)
    QUESTIONS[asked.name] = asked

    @wraps(method)
    def call(store: StoreAsked, *arguments: P.args, **named: P.kwargs) -> R:
        return cast("R", store.answer_to(asked, arguments, named))

    return call


@cache
def _hints_of(method: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(method)

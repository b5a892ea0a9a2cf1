"""Questions to the web server of a running Dagster, by GraphQL.

Belongs here: sending one and what it means that none came back. Does not belong here: what is asked (`services` for
health, `orchestration` for runs), and anything of the package dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import requests

from ghtrader_assets.doors.keys import WebKeys
from ghtrader_assets.errors import ServiceError


@dataclass(frozen=True, slots=True)
class DagsterAddress:
    """Where a Dagster answers, which is what it reads as, and what it wants to be sent with each question."""

    url: str
    keys: WebKeys | None = None

    def __str__(self) -> str:
        return self.url


def ask_dagster(
    address: DagsterAddress,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    timeout_s: float,
) -> dict[str, Any]:
    """The data that the web server there answers with. Raises `ServiceError` where it gives none, or refuses."""
    url, headers = address.url, address.keys.header if address.keys else {}
    asked = {"query": query, "variables": variables or {}, "operationName": operation}
    try:
        answer: Any = requests.post(f"{url}/graphql", json=asked, headers=headers, timeout=timeout_s).json()
    except (requests.RequestException, ValueError) as error:
        raise ServiceError(f"Dagster at {url} does not answer: {type(error).__name__}", "see `status`") from None
    said = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    if isinstance(said.get("data"), dict) and "errors" not in said:
        return said["data"]
    try:
        reason = f"Dagster refused the request: {said['errors'][0]['message']}"
    except (KeyError, IndexError, TypeError):
        reason = f"what answers at {url} is no Dagster"
    raise ServiceError(reason, "see `status`")

"""Questions to the web server of a running Dagster, by GraphQL.

Belongs here: sending one and what it means that none came back. Does not belong here: what is asked (`services` for
health, `orchestration` for runs), and anything of the package dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import requests

from ghtrader_assets.errors import ServiceError


def ask_dagster(
    url: str, query: str, variables: Mapping[str, Any] | None = None, operation: str | None = None, *, timeout_s: float
) -> dict[str, Any]:
    """The data that the web server at `url` answers with. Raises `ServiceError` where it gives none, or refuses."""
    asked = {"query": query, "variables": variables or {}, "operationName": operation}
    try:
        answer = requests.post(f"{url}/graphql", json=asked, timeout=timeout_s).json()
    except (requests.RequestException, ValueError) as error:
        raise ServiceError(f"Dagster at {url} does not answer: {type(error).__name__}", "see `status`") from None
    if not isinstance(answer, dict) or not answer.keys() & {"data", "errors"}:
        raise ServiceError(f"what answers at {url} is no Dagster", "see `status`")
    if "errors" in answer:
        raise ServiceError(f"Dagster refused the request: {answer['errors'][0]['message']}")
    return cast("dict[str, Any]", answer["data"])

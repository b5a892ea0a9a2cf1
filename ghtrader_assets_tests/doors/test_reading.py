"""What a token for reading may ask a GraphQL server, whatever it is dressed up as."""

from __future__ import annotations

import json

import pytest

from ghtrader_assets.doors.reading import refusal_of_body

SUBSCRIPTION = "subscription { a }"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("{ a }", 200),
        ("query mutation { mutation: a }", 200),
        ('{ a(of: "mutation { b }") } # mutation { b }', 200),
        ("query A { ...F } fragment F on T { a } query B { b }", 200),
        (SUBSCRIPTION, 200),
        ("mutation { a }", 403),
        ("\ufeff,,,\n# query\nmutation{a}", 403),
        ("query A { a } mutation B { b }", 403),
        ("mutation B { b } query A { a }", 403),
        (f"{SUBSCRIPTION} mutation B {{ b }}", 403),
        ("", 400),
        ("mutatio { a }", 400),
        ("{ a", 400),
        ("{" * 5_000 + "a" + "}" * 5_000, 400),
        ("{ " + "a " * 30_000 + "}", 400),
    ],
)
def test_each_operation_has_to_read(query: str, status: int) -> None:
    refusal = refusal_of_body(json.dumps({"query": query, "operationName": "A"}).encode())
    assert (200 if refusal is None else refusal.status.value) == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"query": "{ a }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": ["{ a }"]}',
        b"\xff",
        b"[" * 9_000,
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    refusal = refusal_of_body(body)
    assert refusal is not None
    assert refusal.status.value == 400


def test_of_a_key_that_comes_twice_the_last_counts_as_it_does_for_dagster() -> None:
    twice = b'{"query": "{ a }", "query": "mutation { b }"}'
    refusal = refusal_of_body(twice)
    assert json.loads(twice)["query"].startswith("mutation")
    assert refusal is not None
    assert refusal.status.value == 403

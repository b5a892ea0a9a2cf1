"""No secret in a text, in whatever form another program says it."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.errors import BrokenDayError, GhtraderError
from ghtrader_assets.redaction import HIDDEN, LEAST_SECRET, hide, redacted, redacted_text

SECRETS = (
    "canary-9b1c+/7%",
    "canary \"4'\\2;é交<&>",
    "canary%41%2F-8d10",
    "\\ncanary\\x41",
    "canary-{3f}\n$0𝄞~",
    "?>?>?>canary",
)
"""What some encoding escapes, what looks like an escape and is none, and what base64 writes as `+` and `/`."""


def _csv(text: str) -> str:
    told = io.StringIO()
    csv.writer(told).writerow([text])
    return told.getvalue()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, small": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%3E", "%3e"),
    "percent, slashes kept": quote,
    "percent, all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": lambda text: urlencode({"q": text}),
    "form, plus": quote_plus,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON, slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"said": text})),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "repr in JSON": lambda text: json.dumps({"said": repr(text)}),
    "HTML": html.escape,
    "HTML, by number": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML, by hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "HTML, twice": lambda text: html.escape(html.escape(text)),
    "SQL": lambda text: text.replace("'", "''"),
    "CSV": _csv,
    "base64": _base64,
    "base64 without padding": lambda text: _base64(text).rstrip("="),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64url without padding": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in JSON, slashes escaped": lambda text: json.dumps(_base64(text)).replace("/", "\\/"),
    "base64 in a URL": lambda text: quote(_base64(text), safe=""),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}


def told(secret: str, encoding: str, before: str = "", after: str = "") -> str:
    """A text that holds the secret so encoded, and what stood around it with it."""
    return ENCODINGS[encoding](f"{before}{secret}{after}")


def core(secret: str, encoding: str) -> str:
    """What of the encoded secret would tell it: no quotes around it, no last character that is its own in part."""
    return ENCODINGS[encoding](secret).strip("'\"\r\n=b")[1:-2]


@pytest.fixture(autouse=True)
def _known() -> None:
    hide(*map(SecretStr, SECRETS))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_known_secret_in_any_usual_encoding(secret: str, encoding: str) -> None:
    text = redacted_text(f"the server said <{told(secret, encoding)}> of it")
    assert HIDDEN in text
    assert core(secret, encoding) not in text
    assert text.startswith("the server said <")
    assert text.endswith("> of it")


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name.startswith(("base64", "hex"))])
@pytest.mark.parametrize("before", ["", "u", "us", "user:", "trader:"])
def test_a_secret_in_the_middle_of_what_was_encoded(encoding: str, before: str) -> None:
    for secret in SECRETS:
        text = redacted_text(told(secret, encoding, before, ":more"))
        assert HIDDEN in text
        assert core(secret, encoding)[4:-4] not in text


@given(
    st.text(min_size=LEAST_SECRET, max_size=30),
    st.sampled_from(sorted(ENCODINGS)),
    st.text(max_size=20),
    st.text(max_size=20),
)
@example("0000", "percent, all", "", "")
@example("000\x1f\x00", "HTML, by hex", "", "")
def test_any_secret_is_found(secret: str, encoding: str, before: str, after: str) -> None:
    assume(not any(0xD800 <= ord(char) < 0xE000 for char in secret + before + after))
    hide(SecretStr(secret))
    said = ENCODINGS[encoding](secret)
    assert HIDDEN in redacted_text(f"{before} {said} {after}"), said


@given(st.text(max_size=200))
def test_a_text_without_a_secret_stays(text: str) -> None:
    assume(not any(mark in text.lower() for mark in ("passw", "secret", "token", "bearer", "basic", "://", "eyj")))
    kept = redacted_text(text)
    assert kept == text or HIDDEN in kept


def test_what_opens_an_address_is_hidden_by_itself() -> None:
    hide(SecretStr("redis://me:r3dis-pw%2F1@cache.invalid:6379/0"))
    hide(SecretStr("slack://T0KEN-A1/B2-T0KEN/C3-T0KEN-3, mailto://me:m4il-pw@mail.invalid?to=you"))
    text = redacted_text("cache.invalid:6379 refused r3dis-pw/1; slack T0KEN-A1 B2-T0KEN C3-T0KEN-3; m4il-pw; 6379")
    assert text == f"cache.invalid:6379 refused {HIDDEN}; slack {' '.join([HIDDEN] * 3)}; {HIDDEN}; 6379"


def test_a_log_ins_token_is_hidden_though_it_was_never_known() -> None:
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"
    assert redacted({"a": f"got {token}.", f"{SECRETS[0]}": [f"Bearer abc.def {SECRETS[0]}"]}) == {
        "a": f"got {HIDDEN}.",
        HIDDEN: [f"Bearer {HIDDEN} {HIDDEN}"],
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_error_says_no_secret_from_the_start(encoding: str) -> None:
    """What is stored as a reason, shown on a page and sent as an alert is the text of one of our errors."""
    error = BrokenDayError(f"the provider said {told(SECRETS[0], encoding)}", f"ask {SECRETS[0]}")
    for text in (error.what, error.remedy, str(error), error.line, repr(error), str(error.args)):
        assert core(SECRETS[0], encoding) not in text
        assert SECRETS[0] not in text


@pytest.mark.parametrize("length", [1990, 7990, 15_990])
def test_no_part_of_a_secret_where_a_long_error_is_cut(length: int) -> None:
    error = GhtraderError(" " * 10 + "x" * length + SECRETS[0] * 3)
    assert "canary" not in str(error)

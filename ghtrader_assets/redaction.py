"""Secrets leave no process: the one redactor, of logs and of every text that is stored, shown or sent.

Belongs here: which secrets this process knows, in which forms each may turn up in a text, and taking them out.
Does not belong here: where texts enter (`errors`) or leave (`logs`), and which setting is a secret (`settings`).

A program that refuses a secret says it again in the form in which it got it, or prints it in one of its own. A known
secret is found as it is, percent-encoded, with the escapes of JSON, `repr`, HTML, SQL and CSV, one inside the other,
for all its characters or some; in base64 and base64url, with and without padding, also in the middle of what was
encoded, as a header's `user:password` is; and in hex. Values that are no known secret are hidden where they stand as
one: under a telling key, in a header, in a URL.
"""

from __future__ import annotations

import base64
import html
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from pydantic import SecretStr

HIDDEN: Final = "**********"
LEAST_SECRET: Final = 4
"""Shorter values are not looked for inside texts: they would be found everywhere."""

_LEAST_PART: Final = 8
_LONGEST_FORM: Final = 1000
_SECRET_KEY: Final = re.compile(r"passw|secret|token|authorization|credential|api_?key", re.IGNORECASE)
_IN_TEXT: Final = (
    (re.compile(r"://[^/\s@]+@"), f"://{HIDDEN}@"),
    (re.compile(r"((?:bearer|basic)\s+)[\w.~+/=-]+", re.IGNORECASE), r"\1" + HIDDEN),
    (re.compile(r"((?:passw(?:or)?d|secret|token)['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&]+", re.IGNORECASE), r"\1" + HIDDEN),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),  # a log-in's token (RFC 7519)
)
_ESCAPED: Final = re.compile(
    r"(?P<percent>(?:%(?:25)*[0-9a-f]{2})+)"
    r"|(?P<bytes>(?:\\+x[0-9a-f]{2})+)"
    r"|(?P<unicode>(?:\\+(?-i:U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}))+)"
    r"|(?P<entity>&(?:amp;)*(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});)"
    r"|(?P<blank>[+\t\r\n\f\v]|\\+[nrtbf])"
    r"|(?P<slashes>\\+)"
    r"|(?P<quotes>''+|\"\"+)",
    re.IGNORECASE,
)
_NESTED: Final = 4
"""So many escapes of different kinds, one inside the other, are undone."""

_secrets: set[str] = set()
_known: re.Pattern[str] | None = None


def hide(*secrets: SecretStr | None) -> None:
    """Redact these values wherever this process says them, from now on; of an address, what opens it as well."""
    global _known  # noqa: PLW0603 - what a process knows is the process's
    values = [secret.get_secret_value() for secret in secrets if secret is not None]
    wanted = {form for value in values for form in (value, *_parts(value)) if len(form) >= LEAST_SECRET}
    if not wanted <= _secrets:
        _secrets.update(wanted)
        forms = {form for secret in _secrets for form in _forms(secret)}
        _known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))


def redacted(value: Any) -> Any:
    """The value without secrets: known ones, those under a telling key, and those a URL or a header carries."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value).items()
        return {
            redacted_text(str(key)): HIDDEN if _SECRET_KEY.search(str(key)) else redacted(entry)
            for key, entry in entries
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(entry) for entry in cast("list[Any]", value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted_text(str(value))


def redacted_text(text: str) -> str:
    """`redacted` of a text."""
    text = without_known(text)
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redacted_head(text: str, most: int) -> str:
    """`redacted` of a text's first `most` characters. Of a longer one the last of these are left out, since a part of a
    secret is not found as one."""
    return redacted_text(text) if len(text) <= most else f"{redacted_text(text[:most])[:-_LONGEST_FORM]}…"


def without_known(text: str) -> str:
    """The text without known secrets, whatever encodes them; forms of an address, as our own texts name them, stay."""
    if _known is None:
        return text
    text = _known.sub(HIDDEN, text)
    undone = _undone(text)
    places = [found.span() for found in _known.finditer(undone)] if undone != text else []
    if places:
        spans = _spans(text)
        for start, end in reversed(places):
            text = f"{text[: spans[start][0]]}{HIDDEN}{text[spans[end - 1][1] :]}"
    return text


@contextmanager
def no_secret_raised() -> Generator[None]:
    """Exceptions that leave the block, and those that led to them, say no known secret: Dagster keeps what they say."""
    try:
        yield
    except BaseException as error:
        if not _hush(error):
            raise RuntimeError(f"{type(error).__name__}: {redacted_text(str(error))}") from None
        raise


def _hush(error: BaseException) -> bool:
    """Whether it and those that led to it say no secret now: some say more than their arguments."""
    seen, hushed = {id(error)}, True
    before = error
    while True:
        said = redacted_text(str(before))
        if said != str(before):
            before.args = (said,)
            hushed = hushed and redacted_text(str(before)) == str(before)
        cause = before.__cause__ or (None if before.__suppress_context__ else before.__context__)
        if cause is None or id(cause) in seen:
            return hushed
        seen.add(id(cause))
        before = cause


def _parts(secret: str) -> Iterator[str]:
    """What of one or more addresses opens what they lead to: each password, and tokens among the other parts.

    A host's name and words are none: all that is said of a server would be hidden.
    """
    for address in re.split(r"[\s,;]+", secret) if "://" in secret else ():
        try:
            split = urlsplit(address)
        except ValueError:
            continue
        account, _, place = split.netloc.rpartition("@")
        user, _, password = account.partition(":")
        yield unquote(password)
        words = [user, *place.split(":"), *split.path.split("/"), *(value for _, value in parse_qsl(split.query))]
        yield from (word for word in map(unquote, words) if _may_be_a_token(word))


OURS: Final = frozenset({"ghtrader-assets", "ghtrader_assets"})
"""Our own names, as of an alert's topic: hidden, no remedy could be typed."""


def _may_be_a_token(word: str) -> bool:
    is_word = word.isalpha() and (word.islower() or word.istitle())
    return len(word) >= _LEAST_PART and not is_word and "." not in word and word not in OURS


def _forms(secret: str) -> Iterator[str]:
    """What is looked for in a text, as it is and with its escapes undone."""
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = [_base64(raw, shift) for shift in range(3)]
    encoded += [form.replace("+", "-").replace("/", "_") for form in encoded]
    for form in (secret, *encoded):
        yield form
        yield _undone(form)
    yield raw.hex()
    yield raw.hex().upper()


def _base64(raw: bytes, shift: int) -> str:
    """Bytes in base64 that stand `shift` bytes after a boundary: the characters that are theirs alone."""
    encoded = base64.b64encode(bytes(shift) + raw).decode()
    return encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]


def _undone(text: str) -> str:
    """The text with every escape undone.

    White space and `+` are blanks, doubled quotes are one, backslashes none: what stands before an escape isn't known.
    """
    for _ in range(_NESTED):
        undone = _ESCAPED.sub(_meant, text)
        if undone == text:
            break
        text = undone
    return text


def _spans(text: str) -> list[tuple[int, int]]:
    """For each character of the undone text the part of the text, from and to, that stands for it."""
    spans = [(place, place + 1) for place in range(len(text))]
    for _ in range(_NESTED):
        kept: list[tuple[int, int]] = []
        done = 0
        for found in _ESCAPED.finditer(text):
            kept += spans[done : found.start()]
            kept += [(spans[found.start()][0], spans[found.end() - 1][1])] * len(_meant(found))
            done = found.end()
        spans = kept + spans[done:]
        text = _ESCAPED.sub(_meant, text)
    return spans


def _meant(found: re.Match[str]) -> str:
    """What an escape, or a run of them, stands for."""
    return _MEANINGS[str(found.lastgroup)](found[0])


def _of_percents(text: str) -> str:
    return unquote_to_bytes(re.sub("%(?:25)+(?=[0-9a-fA-F]{2})", "%", text)).decode(errors="replace")


def _of_entity(text: str) -> str:
    """A number stands for its character, one of control too, which HTML itself leaves out."""
    plain = re.sub("amp;", "", text, flags=re.IGNORECASE)
    number = re.fullmatch(r"&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));?", plain)
    if number is None:
        return html.unescape(plain)
    code = int(number[1], 16) if number[1] else int(number[2])
    return chr(code) if code < 0xD800 else html.unescape(plain)


def _of_unicode(text: str) -> str:
    """`\\u…` of JSON, in pairs beyond 16 bits, and `\\U…` of Python."""
    codes = (int(long or short, 16) for long, short in re.findall(r"(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4}))", text))
    wide = b"".join(chr(min(code, sys.maxunicode)).encode("utf-16-be", "surrogatepass") for code in codes)
    return wide.decode("utf-16-be", "replace")


def _of_bytes(text: str) -> str:
    """`\\x…`: UTF-8 in the `repr` of bytes, characters below 256 in that of a text."""
    raw = bytes.fromhex("".join(re.findall("[xX]([0-9a-fA-F]{2})", text)))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


_MEANINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "percent": _of_percents,
    "bytes": _of_bytes,
    "unicode": _of_unicode,
    "entity": _of_entity,
    "blank": lambda _: " ",
    "slashes": lambda _: "",
    "quotes": lambda text: text[0],
}

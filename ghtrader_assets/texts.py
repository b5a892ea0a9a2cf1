"""Text from outside: what enters becomes one bounded line, what is shown has no character that a terminal obeys.

Belongs here: which characters are no text, taking them out, showing them. Does not belong here: secrets
(`redaction`), markup of a console or a page (`cli.app`, `dashboard`): a console of ours knows none.

Outside is whatever another program, a person or a file says: the provider, QuestDB, the operating system, what was
stored by an older version.
"""

from __future__ import annotations

import json
import re
from typing import Final

LONGEST: Final = 1000
"""So many characters of a text from outside are kept."""

_BEYOND_ASCII: Final = (
    "\x7f-\x9f"  # the second set of control characters: a terminal's escapes begin with one of either
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen; other directions, lines
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f"  # no characters at all; tags
)
_CHARACTER: Final = re.compile(f"[\x00-\x1f{_BEYOND_ASCII}]")
_BREAK: Final = re.compile(f"(?:\\s|[\x00-\x1f{_BEYOND_ASCII}])+")
_IN_JSON: Final = re.compile(f"[{_BEYOND_ASCII}]")


def one_line(text: str, longest: int = LONGEST) -> str:
    """A text from outside as it is kept: one line, without control characters, cut where it is too long."""
    line = _BREAK.sub(" ", text[: 4 * longest]).strip()
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[:longest]}…"


def shown(text: str) -> str:
    r"""A text as a terminal may get it: what it would obey is written out, as `\x1b` is. Safe for texts of ours too."""
    return _CHARACTER.sub(_escape, text)


def shown_lines(text: str) -> str:
    """`shown` of a text that has lines of its own, as a traceback."""
    return "\n".join(map(shown, text.splitlines()))


def shown_json(document: str) -> str:
    """JSON whose texts a terminal obeys as little; it reads as before."""
    return _IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], document)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()

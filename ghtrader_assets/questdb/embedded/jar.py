"""The QuestDB server's jar: resolved once, checked against its digest, kept in the user's cache.

Belongs here: which jar, and how it gets onto this machine (`python -m ghtrader_assets.questdb.embedded.jar` when the
package is installed).
Does not belong here: running it (`server`).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

import jgo
from platformdirs import user_cache_path

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.files import put_file

QUESTDB_VERSION: Final = "9.3.4"
COORDINATES: Final = f"org.questdb:questdb:{QUESTDB_VERSION}"
_UNRESOLVED: Final = (OSError, RuntimeError, ValueError, LookupError, ParseError)
"""What jgo lets through: of the network and the disk, its own, and of pages that are no description of an artifact."""
SHA256: Final = "939bc53ab22f93dbaa6545143a6e7c536d4904c07b7f2d381e8eef10436be062"


def ensure_jar() -> Path:
    """The path of the verified jar, resolving it on the first call of a machine; later calls need no network.

    Raises `ServiceError` when it can't be resolved or is not the jar that was pinned.
    """
    cached = user_cache_path("ghtrader-assets") / f"questdb-{QUESTDB_VERSION}.jar"
    if cached.is_file() and _sha256(cached) == SHA256:
        return cached
    resolved = _resolve()
    found = _sha256(resolved)
    if found != SHA256:
        raise ServiceError(
            f"{resolved} is not the pinned {COORDINATES}: sha256 {found}",
            "delete that file and run `make install` again; if it stays, don't trust the repository it came from",
        )
    put_file(cached, resolved.read_bytes())
    return cached


def _resolve() -> Path:
    try:
        jar = jgo.resolve(COORDINATES)[0].resolve()
    except _UNRESOLVED as error:
        raise ServiceError(
            f"{COORDINATES} could not be resolved: {error}",
            "the first start needs the network (or a mirror in jgo's configuration file); later ones don't",
        ) from error
    return Path(jar)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Fetch the jar ahead of its first use. Exit code 3, with one line, where it can't be had."""
    try:
        ensure_jar()
    except ServiceError as error:
        sys.stderr.write(f"error: {error.line}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The server's jar: one line where it can't be had, and no other one is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jgo
import pytest

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.ports import claim_port
from ghtrader_assets.questdb.embedded import jar
from ghtrader_assets_tests.one_answer import one_answer

PAGES = {
    "nothing": (404, ""),
    "a server in trouble": (500, "<p>sorry"),
    "a log-in page": (200, "<html><body><p>log in<br></body>"),
    "a well-formed page": (200, "<html><body><p>log in</p></body></html>"),
}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no jar yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "repository"))


@pytest.fixture(params=PAGES)
def repository(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of what stands where the repository should."""
    status, text = PAGES[request.param]

    with one_answer(text.encode(), status=status) as url:
        yield url


def require_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(jgo, "MAVEN_CENTRAL_URL", url)
    with pytest.raises(ServiceError, match=rf"^{jar.COORDINATES} could not be resolved: |is not the pinned"):
        jar.ensure_jar()


@pytest.mark.usefixtures("elsewhere")
def test_what_is_no_repository_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, repository: str) -> None:
    require_refused(monkeypatch, repository)


@pytest.mark.usefixtures("elsewhere")
def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    require_refused(monkeypatch, f"http://127.0.0.1:{claim_port(0, 'NONE')}")


def test_another_jar_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jar, "SHA256", "0" * 64)
    with pytest.raises(ServiceError, match=r"is not the pinned org\.questdb:questdb:9\.3\.4"):
        jar.ensure_jar()
    assert list(tmp_path.rglob("*.jar")) == []

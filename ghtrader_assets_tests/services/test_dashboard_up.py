"""The dashboard and `/metrics` as part of `up`: started, named, healthy, linked with Dagster both ways."""

from __future__ import annotations

import re
from typing import Any

import psutil
import pytest
import requests

from ghtrader_assets.runtime import Service, read_runtime
from ghtrader_assets_tests.fix_platform import PLATFORM_SYMBOLS, RunningPlatform
from ghtrader_assets_tests.waiting import await_that


@pytest.fixture
def services(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    """What `status` says of each service, once all of them answer in time."""

    def healthy() -> dict[str, dict[str, Any]]:
        found = platform.command.run("status", "--json").document["services"]
        return {item["name"]: item for item in found} if all(item["healthy"] for item in found) else {}

    return await_that("every service answers", healthy)


def test_up_runs_the_dashboard_and_status_names_it(
    platform: RunningPlatform, services: dict[str, dict[str, Any]]
) -> None:
    for name in ("dashboard", "prometheus"):
        assert services[name]["where"].startswith("http://127.0.0.1:")
    page = platform.get("dashboard").text
    first = page.split('id="react-entry-point"')[0]
    assert f'data-symbols="{" ".join(PLATFORM_SYMBOLS)}"' in first
    assert f'href="{platform.page("dagster")}"' in first


def test_status_asks_every_service_for_something_that_it_has(services: dict[str, dict[str, Any]]) -> None:
    answers = {name: item["detail"] for name, item in services.items() if name != "questdb"}
    assert answers == dict.fromkeys(("exchange", "dashboard", "dagster", "prometheus"), "HTTP 200")


def test_the_platform_is_ready_by_one_model(platform: RunningPlatform) -> None:
    """`/readyz` and `status` say the same of it: Dagster's locations and daemons, tables, calendar, services."""
    assert platform.get("dashboard", "/healthz").text == "alive\n"

    def ready() -> requests.Response | None:
        answer = platform.get("dashboard", "/readyz")
        return answer if answer.ok else None

    answer = await_that("the platform is ready", ready)
    assert answer is not None
    assert answer.json()["ready"] is True
    assert {finding["level"] for finding in answer.json()["findings"]} <= {"warn"}
    assert {finding["level"] for finding in platform.command.run("status", "--json").document["findings"]} <= {"warn"}


def test_a_days_page_links_to_a_partition_that_dagster_has(platform: RunningPlatform) -> None:
    page = platform.get("dashboard", f"/day/{PLATFORM_SYMBOLS[0]}/2026-01-06").text
    found = re.search(r"/assets/(\w+)/(\w+)\?view=partitions&amp;partition=(2026-01-06)", page)
    assert found is not None
    query = (
        "query Keys($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } } }"
    )
    answer = platform.graphql(query, key={"path": [found[1], found[2]]})
    assert found[3] in answer["assetNodeOrError"]["partitionKeys"]


def test_metrics_of_the_platform_are_exported_and_printed(platform: RunningPlatform) -> None:
    assert platform.get("dashboard").ok
    exported = platform.get("prometheus").text
    assert "ghtrader_store_up 1.0" in exported
    assert 'ghtrader_service_running{service="dagster"} 1.0' in exported

    def printed() -> Any:
        ran = platform.command.run("metrics", "--json", "--window", "24h")
        assert ran.code == 0, ran.err
        return ran.document if "grid.stored" in {item["name"] for item in ran.document["queries"]} else None

    document = await_that("the page's queries are measured", printed)
    assert set(document) == {"from", "to", "ingest", "steps", "validation", "queries"}
    assert all(item["p50"] <= item["p95"] <= item["p99"] for item in document["queries"])


@pytest.mark.parametrize("window", ["24", "-1h", "24h; DROP TABLE x"])
def test_a_window_that_is_none_is_bad_usage(platform: RunningPlatform, window: str) -> None:
    ran = platform.command.run("metrics", "--window", window)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err


def test_the_services_of_up_are_in_the_runtime_file(platform: RunningPlatform) -> None:
    runtime = read_runtime(platform.command.home)
    assert runtime is not None
    parts = ["questdb", "exchange", "dagster-code", "dagster", "dagster-daemon", "dashboard", "prometheus"]
    assert [service.name for service in runtime.services if service.ready] == parts


def test_parts_that_are_killed_come_back_at_their_place(platform: RunningPlatform) -> None:
    """Those that no other test waits on."""
    for name in ("dashboard", "prometheus"):
        before = platform.runtime.service(name)
        assert before is not None
        psutil.Process(before.process.pid).kill()

        def again(name: str = name, before: Service = before) -> Service | None:
            runtime = read_runtime(platform.command.home)
            found = runtime.service(name) if runtime else None
            return found if found and found.process != before.process else None

        assert await_that(f"the return of {name}", again).urls == before.urls

"""Each page in a real browser: what it shows, where its links lead, that it fits, all of it from this machine."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.heatmap import CELL_HEIGHT, CELL_WIDTH, SCALE
from ghtrader_assets.dashboard.palette import LOOKS, look_of
from ghtrader_assets.doors.keys import WebKeys, link_to
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states, read_grid
from ghtrader_assets.questdb.tables.measured import read_query_percentiles
from ghtrader_assets.questdb.tables.reader import read_gaps, read_manifests
from ghtrader_assets.runtime import DASHBOARD
from ghtrader_assets_tests.dashboard.conftest import (
    FIRST,
    LAST,
    MADE_UP,
    REAL,
    REAL_DAY,
    SENT,
    TOKEN,
    Dashboard,
)
from ghtrader_assets_tests.fix_browser import keep, new_page
from ghtrader_assets_tests.waiting import HANGS_S, await_that

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("dashboard")]


@pytest.fixture
def laptop(browser: Browser, dashboard: Dashboard) -> Page:
    """A laptop's screen. A request to anywhere but the dashboard, or a script's error, fails the test."""
    page = new_page(browser, 1366, 768)
    keys = WebKeys(SecretStr(TOKEN), SecretStr("reads nothing"))
    link = urlsplit(link_to(keys, DASHBOARD, dashboard.url, SYSTEM_CLOCK))
    own = urlsplit(dashboard.url).netloc
    page.goto(link._replace(netloc=own).geturl())
    page.wait_for_url(f"{dashboard.url}/")
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if _foreign(request.url, own) else None)
    page.on("pageerror", lambda error: strangers.append(str(error)))
    page.on("console", lambda message: strangers.append(message.text) if message.type == "error" else None)
    yield page  # pyright: ignore[reportReturnType]
    page.close()
    assert strangers == []


def _foreign(url: str, own: str) -> bool:
    split = urlsplit(url)
    return split.scheme in ("http", "https", "ws", "wss") and split.netloc != own


def opened(page: Page, dashboard: Dashboard, path: str, *, graphs: int = 0) -> None:
    """Open a page and wait until Dash has drawn it. What it draws reads as the first answer did."""
    page.goto(dashboard.url + path)
    page.wait_for_selector("#page main h1")
    first, drawn = (page.locator(f"{place} main").first for place in ("#first-answer", "#page"))
    if graphs:
        expect(page.locator("#page .main-svg").nth(graphs - 1)).to_be_attached()
    else:
        assert _words(first.text_content()) == _words(drawn.text_content())
    assert not first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366, "no scrolling sideways on a laptop"


def _words(text: str | None) -> list[str]:
    return (text or "").split()


def test_the_overview_shows_every_day_and_leads_to_it(laptop: Page, dashboard: Dashboard) -> None:
    opened(laptop, dashboard, f"/?to={LAST}")
    keep(laptop, "dashboard-overview")
    image = laptop.locator("#page .heatmap-cells")
    days = image.get_attribute("data-days").split()  # pyright: ignore[reportOptionalMemberAccess]
    assert len(days) == 250
    assert days[-1] == LAST.isoformat()
    column, row = days.index("2026-01-14"), 2
    position = {"x": column * CELL_WIDTH + CELL_WIDTH / 2, "y": row * CELL_HEIGHT + CELL_HEIGHT / 2}
    image.hover(position=position)  # pyright: ignore[reportArgumentType]
    tip = laptop.locator("#heatmap-tip")
    assert tip.is_visible()
    state = dashboard.expected[MADE_UP[row], date(2026, 1, 14)]
    assert tip.text_content() == f"{MADE_UP[row]}  2026-01-14 Wed\n{look_of(state).word}: {look_of(state).says}"
    image.click(position=position)  # pyright: ignore[reportArgumentType]
    laptop.wait_for_url(f"{dashboard.url}/day/{MADE_UP[row]}/2026-01-14")


def test_a_symbols_calendar_links_each_trading_day(laptop: Page, dashboard: Dashboard) -> None:
    opened(laptop, dashboard, f"/symbol/{MADE_UP[0]}?to={LAST}", graphs=1)
    keep(laptop, "dashboard-symbol")
    cells = laptop.locator("#page .calendar a.cell")
    assert cells.count() == 250
    links = {cells.nth(nth).get_attribute("href"): cells.nth(nth).get_attribute("title") for nth in range(-60, 0)}
    for day in dashboard.days[-60:]:
        word = look_of(dashboard.expected[MADE_UP[0], day]).word
        assert f": {word}: " in str(links[f"/day/{MADE_UP[0]}/{day}"])
    counts = Counter(look_of(dashboard.expected[MADE_UP[0], day]).word for day in dashboard.days)
    counts["not listed"] = 250 - len(dashboard.days)
    rows = laptop.locator("#page .legend-row").all_inner_texts()
    legend = [" ".join(row.split()) for row in rows]
    for look in LOOKS:
        assert f"{look.glyph} {look.word} {counts[look.word]}" in legend


def test_a_days_page_shows_all_of_it(laptop: Page, dashboard: Dashboard, db: Database) -> None:
    opened(laptop, dashboard, f"/day/{REAL}/{REAL_DAY}", graphs=1)
    keep(laptop, "dashboard-day")
    laptop.screenshot(path="test-pictures/dashboard-day-whole.png", full_page=True)
    text = laptop.locator("#page main").inner_text()
    gaps = read_gaps(db, REAL, [REAL_DAY])
    longest = max(gaps, key=lambda gap: gap.duration_s)
    assert longest.duration_s >= 590
    assert f"Gaps: {len(gaps)}" in text
    assert f"{longest.duration_s}" in text
    assert laptop.locator("#page .strip .gap").count() == len(gaps)
    (manifest,) = read_manifests(db, REAL, [REAL_DAY])
    assert manifest.manifest_id in text
    assert manifest.digest in text
    assert "bid order" in text
    assert f"ghtrader-assets backfill {REAL} --from {REAL_DAY} --to {REAL_DAY} --force" in text
    dagster = laptop.get_by_role("link", name="Dagster partition")
    partition = f"KQ_m_GFEX_lc/ticks?view=partitions&partition={REAL_DAY}"
    assert dagster.get_attribute("href") == f"{dashboard.dagster}/assets/{partition}"
    laptop.locator("#page h1 .ways a").first.click()
    laptop.wait_for_url(f"{dashboard.url}/day/{REAL}/2026-01-05")


def test_a_day_that_was_not_stored_says_why(dashboard: Dashboard) -> None:
    symbol, day = next(key for key, state in dashboard.expected.items() if state == "short")
    text = requests.get(f"{dashboard.url}/day/{symbol}/{day}", headers=SENT, timeout=HANGS_S).text
    assert "made up: the load ended as short" in text
    assert f"ghtrader-assets repair --from {day} --to {day} --apply" in text
    assert "no ticks are stored of this day" in text


def _measured(db: Database, query: str) -> bool:
    now = datetime.now(UTC)
    found = read_query_percentiles(db, now - timedelta(minutes=30), now)
    return query in {item.name for item in found}


def test_operations_name_what_is_wrong_and_the_command(laptop: Page, dashboard: Dashboard, db: Database) -> None:
    requests.get(f"{dashboard.url}/?to={LAST}", headers=SENT, timeout=HANGS_S)
    await_that("the page's queries are measured", lambda: _measured(db, "grid.stored"))
    opened(laptop, dashboard, "/operations?window=1h", graphs=2)
    keep(laptop, "dashboard-operations")
    laptop.screenshot(path="test-pictures/dashboard-operations-whole.png", full_page=True)
    text = laptop.locator("#page main").inner_text()
    assert re.search(r"ghtrader-assets repair --from \d{4}-\d\d-\d\d --to \d{4}-\d\d-\d\d --apply", text)
    assert "grid.stored" in text
    assert "P95" in text
    assert "Asia/Shanghai" in text


def test_the_evening_is_a_page(dashboard: Dashboard) -> None:
    text = requests.get(f"{dashboard.url}/evening", headers=SENT, timeout=HANGS_S).text
    assert "The evening of 20" in text
    assert "What to do" in text
    assert "of disk free" in text
    assert "told at 21:00" in text


def test_the_first_answer_holds_the_heatmap_before_any_script(dashboard: Dashboard) -> None:
    answer = requests.get(f"{dashboard.url}/?to={LAST}", headers=SENT, timeout=HANGS_S)
    first = answer.text.split('id="react-entry-point"')[0]
    codes = re.search(r'data-codes="([a-z ]+)"', first)
    assert codes is not None
    rows = codes[1].split()
    days = re.search(r'data-days="([0-9 -]+)"', first)[1].split()  # pyright: ignore[reportOptionalSubscript]
    for row, symbol in zip(rows, MADE_UP, strict=False):
        shown = dict(zip(days, row, strict=True))
        for day in dashboard.days:
            assert shown[day.isoformat()] == look_of(dashboard.expected[symbol, day]).code
        assert {shown[day] for day in days if day < FIRST.isoformat()} == {look_of("not_listed").code}
    encoded = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", first)
    assert encoded is not None
    image = Image.open(io.BytesIO(base64.b64decode(encoded[1]))).convert("RGB")
    assert image.size == (250 * CELL_WIDTH * SCALE, 5 * CELL_HEIGHT * SCALE)
    looks = {look.code: look for look in LOOKS}
    for row, text in enumerate(rows):
        for column, code in enumerate(text):
            left, top = column * CELL_WIDTH * SCALE, row * CELL_HEIGHT * SCALE
            tile = image.crop((left, top, left + CELL_WIDTH * SCALE, top + CELL_HEIGHT * SCALE))
            colours = Counter(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in _pixels(tile))
            assert colours.most_common(1)[0][0] == looks[code].colour.lower(), (row, column, code)


def _pixels(tile: Image.Image) -> Iterator[tuple[int, int, int]]:
    content = tile.tobytes()
    return zip(content[0::3], content[1::3], content[2::3], strict=True)


def test_states_differ_by_sign_and_mark_not_by_colour_alone() -> None:
    assert len({look.glyph for look in LOOKS}) == len(LOOKS)
    assert len({look.colour for look in LOOKS}) == len(LOOKS)
    assert len({(look.mark, look.colour in {"#ffffff", "#e4e8ee"}) for look in LOOKS}) >= len(LOOKS) - 1


def test_the_grid_in_bulk_is_what_each_day_says_by_itself(db: Database, dashboard: Dashboard) -> None:
    grid = read_grid(db, FIRST, LAST, SYSTEM_CLOCK.now())
    found = {(symbol, day): state for symbol, day, state in grid.select("symbol", "trading_day", "state").iter_rows()}
    single = {
        (state.symbol, state.trading_day): state.state or "unjudged"
        for state in read_day_states(db, MADE_UP, FIRST, LAST, SYSTEM_CLOCK.now())
    }
    for key, state in dashboard.expected.items():
        assert found.get(key, "missing") == single.get(key, "missing") == state, key

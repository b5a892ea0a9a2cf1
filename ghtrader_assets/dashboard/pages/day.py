"""`/day/<symbol>/<day>`: one trading day whole: sessions with their gaps, prices, verdicts rule by rule, its loads.

Belongs here: this page. Does not belong here: the figure of prices (`dashboard.figures`).
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.data import DayView
from ghtrader_assets.dashboard.figures import PRICES_HEIGHT, prices
from ghtrader_assets.dashboard.pages.parts import (
    Children,
    Links,
    badge,
    command_line,
    graph,
    heading,
    seconds,
    section,
    shanghai,
    table,
    tile,
    tiles,
)
from ghtrader_assets.dashboard.palette import ACCEPTED
from ghtrader_assets.dashboard.routes import day_address, symbol_address
from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.clock import shanghai_time
from ghtrader_assets.validation.verdicts import GapRow, QualityVerdict, State

SHOWN_GAPS: Final = 30
TICK_TIME: Final = "%Y-%m-%d %H:%M:%S.%f Beijing time"
LEAST_GAP_SHARE: Final = 0.15
"""Percent of the strip: a gap of two seconds has to be seen as well."""


def day_page(view: DayView, name: str, previous: date, following: date | None, links: Links) -> list[Component]:
    """All of one day; what was not stored or judged is said, not left out."""
    state, stored = view.state, view.state.ingest_state == IngestState.COMPLETE
    return [
        html.Div([_title(view, name, previous, following), _figures(view)], className="top"),
        html.Div(
            [
                html.Span(["ingest ", badge(state.ingest_state)]),
                html.Span(["coverage ", badge(state.coverage_state or "unjudged")]) if stored else "",
                html.Span(["quality ", badge(state.quality_state or "unjudged")]) if stored else "",
                html.Span(state.reason, className="reason"),
                html.Span(f"witness {state.witness}") if state.witness else "",
                html.Span([badge(ACCEPTED), f" {state.accepted}"]) if state.accepted else "",
                *_links(view, links),
            ],
            className="standing",
        ),
        *_repair(view),
        *_timeline(view),
        *_prices(view),
        html.Div(
            [section("Quality, rule by rule", _rules(view.quality)), html.Div([_gaps(view.gaps), *_manifest(view)])],
            className="columns",
        ),
        section("Loads", _loads(view.loads), note="the newest first; what is stored is the last complete one"),
    ]


def _title(view: DayView, name: str, previous: date, following: date | None) -> Component:
    day, text = view.trading_day, view.symbol.text
    ways: list[Component] = [html.A("←", href=day_address(text, previous), title=f"{previous}")]
    if following is not None:
        ways.append(html.A("→", href=day_address(text, following), title=f"{following}"))
    title: Children = [
        html.A(text, href=symbol_address(text)),
        f"  {day} {day:%a} ",
        html.Span(ways, className="ways"),
    ]
    contract = f"contract {view.state.contract}; " if view.state.contract else ""
    window = f"{_clock(view.window.start_ns, '%m-%d %H:%M')} to {_clock(view.window.end_ns, '%m-%d %H:%M')}"
    return heading(title, f"{name}; {contract}window {window} Asia/Shanghai")


def _figures(view: DayView) -> Component:
    coverage, quality = view.coverage, view.quality
    shown = [tile(f"{view.state.rows:,}", "ticks")]
    if coverage is not None:
        share = 1 - coverage.missing_seconds / coverage.expected_seconds if coverage.expected_seconds else 0.0
        shown += [
            tile(f"{share:.2%}", "session seconds with a tick", f"{coverage.expected_seconds:,} expected"),
            tile(f"{coverage.missing_segments:,}", "gaps"),
            tile(f"{coverage.max_gap_s:,} s", "longest gap"),
        ]
    if quality is not None:
        shown.append(tile(f"{quality.score:.4f}", "quality score", "1 is faultless"))
    return tiles(*shown)


def _links(view: DayView, links: Links) -> list[Component]:
    partition = links.partition(view.symbol.key, "ticks", view.trading_day.isoformat())
    if partition is None:
        return []
    return [html.A("Dagster partition ↗", href=partition, target="_blank", rel="noreferrer", className="outside")]


def _repair(view: DayView) -> list[Component]:
    """What to type for a day that is not good and was not accepted as it is."""
    day, symbol, state = view.trading_day, view.symbol.text, view.state
    if state.accepted is not None:
        return []
    if state.wrong_main is not None:
        text = f"ghtrader-assets schedule {symbol} --refresh"
    elif state.ingest_state != IngestState.COMPLETE:
        text = f"ghtrader-assets repair --from {day} --to {day} --apply"
    elif not (state.coverage_state and state.quality_state):
        text = f"ghtrader-assets validate {symbol} --from {day} --to {day}"
    elif state.state in (State.ERROR, State.PARTIAL):
        text = f"ghtrader-assets backfill {symbol} --from {day} --to {day} --force"
    else:
        return []
    hints = [row.action_hint for row in (view.coverage, view.quality) if row is not None and row.state == state.state]
    return [html.P([f"{hints[0]}: " if hints else "to mend it: ", command_line(text)], className="repair")]


def _timeline(view: DayView) -> list[Component]:
    if view.sessions is None:
        return []
    stored = view.state.ingest_state == IngestState.COMPLETE
    total = sum(window.end_ns - window.start_ns for window in view.sessions.windows)
    strips = [
        html.Div(
            [
                html.Div(f"{_clock(window.start_ns)} – {_clock(window.end_ns)}", className="strip-name"),
                html.Div(
                    [_gap_mark(gap, window.start_ns, window.end_ns) for gap in view.gaps if gap.window_index == nth],
                    className=f"strip {window.session}" + ("" if stored else " absent"),
                ),
            ],
            style={"flexGrow": str(round(1000 * (window.end_ns - window.start_ns) / total))},
        )
        for nth, window in enumerate(view.sessions.windows)
    ]
    night = "night and day session" if view.sessions.has_night else "no night session"
    note = f"{night}; gaps are marked: dark, ids or volume prove a loss; purple, locked or halted; grey, quiet"
    return [section("Sessions", html.Div(strips, className="strips"), note=note)]


def _gap_mark(gap: GapRow, start_ns: int, end_ns: int) -> Component:
    length = (end_ns - start_ns) / 1e9
    left = 100 * (gap.start_ts.timestamp() - start_ns / 1e9) / length
    width = max(LEAST_GAP_SHARE, 100 * gap.duration_s / length)
    said = f"{shanghai(gap.start_ts, '%H:%M:%S')}: {gap.duration_s} s, {gap.attribution}"
    return html.Span(
        title=said,
        className=f"gap {gap.attribution}",
        style={"left": f"{max(0.0, left):.3f}%", "width": f"{min(width, 100 - left):.3f}%"},
    )


def _prices(view: DayView) -> list[Component]:
    if view.ticks.is_empty() or view.sessions is None:
        return [section("Prices", html.P("no ticks are stored of this day", className="empty"))]
    figure = prices(view.ticks, view.sessions, view.gaps)
    return [section("Prices and spread", graph(figure, PRICES_HEIGHT), note="the time between sessions is cut out")]


def _rules(quality: QualityVerdict | None) -> Component:
    if quality is None:
        return html.P("not judged", className="empty")
    document: dict[str, Any] = json.loads(quality.rules_json or "{}")
    rows = [
        (
            str(rule["rule"]).replace("_", " "),
            badge(_rule_state(rule)),
            f"{rule['count']:,}",
            f"{100 * rule['rate']:.4g} %",
            str(rule["severity"]),
        )
        for rule in sorted(document.get("rules", []), key=lambda rule: (not rule["failed"], rule["count"] == 0))
    ]
    return table(("rule", "result", "ticks", "share", "severity"), rows, numbers=(2, 3))


def _rule_state(rule: dict[str, Any]) -> str:
    if not rule["failed"]:
        return State.OK
    return State.ERROR if rule["severity"] == "error" else State.WARN


def _gaps(gaps: list[GapRow]) -> Component:
    title = f"Gaps: {len(gaps):,}" + (f", the {SHOWN_GAPS} longest" if len(gaps) > SHOWN_GAPS else "")
    longest = sorted(gaps, key=lambda gap: -gap.duration_s)[:SHOWN_GAPS]
    rows = [
        (
            shanghai(gap.start_ts, "%H:%M:%S"),
            shanghai(gap.end_ts, "%H:%M:%S"),
            f"{gap.duration_s:,}",
            gap.session,
            gap.attribution.replace("_", " "),
        )
        for gap in longest
    ]
    columns = ("first second, Beijing time", "last second", "seconds", "session", "looks like")
    return section(title, table(columns, rows, numbers=(2,)))


def _loads(loads: list[Manifest]) -> Component:
    rows = [
        (
            load.manifest_id,
            badge(load.outcome),
            f"{load.rows:,}",
            shanghai(load.started),
            seconds(load.download_s + load.store_s + load.readback_s),
            load.reader,
            load.source,
            load.reason or "–",
        )
        for load in loads
    ]
    return table(
        ("manifest", "outcome", "ticks", "began, Beijing time", "took", "reader", "source", "reason"),
        rows,
        numbers=(2, 4),
    )


def _manifest(view: DayView) -> list[Component]:
    """The manifest of the stored content, whole."""
    found = next((load for load in view.loads if load.manifest_id == view.state.manifest_id), None)
    if found is None or view.state.ingest_state != IngestState.COMPLETE:
        return []
    entries = (
        ("digest", found.digest),
        ("contract", found.contract),
        ("rows", f"{found.rows:,}, {found.five_level_rows:,} with five levels"),
        ("first tick", shanghai(found.first_tick, TICK_TIME)),
        ("last tick", shanghai(found.last_tick, TICK_TIME)),
        ("schema", found.schema_hash),
        ("schedule", found.schedule_hash),
        ("loaded for", found.upstream),
        ("code", found.code_version),
        ("read back", found.readback),
        ("fetched", f"{found.bytes / 1e6:,.2f} MB in {found.attempts} attempt(s)"),
        ("steps", f"download {seconds(found.download_s)}, store {seconds(found.store_s)}, read back"
         f" {seconds(found.readback_s)}, judge {seconds(found.judge_s)}"),
        ("run", found.run_id),
    )  # fmt: skip
    pairs = [piece for name, value in entries for piece in (html.Dt(name), html.Dd(value))]
    return [section(f"Manifest {found.manifest_id}", html.Dl(pairs))]


def _clock(instant_ns: int, pattern: str = "%H:%M") -> str:
    return shanghai_time(instant_ns).strftime(pattern)

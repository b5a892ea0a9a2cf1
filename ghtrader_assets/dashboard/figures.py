"""Plotly figures: prices of a day, trends of a symbol, courses of ingest and latency.

Belongs here: frames to figures, thinned to what a screen can show. Does not belong here: questions (`data`), layout.
"""

# plotly has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from ghtrader_assets.dashboard.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION
from ghtrader_assets.market.clock import SHANGHAI, shanghai_time
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.questdb.tables.measured import Grain, IngestStep, TimedPercentiles
from ghtrader_assets.validation.verdicts import GapRow

PRICES_HEIGHT: Final = 420
TRENDS_HEIGHT: Final = 430
CANDLES_HEIGHT: Final = 380
COURSE_HEIGHT: Final = 240
POINTS: Final = 900
SHADED_GAPS: Final = 60
SILENCE_NS: Final = 60 * 10**9
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"
_STEP_MS: Final[dict[Grain, int]] = {
    "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, "1d": 86_400_000,
}  # fmt: skip


def prices(ticks: pl.DataFrame, sessions: DaySessions, gaps: Sequence[GapRow]) -> go.Figure:
    """Last price within bid and ask, spread, and volume, over the time of the sessions put end to end."""
    points = _thinned(ticks, sessions)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.62, 0.2, 0.18], vertical_spacing=0.035)
    _band(figure, points.drop_nulls(["low", "high"]))
    traces = (
        (go.Scatter, "last", "last price", {"line": {"color": BLUE, "width": 1.4}}, "last %{y:,}"),
        (go.Scatter, "spread", "widest spread", {"line": {"color": ORANGE, "width": 1.2}}, "spread up to %{y:,}"),
        (go.Bar, "traded", "volume", _bar(GREEN), "%{y:,} lots"),
    )
    for row, (shape, column, name, style, says) in enumerate(traces, 1):
        hover = "%{customdata}<br>" + says + "<extra></extra>"
        trace = shape(x=points["x"], y=points[column], customdata=points["at"], name=name, hovertemplate=hover, **style)
        figure.add_trace(trace, row=row, col=1)
    _axes_of_sessions(figure, sessions)
    _shade(figure, sessions, gaps)
    figure.update_yaxes(title_text="price", row=1, col=1)
    figure.update_yaxes(title_text="spread", rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title_text="lots", rangemode="tozero", row=3, col=1)
    return _dressed(figure, PRICES_HEIGHT, legend=True).update_layout(bargap=0)


def trends(frame: pl.DataFrame) -> go.Figure:
    """Ticks, missing seconds and quality score of each trading day (frame: `day_states.GRID_SCHEMA`)."""
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    days = frame["trading_day"].dt.strftime("%Y-%m-%d").to_list()
    line = {"mode": "lines+markers", "line": {"color": GREEN, "width": 1.2}, "marker": {"size": 4}}
    traces = (
        (go.Bar, "rows", "ticks", _bar(BLUE)),
        (go.Bar, "gap_seconds", "seconds missing", _bar(VERMILION)),
        (go.Scatter, "score", "quality score", line),
    )
    for row, (shape, column, name, style) in enumerate(traces, 1):
        hover = "%{x}<br>" + name + " %{y:,}<extra></extra>"
        trace = shape(x=days, y=frame[column].to_list(), name=name, hovertemplate=hover, **style)
        figure.add_trace(trace, row=row, col=1)
        figure.update_yaxes(title_text=name, row=row, col=1)
    figure.update_yaxes(rangemode="tozero", row=1, col=1)
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    return _dressed(figure, TRENDS_HEIGHT).update_layout(bargap=0.15)


def candles(bars: pl.DataFrame) -> go.Figure:
    """Day bars and their volumes (frame: `data.DAY_BAR_COLUMNS`), with a line and the new contract's name at each roll.

    Red where a day closed no lower than it opened, as Chinese desks draw it. Prices of two contracts are not adjusted.
    """
    days = bars["trading_day"].dt.strftime("%Y-%m-%d").to_list()
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.05)
    figure.add_trace(
        go.Candlestick(
            x=days, open=bars["open"].to_list(), high=bars["high"].to_list(), low=bars["low"].to_list(),
            close=bars["close"].to_list(), name="day bars", increasing={"line": {"color": VERMILION}},
            decreasing={"line": {"color": GREEN}},
        ),
        row=1, col=1,
    )  # fmt: skip
    figure.add_trace(go.Bar(x=days, y=bars["volume"].to_list(), name="volume", **_bar(BLUE)), row=2, col=1)
    for before, after, day in zip(bars["contract"], bars["contract"][1:], days[1:], strict=False):
        if after != before:
            figure.add_vline(x=day, line={"color": GREY, "width": 1, "dash": "dot"})
            figure.add_annotation(
                x=day, y=1, yref="paper", text=after, showarrow=False, xanchor="left", font={"size": 10}
            )
    figure.update_xaxes(type="category", nticks=12, rangeslider_visible=False)
    figure.update_yaxes(title_text="price", row=1, col=1)
    figure.update_yaxes(title_text="lots", rangemode="tozero", row=2, col=1)
    return _dressed(figure, CANDLES_HEIGHT)


def query_course(steps: Sequence[TimedPercentiles], start: datetime, end: datetime) -> go.Figure:
    """P50, P95 and P99 of all queries, in milliseconds, on a logarithmic axis."""
    figure = go.Figure()
    at = [_beijing(step.ts) for step in steps]
    for name, colour, dash in (("p50", SKY, "dot"), ("p95", BLUE, "solid"), ("p99", PURPLE, "dash")):
        figure.add_trace(
            go.Scatter(
                x=at, y=[1e3 * getattr(step, name) for step in steps], name=name.upper(), mode="lines+markers",
                line={"color": colour, "width": 1.6, "dash": dash}, marker={"size": 5},
                hovertemplate="%{x|%m-%d %H:%M}<br>" + name.upper() + " %{y:.3g} ms<extra></extra>",
            )
        )  # fmt: skip
    figure.update_yaxes(type="log", title_text="ms", dtick="D2")
    figure.update_xaxes(type="date", range=[_beijing(start), _beijing(end)], title_text="Asia/Shanghai")
    return _dressed(figure, COURSE_HEIGHT, legend=True)


def ingest_course(steps: Sequence[IngestStep], start: datetime, end: datetime, step: Grain) -> go.Figure:
    """Ticks stored in each step of time."""
    figure = go.Figure(
        go.Bar(
            x=[_beijing(step.ts) for step in steps], y=[step.rows for step in steps],
            customdata=[step.days for step in steps], name="ticks", **_bar(BLUE),
            width=_STEP_MS[step] * 0.9, offset=0,
            hovertemplate="%{x|%m-%d %H:%M}<br>%{y:,} ticks of %{customdata} days<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(title_text=f"ticks a {step}", rangemode="tozero")
    figure.update_xaxes(type="date", range=[_beijing(start), _beijing(end)], title_text="Asia/Shanghai")
    return _dressed(figure, COURSE_HEIGHT)


def _thinned(ticks: pl.DataFrame, sessions: DaySessions) -> pl.DataFrame:
    """`POINTS` buckets over the sessions: x (s, sessions end to end), at, last, low, high, spread, traded.

    A bucket without a tick has nulls, so that lines break where ticks lack; what was traded over more than
    `SILENCE_NS` belongs to no bucket.
    """
    *before, total = _ends(sessions)
    bucket = max(total // POINTS, 1)
    pieces: list[pl.DataFrame] = []
    for window, passed_ns in zip(sessions.windows, before, strict=True):
        inside = ticks.filter(pl.col("datetime_ns").is_between(window.start_ns, window.end_ns, closed="left"))
        passed = pl.col("datetime_ns") - window.start_ns + passed_ns
        pieces.append(inside.with_columns(bucket=passed // bucket))
    traded = pl.when(pl.col("datetime_ns").diff() <= SILENCE_NS).then(pl.col("volume").diff().clip(lower_bound=0))
    found = (
        pl.concat(pieces)
        .with_columns(traded=traded, spread=pl.col("ask_price1") - pl.col("bid_price1"))
        .group_by("bucket", maintain_order=True)
        .agg(
            pl.col("datetime_ns").first(),
            last=pl.col("last_price").fill_nan(None).drop_nulls().last(),
            low=pl.col("bid_price1").fill_nan(None).min(),
            high=pl.col("ask_price1").fill_nan(None).max(),
            spread=pl.col("spread").fill_nan(None).max().round(6),
            traded=pl.col("traded").fill_nan(None).sum(),
        )
    )
    every = pl.DataFrame({"bucket": range(total // bucket + 1)}, schema={"bucket": pl.Int64})
    return every.join(found, on="bucket", how="left", maintain_order="left").with_columns(
        x=pl.col("bucket") * (bucket / 1e9),
        at=pl.col("datetime_ns").map_elements(_time_of_day, return_dtype=pl.String),
    )


def _ends(sessions: DaySessions) -> list[int]:
    """Nanoseconds of sessions put end to end: before the first, after the first, and so on to the last."""
    return list(accumulate((window.end_ns - window.start_ns for window in sessions.windows), initial=0))


def _bar(colour: str) -> dict[str, Any]:
    return {"marker": {"color": colour, "line": {"width": 0}}}


def _time_of_day(instant_ns: int) -> str:
    return f"{shanghai_time(instant_ns):%m-%d %H:%M:%S}"


def _band(figure: go.Figure, points: pl.DataFrame) -> None:
    """The band between the lowest bid and the highest ask. Nulls are left out: plotly fills wrongly around them."""
    for column, fill in (("low", None), ("high", "tonexty")):
        figure.add_trace(
            go.Scatter(
                x=points["x"], y=points[column], fill=fill, fillcolor="rgba(86,180,233,.30)", line={"width": 0},
                hoverinfo="skip", name="lowest bid to highest ask", showlegend=fill is not None,
            ),
            row=1, col=1,
        )  # fmt: skip


def _axes_of_sessions(figure: go.Figure, sessions: DaySessions) -> None:
    """Clock times under the sessions put end to end, and a line where one ends and the next begins."""
    values: list[float] = []
    texts: list[str] = []
    for window, passed in zip(sessions.windows, _ends(sessions), strict=False):
        length, before = (window.end_ns - window.start_ns) / 1e9, passed / 1e9
        texts.append(f"{shanghai_time(window.start_ns):%H:%M}")
        values.append(before)
        first = -(-window.start_ns // 1_800_000_000_000) * 1_800_000_000_000
        for instant in range(first, window.end_ns, 1_800_000_000_000):
            at = before + (instant - window.start_ns) / 1e9
            if at - before > 900 and before + length - at > 900:
                values.append(at)
                texts.append(f"{shanghai_time(instant):%H:%M}")
        figure.add_vline(x=before + length, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(tickvals=values, ticktext=texts, range=[0, _ends(sessions)[-1] / 1e9], showgrid=True)


def _shade(figure: go.Figure, sessions: DaySessions, gaps: Sequence[GapRow]) -> None:
    """The longest gaps as bands behind the prices."""
    ends = zip(sessions.windows, _ends(sessions), strict=False)
    before = [(passed - window.start_ns) / 1e9 for window, passed in ends]
    for gap in sorted(gaps, key=lambda gap: -gap.duration_s)[:SHADED_GAPS]:
        if 0 <= gap.window_index < len(before):
            start = gap.start_ts.timestamp() + before[gap.window_index]
            figure.add_vrect(
                x0=start, x1=start + gap.duration_s, fillcolor=VERMILION, opacity=0.22, line_width=0, row=1, col=1  # pyright: ignore[reportArgumentType]
            )  # fmt: skip


def _dressed(figure: go.Figure, height: int, *, legend: bool = False) -> go.Figure:
    figure.update_layout(
        height=height,
        template="plotly_white",
        font={"family": FONT, "size": 12, "color": INK},
        margin={"l": 64, "r": 12, "t": 26 if legend else 8, "b": 34},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="closest",
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
    )
    figure.update_xaxes(gridcolor="#edf0f4", zeroline=False, title_font={"size": 11})
    return figure.update_yaxes(gridcolor="#edf0f4", zeroline=False, title_font={"size": 11})


def _beijing(instant: datetime) -> str:
    """Beijing's wall clock, which plotly shows as it stands."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

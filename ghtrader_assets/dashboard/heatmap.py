"""The heatmap: a cell for each symbol and trading day, drawn here as one small image.

Belongs here: cells to pixels, and the component around the image.
Does not belong here: which state a cell has (`data`), what a click does (`assets/heatmap.js`).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt
from dash import html
from dash.development.base_component import Component
from PIL import Image

from ghtrader_assets.dashboard.palette import CODES, LOOKS, Mark
from ghtrader_assets.dashboard.routes import symbol_address

CELL_WIDTH: Final = 4
CELL_HEIGHT: Final = 11
SCALE: Final = 2
"""Pixels of the image for one of the page, so that marks stay sharp on a dense screen."""

_BACKGROUND: Final = "#f4f6f9"
_MARK_DARK: Final = "#1b2430"


def heatmap(symbols: Sequence[str], days: Sequence[date], codes: Sequence[str]) -> Component:
    """Symbols down, trading days across; `codes` holds a string of `palette` letters a symbol, a letter a day."""
    labels = [html.A(symbol, href=symbol_address(symbol), title=f"calendar of {symbol}") for symbol in symbols]
    width, height = CELL_WIDTH * len(days), CELL_HEIGHT * len(symbols)
    size = {"width": f"{width}px", "height": f"{height}px"}
    image = html.Img(
        src=_data_uri(codes),
        alt=f"state of {len(symbols)} symbols on {len(days)} trading days",
        className="heatmap-cells",
        style=size,
        **{  # pyright: ignore[reportArgumentType]
            "data-symbols": " ".join(symbols),
            "data-days": " ".join(day.isoformat() for day in days),
            "data-codes": " ".join(codes),
            "data-words": ";".join(f"{look.code}={look.word}: {look.says}" for look in LOOKS),
        },
    )
    return html.Div(
        [
            html.Div(labels, className="heatmap-labels", style={"lineHeight": f"{CELL_HEIGHT}px"}),
            html.Div([_months(days), image], className="heatmap-field"),
        ],
        className="heatmap",
    )


def _months(days: Sequence[date]) -> Component:
    """The line of months above the field: each as wide as its trading days."""
    spans = [(month, len(list(group))) for month, group in groupby(days, key=lambda day: (day.year, day.month))]
    return html.Div(
        [
            html.Span(
                "" if count < 8 else (f"{year}-{month:02d}" if count > 14 else f"{month:02d}"),
                style={"width": f"{CELL_WIDTH * count}px"},
            )
            for (year, month), count in spans
        ],
        className="heatmap-months",
    )


def _data_uri(codes: Sequence[str]) -> str:
    palette = ["#ffffff", _BACKGROUND, _MARK_DARK, "#98a2b3", *(look.colour for look in LOOKS)]
    order = "".join(CODES)
    cells = np.array([[order.index(code) for code in row] for row in codes], dtype=np.uint8)
    pixels = _tiles()[cells].transpose(0, 2, 1, 3).reshape(cells.shape[0] * CELL_HEIGHT * SCALE, -1)
    image = Image.fromarray(np.ascontiguousarray(pixels), mode="P")
    image.putpalette([int(colour[at : at + 2], 16) for colour in palette for at in (1, 3, 5)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@cache
def _tiles() -> npt.NDArray[np.uint8]:
    """One tile of palette indices a state, (states, height, width): its colour, its mark, a seam right and below."""
    tiles = np.empty((len(LOOKS), CELL_HEIGHT * SCALE, CELL_WIDTH * SCALE), dtype=np.uint8)
    for nth, look in enumerate(LOOKS):
        tile = tiles[nth]
        tile[:] = nth + 4
        tile[_marked(look.mark)] = 2 if look.mark != "ring" else 3
        tile[-SCALE:, :] = 1
        tile[:, -1:] = 1
    return tiles


def _marked(mark: Mark) -> npt.NDArray[np.bool_]:
    height, width = CELL_HEIGHT * SCALE - SCALE, CELL_WIDTH * SCALE - 1
    y, x = np.mgrid[0 : CELL_HEIGHT * SCALE, 0 : CELL_WIDTH * SCALE]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    inside = (y < height) & (x < width)
    shapes: dict[Mark, npt.NDArray[np.bool_]] = {
        "none": np.zeros_like(inside),
        "dot": (abs(y - middle_y) <= 1) & (abs(x - middle_x) <= 1),
        "half": y >= height * 0.6,
        "cross": abs(abs(y - middle_y) * width / height - abs(x - middle_x)) < 0.7,
        "bar": abs(y - middle_y) <= 1.5,
        "post": abs(x - middle_x) <= 1,
        "ring": (y < 1) | (y >= height - 1) | (x < 1) | (x >= width - 1),
    }
    return shapes[mark] & inside

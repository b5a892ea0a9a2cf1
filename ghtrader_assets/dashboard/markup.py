"""The first answer to a browser: a page's components as plain HTML, there before any script has run.

Belongs here: turning `dash.html` components into text, escaped. Does not belong here: pages; what scripts do to them.

Dash's own first answer is an empty page that says "Loading…" until a megabyte of scripts has been read and has asked
back. What is in this text is what they draw later; graphs, which need the scripts, keep their place empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final, cast

from dash import dcc
from dash.development.base_component import Component

_HTML: Final = "dash_html_components"
_VOID: Final = frozenset({"img", "br", "hr", "input"})
_ATTRIBUTES: Final = {"className": "class", "htmlFor": "for", "colSpan": "colspan", "rowSpan": "rowspan"}
_UPPER: Final = re.compile(r"[A-Z]")


def as_html(content: Any) -> str:
    """Components, texts and lists of them as HTML."""
    return "".join(_pieces(content))


def _pieces(content: Any) -> Iterator[str]:
    if content is None:
        return
    if isinstance(content, list | tuple):
        for item in cast("list[Any]", content):
            yield from _pieces(item)
    elif isinstance(content, dcc.Graph):
        yield f'<div class="graph-place"{_style(getattr(content, "style", None))}></div>'
    elif isinstance(content, Component):
        yield from _element(content)
    else:
        yield escape(str(content))


def _element(component: Component) -> Iterator[str]:
    described = cast("dict[str, Any]", component.to_plotly_json())
    if described["namespace"] != _HTML:
        return
    tag = str(described["type"]).lower()
    properties: dict[str, Any] = dict(described["props"])
    children = properties.pop("children", None)
    attributes = "".join(_attribute(name, value) for name, value in properties.items())
    yield f"<{tag}{attributes}>"
    if tag not in _VOID:
        yield from _pieces(children)
        yield f"</{tag}>"


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    if name == "style":
        return _style(value)
    shown = _ATTRIBUTES.get(name, name if name.startswith(("data-", "aria-")) else name.lower())
    return f" {shown}" if value is True else f' {shown}="{escape(str(value), quote=True)}"'


def _style(style: dict[str, Any] | None) -> str:
    if not style:
        return ""
    text = ";".join(f"{_UPPER.sub(lambda m: '-' + m[0].lower(), name)}:{value}" for name, value in style.items())
    return f' style="{escape(text, quote=True)}"'

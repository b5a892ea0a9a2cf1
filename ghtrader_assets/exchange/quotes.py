"""The quote of a symbol: its last tick and yesterday's figures, as subscribe_quote delivers them.

Belongs here: the fields of one quote. Does not belong here: subscriptions (`diff`), instruments (`instruments`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ghtrader_assets.exchange.history import series_of
from ghtrader_assets.exchange.instruments import describe, figures_of
from ghtrader_assets.exchange.render import last_tick
from ghtrader_assets.exchange.specs import Model
from ghtrader_assets.market.clock import NS, SHANGHAI


def quote_of(symbol: str, end: date, today: date, model: Model) -> dict[str, Any] | None:
    """The quote as of the last completed trading day `end`; None for a symbol that is unknown or not listed yet.

    A contract that has no tick yet has `"-"` for its prices and a `datetime` of midnight `today`.
    """
    series = series_of(symbol, end, frozenset[date](), model)
    if series is None or describe(symbol, today, model.number) is None:
        return None
    tick = last_tick(series, model.seed)
    if tick is None:
        return {"datetime": f"{today} 00:00:00.000000", "last_price": "-", "volume": 0, "open_interest": 0}
    day = next(item for item in reversed(series.days) if item.count)
    figures = figures_of(day.contract.text, day.day, model)
    stamp = int(tick.pop("datetime"))
    moment = datetime.fromtimestamp(stamp // NS, tz=SHANGHAI)
    return {
        **tick,
        "datetime": f"{moment:%Y-%m-%d %H:%M:%S}.{stamp % NS // 1000:06d}",
        "pre_settlement": figures["pre_close"],
        **{name: figures[name] for name in ("pre_close", "pre_open_interest", "upper_limit", "lower_limit")},
    }

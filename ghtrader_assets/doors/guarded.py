"""A server of ours with all that the doors have: the rule, the keys of a home, the addresses that its settings open.

Belongs here: putting them together. Does not belong here: any of them, and servers of other frameworks
(`exchange.door`).
"""

from __future__ import annotations

from ghtrader_assets.clock import Clock
from ghtrader_assets.doors.asgi import Application, GuardedApp
from ghtrader_assets.doors.keys import Doorkeeper, keys_of
from ghtrader_assets.doors.outside import outside_of
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.settings import Settings


def guarded_server(
    app: Application,
    settings: Settings,
    service: str,
    port: int,
    *,
    start: str,
    clock: Clock,
    scripts: str = "",
    has_pages: bool = True,
    read_by_post: frozenset[str] = frozenset(),
) -> WebServer:
    """A server that listens, and answers once it is started. `start`: of the platform it belongs to (`Doorkeeper`);
    `has_pages` and `read_by_post` as `Door` has them, `scripts` as `GuardedApp`.

    Raises `ServiceError` where it can't listen, `BadInputError` and `CredentialError` as `outside_of` and `keys_of`.
    """
    keys, outside = keys_of(settings), outside_of(settings)
    keeper = Doorkeeper(keys, service, start, clock)

    def guarded(port: int) -> GuardedApp:
        names = (*settings.web_names, *(outside.hosts(port) if outside else ()))
        door = Door(port, names, keys.page_name, has_pages=has_pages, read_by_post=read_by_post)
        return GuardedApp(app, door, keeper, scripts=scripts)

    return WebServer(port, guarded, name=service, outside=outside)

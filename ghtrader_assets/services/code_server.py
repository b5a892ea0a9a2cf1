# grpcio comes without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Asking the code server, over its own protocol.

Belongs here: whether it answers. Does not belong here: starting it (`dagster_instance`).
"""

from __future__ import annotations

from pathlib import Path

import grpc

from ghtrader_assets.services.processes import PROBE_TIMEOUT_S


def code_server_answers(socket: Path) -> bool:
    """Whether the process that holds our definitions answers, through the one that can start it anew."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            channel.unary_unary("/api.DagsterApi/Ping")(b"", timeout=PROBE_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return True

"""An embedded exchange of a benchmark's own, with a latency, as a process that ends with the benchmark.

Belongs here: starting it and naming it as a provider. Does not belong here: what is measured with it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.runtime import EXCHANGE
from ghtrader_assets.services.parts import ProcessPart
from ghtrader_assets.services.processes import last_lines
from ghtrader_assets.tq.provider import Provider, tqsdk_environment
from ghtrader_assets_tests.true_ticks import MODEL_1

CACHE_MB: Final = "1000"
"""30 days of copper: what an exchange spends on making ticks is not what a benchmark measures."""


@contextmanager
def own_exchange(home: Path, latency_ms: float) -> Generator[Provider]:
    """An exchange that adds `latency_ms` to every page, as the provider of an account that anybody may use."""
    port = claim_port(0, "")
    url, log = f"http://{LOOPBACK}:{port}", home / "exchange.log"
    options = ["--port", str(port), "--home", str(home), "--latency-ms", str(latency_ms), "--cache-mb", CACHE_MB]
    options += ["--model", str(MODEL_1.number)]
    part = ProcessPart(EXCHANGE, ["-m", "ghtrader_assets.exchange", *options], log, {}, {"http": url}, url)
    part.start()
    try:
        while not part.answers():
            if part.has_ended():
                raise ServiceError(f"the benchmark's exchange stopped: {last_lines(log)}")
        yield Provider("bench", SecretStr("bench"), tqsdk_environment(url), "embedded")
    finally:
        part.stop()

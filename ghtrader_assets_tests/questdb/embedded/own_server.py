"""A process that owns an embedded QuestDB, to be killed by a test: prints the endpoint's ports, then sleeps."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB

if __name__ == "__main__":
    server = EmbeddedQuestDB(Path(sys.argv[1]))
    endpoint = server.start()
    sys.stdout.write(json.dumps({"http": endpoint.http, "pg": endpoint.pg, "server": server.pid}) + "\n")
    sys.stdout.flush()
    time.sleep(600)

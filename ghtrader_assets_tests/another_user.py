"""Another user of the host: whose files and processes ours are not. Only root can be one, or give a file to one."""

from __future__ import annotations

import os
from typing import Final

import pytest

ANOTHER: Final = 65534
as_root: Final = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, or give it a file")

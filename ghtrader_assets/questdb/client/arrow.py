"""Arrow's table under a name of ours; its types are in `typings/pyarrow`, for pyarrow ships none.

Belongs here: the alias. Does not belong here: anything that makes or reads a table.
"""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa

ArrowTable: TypeAlias = pa.Table

__all__ = ["ArrowTable"]

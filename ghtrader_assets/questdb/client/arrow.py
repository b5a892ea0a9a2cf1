"""Arrow's table as a type: pyarrow ships none of its own.

Belongs here: the alias. Does not belong here: anything that makes or reads a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    ArrowTable = Any
else:
    ArrowTable = pa.Table

__all__ = ["ArrowTable"]

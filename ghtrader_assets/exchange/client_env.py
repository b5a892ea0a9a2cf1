"""How a tqsdk client is pointed at an embedded exchange.

Belongs here: the environment variables, nothing else.
"""

from __future__ import annotations


def tqsdk_environment(base_url: str) -> dict[str, str]:
    """The `TQ_*` variables for an exchange at `base_url` (`http://127.0.0.1:PORT`).

    `TQ_AUTH_URL` is read when a TqAuth is made, the others when a TqApi is made or first needs them.
    """
    base = base_url.rstrip("/")
    return {
        "TQ_AUTH_URL": base,
        "TQ_MD_URL": f"{base.replace('http', 'ws', 1)}/t/md/front/mobile",
        "TQ_CHINESE_HOLIDAY_URL": f"{base}/shinny_chinese_holiday.json",
        "TQ_CONT_TABLE_URL": f"{base}/continuous_table.json",
    }

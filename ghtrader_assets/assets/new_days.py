"""Having a running Dagster take up the trading days that begin after a day off.

Belongs here: when its definitions are read anew, and by whom. Does not belong here: which days are partitions
(`partitions`), how Dagster is asked (`orchestration.daemon`).

Runs and commands read the definitions when they start. The web server and the daemon hold them since they loaded them,
and with them the last day that they will show. A run of its own asks for the reload, so that it comes from no process
that ends by it.
"""

from datetime import date
from typing import Final

import dagster as dg

from ghtrader_assets.assets.partitions import last_begun
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.orchestration.daemon import reload_running
from ghtrader_assets.runtime import living_run

TAKE_UP: Final = "take_up_trading_days"
INTERVAL_S: Final = 60


@dg.op
def read_definitions_anew(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    """Ask the running Dagster to load our definitions again."""
    with living_run(platform.settings.home, context.run_id):
        context.log.info(f"definitions {reload_running(platform.settings)}")


@dg.job(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
    name=TAKE_UP, description="Has the running Dagster load the definitions again: new trading days have begun."
)
def take_up_job() -> None:
    """The one step."""
    read_definitions_anew()


def new_days_sensor(known: date) -> dg.SensorDefinition:
    """Watches for a trading day after `known`, the last that these definitions will show; running by default."""

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name=TAKE_UP,
        job_name=TAKE_UP,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has Dagster load the definitions again when trading goes on after a weekend or a holiday: the day"
        " is a partition from then on, and was none before.",
    )
    def take_up(platform: PlatformResource) -> dg.RunRequest | dg.SkipReason:
        now = platform.clock.now()
        begun = last_begun(calendar_for(platform.settings.home), now)
        if begun <= known:
            return dg.SkipReason(f"these definitions show the days to {known}, and {begun} is the last that has begun")
        return dg.RunRequest(run_key=f"{begun}:{now.astimezone(SHANGHAI):%Y-%m-%dT%H}")

    return take_up

"""What ended a step of a run, in one line and an exit code, as commands and alerts show it.

Belongs here: reading a failed step. Does not belong here: failing one (`symbol_days`).
"""

from __future__ import annotations

from ghtrader_assets.assets.dagster_internals import StepFailure
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration.names import EXIT_CODE


def stop_of(step: StepFailure) -> Stopped:
    """The words and exit code of a `Failure`; of any other exception, what it says itself."""
    failure, error = step.user_failure_data, step.error
    if failure is not None and failure.description:
        code = failure.metadata.get(EXIT_CODE)
        return Stopped(failure.description, int(str(code.value)) if code else 1)
    return Stopped("" if error is None else (error.cause or error).message.strip())

"""What runs by itself: a trading day is judged again when the content of its ticks has changed, and only then.

Belongs here: automation conditions and the sensor that evaluates them.
Does not belong here: whether a day needs judgement (`validation.judge.needs_judgement` decides, in the run).
"""

from __future__ import annotations

from typing import Final

import dagster as dg

EVALUATION_INTERVAL_S: Final = 30
AnyCondition = dg.AutomationCondition[dg.AssetKey | dg.AssetCheckKey]


def content_changed() -> AnyCondition:
    """True for each partition whose upstream data version changed since it was last handled, old days included.

    A manifest follows its verdicts into the same run. `eager()` looks at the latest partition only, and
    `newly_updated()` fires on an identical re-load. Dependencies that are missing or in progress need no condition of
    their own: what changed is there, and the run that loads a day has its verdicts in progress too. Each condition
    costs: Dagster keeps its partitions, with every holiday, for every asset from tick to tick (docs/performance.md).
    """
    condition = dg.AutomationCondition
    return (
        condition.any_deps_match(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
            condition.data_version_changed() | condition.will_be_requested()
        ).since_last_handled()
        & ~condition.in_progress()
    ).with_label("content_changed")


def validation_sensor(keys: list[dg.AssetKey]) -> dg.AutomationConditionSensorDefinition:
    """The sensor over the validation assets; running by default, since a verdict on old content misleads."""
    return dg.AutomationConditionSensorDefinition(
        name="judge_changed_days",
        target=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=EVALUATION_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges a trading day again when the content of its ticks changed; an identical re-load does not.",
    )

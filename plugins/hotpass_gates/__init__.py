"""The default gates, a file each. They register like anybody's; README.md says how to write your own."""

from __future__ import annotations

from hotpass.gates import Gate
from hotpass.hookspecs import hookimpl
from hotpass_gates.approvals import Approvals
from hotpass_gates.champion_comparison import ChampionComparison
from hotpass_gates.expression import Expression
from hotpass_gates.freshness import Freshness
from hotpass_gates.input_example import InputExample
from hotpass_gates.lineage import Lineage
from hotpass_gates.metric_threshold import MetricThreshold
from hotpass_gates.required_tags import RequiredTags
from hotpass_gates.signature import Signature
from hotpass_gates.staging_dwell import StagingDwell


@hookimpl
def hotpass_gates() -> list[type[Gate]]:
    return [
        MetricThreshold, ChampionComparison, StagingDwell, RequiredTags, Signature, InputExample, Lineage,
        Freshness, Approvals, Expression,
    ]  # fmt: skip

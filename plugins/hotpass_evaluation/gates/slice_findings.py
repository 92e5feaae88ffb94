"""What came of each slice and each disparity, in words, for the record and drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hotpass import exhibits
from hotpass.decimals import is_finite, number_text
from hotpass.exhibits import Exhibit
from hotpass.spoken import all_of
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.requirements import Finding, Requirement, finding_of
from hotpass_evaluation.gates.slicing import Disparity
from hotpass_evaluation.gates.words import counted, decimals_for, percent, rounded
from hotpass_evaluation.statistics.holm import adjusted

#: How many slices a drawing shows.
KEPT = 60
_ENDS = ("value", "low", "high")


class Judged(NamedTuple):
    """What came of one requirement in one slice, or of one limit on a disparity. `short` is by how much its
    value misses the limit (negative: it does not), to order by.
    """

    name: str
    rows: int
    what: str
    verdict: Verdict
    message: str
    short: float
    said: dict[str, Any]


#: What blocks comes first.
ORDER = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def by_slice(segments: Sequence[Mapping[str, Any]], requirements: Sequence[Requirement]) -> list[Judged]:
    """What came of each requirement in each slice that was measured, with misses corrected over all of them.
    """
    pairs = [
        (segment, requirement, found)
        for segment in segments if segment["measured"] is not None
        for requirement, found in zip(requirements, segment["measured"], strict=True)
    ]  # fmt: skip
    # A comparison without a champion, and a figure that there is not, are no tests.
    p_values = adjusted([1.0 if found["p_below"] is None else found["p_below"] for _, _, found in pairs])
    judged = []
    for (segment, requirement, found), p_value in zip(pairs, p_values, strict=True):
        finding = finding_of(requirement, {**found, "rows": segment["rows"]}, spent=False)
        verdict, doubt = finding.verdict, ""
        if verdict is Verdict.FAILED and ("undefined" in found or p_value >= 1 - requirement.confidence):
            verdict = Verdict.INCONCLUSIVE
            doubt = "" if "undefined" in found else f", which one of {len(pairs)} may miss by chance"
        interval = finding.interval
        short = 0.0
        said: dict[str, Any] = {"p_adjusted": round(p_value, 6)}
        if interval is not None:
            sign = -1 if requirement.kind == "at_most" else 1
            short = sign * (requirement.margin - interval.value)
            ends = {"value": interval.value, "low": interval.low, "high": interval.high}
            said |= {name: end if is_finite(end) else None for name, end in ends.items()}
            said["limit"] = requirement.limit
        elif verdict is Verdict.PASSED:
            short = -math.inf  # Nothing is compared, so whatever is comes before it.
        message = (
            f"{segment['name']} ({counted(segment['rows'], 'row')}): {finding.message or _alone(finding)}"
        )
        judged.append(Judged(
            segment["name"], segment["rows"], requirement.key, verdict,
            message.partition(": not settled by these")[0] + doubt, short, said,
        ))  # fmt: skip
    return judged


def _alone(finding: Finding) -> str:
    """Of a comparison without a champion: the figure, and that it stands alone."""
    figure = finding.found["challenger"]
    places = decimals_for(*(figure["value"] if figure[end] is None else figure[end] for end in _ENDS))
    return (
        f"{finding.requirement.metric} is {rounded(figure['value'], places)}, compared with nothing: "
        "there is no champion"
    )


def between(one: Disparity, found: Mapping[str, Any]) -> Judged:
    """What came of a limit on a disparity."""
    groups = {name: told for name, told in found["groups"].items() if name not in found["small"]}
    rows = sum(told["rows"] for told in groups.values())
    measured = found["measures"][one.measure]
    if measured is None:
        message = f"{one.measure} between {one.between}: fewer than two groups have enough rows"
        return Judged(one.between, rows, one.measure, Verdict.INCONCLUSIVE, message, 0.0, {})
    value, low, high = measured["value"], measured["low"], measured["high"]
    if one.ratio:
        met, missed, short = low >= one.limit, high < one.limit, one.limit - value
    else:
        met, missed, short = high <= one.limit, low > one.limit, value - one.limit
    verdict = Verdict.PASSED if met else Verdict.FAILED if missed else Verdict.INCONCLUSIVE
    key = "selection_rate" if one.measure.startswith("demographic") else "true_positive_rate"
    known = {name: told[key] for name, told in groups.items() if told[key] is not None}
    ends = ""
    if known:
        least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        ends = (f"; {key.replace('_', ' ')} {percent(round(known[least], 3))} for {least} and "
                f"{percent(round(known[most], 3))} for {most}")  # fmt: skip
    wanted = f"at {'least' if one.ratio else 'most'} {number_text(one.limit)}"
    message = (f"{one.measure} between {one.between} is {rounded(value, 3)} ({rounded(low, 3)} to "
               f"{rounded(high, 3)}), and {wanted} was wanted{ends}")  # fmt: skip
    return Judged(one.between, rows, one.measure, verdict, message, short,
                   {**measured, "limit": one.limit, "groups": groups})  # fmt: skip


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    return all_of(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def drawings(found: Mapping[str, Any], judged: Sequence[Judged], small: Sequence[str]) -> list[Exhibit]:
    """Intervals by slice, a drawing for each requirement, and the decisions by group."""
    drawn: list[Exhibit] = []
    for what in dict.fromkeys(one.what for one in judged if "value" in one.said):
        mine = [one for one in judged if one.what == what and "value" in one.said]
        metric, _, kind = what.partition(".")
        margin = -1 if kind == "may_lose_at_most" else 1
        drawn.append(exhibits.intervals(
            f"{metric} by slice" if kind else metric,
            [{"label": f"{one.name} ({one.rows:,})", "value": one.said["value"], "low": one.said["low"],
              "high": one.said["high"], "margin": margin * one.said["limit"], "verdict": str(one.verdict)}
             for one in mine[:KEPT]],
            about="The worst first. " + (f"Not judged, too few rows: {listed(small)}." if small else ""),
        ))  # fmt: skip
    for name, told in found["disparity"].items():
        rates = ("rows", "selection_rate", "true_positive_rate", "false_positive_rate")
        drawn.append(exhibits.table(
            f"Decisions by {name}", [name, *(rate.replace("_", " ") for rate in rates)],
            [[group, *(one[rate] for rate in rates)] for group, one in told["groups"].items()],
        ))  # fmt: skip
    return drawn

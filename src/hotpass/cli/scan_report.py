"""What a scan found, as a report and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hotpass.cli import output
from hotpass.reports.decision import checks_of
from hotpass.reports.model import Check, Finding, Level, Report

if TYPE_CHECKING:
    from hotpass.drift.findings import Drift, Scan
    from hotpass.policy.model import PolicySet
    from hotpass.rejudging import Rejudged, Rejudging

#: Exit codes: something is unlike the record or does not pass; something could not be read.
FOUND, UNREADABLE = 1, 4


def exit_code(drifted: Sequence[Scan], judged: Rejudging | None) -> int:
    """0 where all is as recorded and all that serves passes."""
    if judged is not None and any(one.error for one in judged.judged):
        return UNREADABLE
    clean = all(scan.clean for scan in drifted) and (judged is None or judged.clean)
    return 0 if clean else FOUND


def as_json(drifted: Sequence[Scan] | None, judged: Rejudging | None) -> dict[str, Any]:
    """`models` is what was compared with the record, `serving` what was judged; left out where not asked for.
    """
    out: dict[str, Any] = {"clean": exit_code(drifted or (), judged) == 0}
    if drifted is not None:
        out["models"] = [scan.as_json() for scan in drifted]
    if judged is not None:
        out["serving"] = [one.as_json() for one in judged.judged]
        out["notes"] = judged.notes
    return out


def report_of(drifted: Sequence[Scan] | None, judged: Rejudging | None, policies: PolicySet) -> Report:
    """A check for each model that was compared, and one for each gate of each version that serves.

    What is found in a registry has no file; it is shown at the policy that covers the model.
    """
    checks: list[Check] = []
    said: list[str] = []
    if drifted is not None:
        checks += [_compared(scan, policies) for scan in drifted]
        count = sum(len(scan.findings) for scan in drifted)
        said.append(f"{output.plural(len(drifted), 'model')} compared, {output.plural(count, 'finding')}")
    if judged is not None:
        for one in judged.judged:
            checks += _judged(one, policies)
        failing = sum(not one.passes for one in judged.judged)
        words = "all pass" if not failing else f"{failing} would not pass today"
        said.append(f"{output.plural(len(judged.judged), 'version')} in service, {words}")
        notes = tuple(Finding("scan-note", Level.NOTE, note) for note in judged.notes)
        checks += [Check("hotpass", "scan", notes)] if notes else []
    return Report("scan", "; ".join(said), tuple(checks), exit_code(drifted or (), judged))


def _compared(scan: Scan, policies: PolicySet) -> Check:
    path = _policy_of(scan.model, policies)
    findings = [_drift(drift, path) for drift in scan.findings]
    findings += [Finding("scan-note", Level.NOTE, note, path=path) for note in scan.notes]
    return Check(scan.model, "as recorded", tuple(findings))


def _drift(drift: Drift, path: str) -> Finding:
    who = "" if drift.version is None else f"version {drift.version}: "
    message = f"{who}the record says {drift.recorded}; there is {drift.found}"
    key = f"{drift.version} {drift.recorded.partition(' (record ')[0]}"  # the same in another ledger
    return Finding(f"drift-{drift.kind}", Level.ERROR, message, drift.remedy, path, key=key)


def _judged(one: Rejudged, policies: PolicySet) -> Sequence[Check]:
    if one.decision is not None:
        return checks_of(one.decision, one.title)
    path = _policy_of(one.served.facts.model, policies)
    return [Check(one.title, "evidence",
                  (Finding("registry-failed", Level.ERROR, one.error, path=path, broke=True),))]  # fmt: skip


def _policy_of(model: str, policies: PolicySet) -> str:
    return next((policy.path for policy in policies.covering(model)), "")

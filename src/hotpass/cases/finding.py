"""Finds cases files and pairs each with the policy beside it: `lead.cases.yaml` with `lead.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hotpass.cases.model import CasesFile
from hotpass.cases.reading import LIMITS, read_cases
from hotpass.errors import Problem
from hotpass.gates import Gate
from hotpass.policy.discovery import shown
from hotpass.policy.loader import CASES, SUFFIXES, cases_files, content_of, read_places
from hotpass.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Found:
    """What came of reading policies and cases. `policies` are those that are sound, without those that are
    only there to be extended and have no cases.
    """

    policies: tuple[Policy, ...]
    files: tuple[CasesFile, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def find_cases(places: Iterable[Path], gates: Mapping[str, type[Gate]]) -> Found:
    """Reads the policies at `places` and the cases files beside them, with these gates by name.

    A place is a folder, a policy or a cases file; the last stands for the policy beside it too, and then
    other cases files of that policy are not read.
    """
    problems: list[Problem] = []
    policy_places: list[Path] = []
    files: dict[Path, None] = {}
    for place in places:
        if is_cases_file(place) and not place.exists() and not place.is_symlink():
            remedy = "Create it, or name the folder or file that holds your policies."
            problems.append(Problem(shown(place), 0, 0, "it does not exist", remedy, "invalid-cases"))
        elif is_cases_file(place):
            files[place] = None
            policy_places += policies_beside(place)
        elif place.is_dir():
            policy_places.append(place)
            files |= dict.fromkeys(cases_files([place]))
        else:
            policy_places.append(place)
            files |= dict.fromkeys(cases_beside(place))
    report = read_places(policy_places, gates)
    problems += report.problems
    # One that is there to be extended covers no model by itself; its cases are about any.
    shared = {policy.path: replace(policy, models=("*",)) for policy in report.shared}
    by_path = shared | {policy.path: policy for policy in report.policies}
    broken = {problem.path for problem in report.problems}
    found = []
    for file in files:
        beside = [path for path in map(shown, policies_beside(file)) if path in by_path or path in broken]
        content = content_of(file, problems, LIMITS.size)
        if content is None:
            continue
        policy = by_path.get(beside[0]) if len(beside) == 1 else None
        if len(beside) != 1:
            problems.append(_unpaired(file, beside))
        read = read_cases(content, shown(file), policy)
        problems += read.problems
        if policy is not None:
            found.append(CasesFile(shown(file), policy, read.cases))
    extended = dict.fromkeys(file.policy.path for file in found if file.policy.path in shared)
    policies = (*report.policies, *(shared[path] for path in extended))
    return Found(policies, tuple(found), tuple(problems), report.warnings)


def is_cases_file(path: Path) -> bool:
    """Whether `path` has the name of a cases file."""
    return path.name.lower().endswith(CASES)


def policies_beside(file: Path) -> list[Path]:
    """The policy files to which the cases in `file` could belong: one, unless something is wrong."""
    stem = _stem(file)
    return [path for suffix in SUFFIXES if (path := file.with_name(stem + suffix)).is_file()]


def cases_beside(policy: Path) -> list[Path]:
    """The cases files of `policy`."""
    return [path for suffix in CASES if (path := policy.with_name(policy.stem + suffix)).is_file()]


def _stem(file: Path) -> str:
    return file.name[: -len(next(suffix for suffix in CASES if file.name.lower().endswith(suffix)))]


def _unpaired(file: Path, beside: list[str]) -> Problem:
    if beside:
        what = f"several policies are beside it: {' and '.join(beside)}"
        return Problem(shown(file), 0, 0, what, "Rename one of them.", "invalid-cases")
    stem = _stem(file)
    return Problem(
        shown(file), 0, 0, f"there is no policy {stem}.yaml beside it, so nothing could judge its cases",
        "Rename it after its policy, or delete it.", "invalid-cases",
    )  # fmt: skip

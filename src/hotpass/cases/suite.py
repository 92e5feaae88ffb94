"""All cases of some policies in one go: found, run, and looked at as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotpass.cases.coverage import Coverage, PromotionSeen, coverage
from hotpass.cases.finding import Found, find_cases
from hotpass.cases.model import Case, CasesFile, Result
from hotpass.cases.running import run_files
from hotpass.errors import CallError, PolicyError, Problem
from hotpass.gates import Gate

_DIFFERS = 1


@dataclass(frozen=True)
class Ran:
    """What came of all cases. `unmet` is what `--require-…` misses."""

    found: Found
    results: tuple[Result, ...]
    coverage: tuple[Coverage, ...]
    unmet: tuple[Problem, ...]
    seconds: float

    @property
    def differing(self) -> list[Result]:
        return [result for result in self.results if not result.as_expected]

    @property
    def exit_code(self) -> int:
        if self.found.problems:
            return PolicyError.exit_code
        return _DIFFERS if self.differing or self.unmet else 0


def run_suite(
    places: Sequence[Path],
    gates: Mapping[str, type[Gate]],
    *,
    select: str = "",
    require_cases: bool = False,
    require_coverage: bool = False,
) -> Ran:
    """Runs the cases at `places` (see `find_cases`) that have `select` in their name.

    With `require_cases`, a promotion or rollback that no case is about is among the `unmet`; with
    `require_coverage` also a gate that was not seen both to pass and not to. Raises CallError where no case
    is selected, and for a selection of which something is required.
    """
    if select and (require_cases or require_coverage):
        raise CallError("-k runs some cases and --require-… asks about all of them. Leave one of them out.")
    begun = time.perf_counter()
    found = find_cases(places, gates)
    files = _selected(found, select)
    results = tuple(run_files(files))
    # What a broken file holds is not known, so nothing is said of what is missing.
    seen = () if select or found.problems else tuple(_coverage(found, results))
    unmet = tuple(_unmet(found, seen, require_coverage)) if require_cases or require_coverage else ()
    return Ran(found, results, seen, unmet, time.perf_counter() - begun)


def _selected(found: Found, select: str) -> Sequence[CasesFile]:
    if not select:
        return found.files
    text = select.lower()
    files = [
        CasesFile(file.path, file.policy, tuple(case for case in file.cases if text in case.name.lower()))
        for file in found.files
    ]
    if not any(file.cases for file in files) and not found.problems:
        raise CallError(f"no case has {select!r} in its name. Without -k all {_count(found)} would run.")
    return files


def _count(found: Found) -> int:
    return sum(len(file.cases) for file in found.files)


def _coverage(found: Found, results: Sequence[Result]) -> Iterator[Coverage]:
    cases: dict[str, list[Case]] = {policy.path: [] for policy in found.policies}
    came: dict[str, list[Result]] = {policy.path: [] for policy in found.policies}
    of_file = {file.path: file.policy.path for file in found.files}
    for file in found.files:
        cases[file.policy.path] += file.cases
    for result in results:
        came[of_file[result.case.path]].append(result)
    for policy in found.policies:
        yield coverage(policy, cases[policy.path], came[policy.path])


def _unmet(found: Found, seen: Sequence[Coverage], require_coverage: bool) -> Iterator[Problem]:
    """What the run misses of what is required, as problems at the places of the policies."""
    for of_policy in seen:
        file = _cases_path(found, of_policy)
        for promotion in of_policy.promotions:
            place = _place(promotion.where or of_policy.path)
            if not promotion.cases:
                yield Problem(*place, f"no case is about {_titled(promotion)}", f"Add one to {file}.",
                              "no-cases")  # fmt: skip
            elif require_coverage:
                for gap in promotion.gaps:
                    yield Problem(*place, f"{_titled(promotion)}: {gap} in a case", f"Add one to {file}.",
                                  "unseen-gate")  # fmt: skip


def _titled(promotion: PromotionSeen) -> str:
    return "the rollback" if promotion.title == "rollback" else f"the promotion {promotion.title}"


def _cases_path(found: Found, of_policy: Coverage) -> str:
    there = [file.path for file in found.files if file.policy.path == of_policy.path]
    return there[0] if there else str(Path(of_policy.path).with_suffix(".cases.yaml"))


def _place(where: str) -> tuple[str, int, int]:
    """`file:line:column` in its parts."""
    path, line, column = [*where.rsplit(":", 2), "", ""][:3]
    return (path, int(line), int(column)) if line.isdigit() and column.isdigit() else (where, 0, 0)

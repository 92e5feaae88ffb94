"""Makes pytest collect `NAME.cases.yaml` beside a policy: each case is a test, and what differs is its
failure.

It is found by itself where Hotpass is installed. `hotpass_cases = false` among pytest's settings turns it
off. Nothing of Hotpass is imported before there is a cases file, since every pytest run starts with this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hotpass.cases.model import Case
    from hotpass.gates import Gate
    from hotpass.policy.model import PolicySet

_NAMES = (".cases.yaml", ".cases.yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "hotpass_cases", "collect the cases beside Hotpass policies (NAME.cases.yaml)", "bool", default=True
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.lower().endswith(_NAMES) or not parent.config.getini("hotpass_cases"):
        return None
    from hotpass.cases.finding import policies_beside

    if not policies_beside(file_path) and not _is_meant(file_path):
        return None  # a file of somebody else's that happens to have such a name
    file: pytest.Collector = CasesCollector.from_parent(parent, path=file_path)
    return file


class CasesCollector(pytest.File):
    """A cases file."""

    def collect(self) -> Iterable[pytest.Item]:
        from hotpass.cases.finding import find_cases
        from hotpass.errors import HotpassError
        from hotpass.policy.model import PolicySet

        try:
            found = find_cases([self.path], _gates(self.config))
        except HotpassError as error:
            raise self.CollectError(str(error)) from None
        if found.problems:
            raise self.CollectError("\n".join(map(str, found.problems)))
        for file in found.files:
            policies = PolicySet.of([file.policy])
            for case in file.cases:
                yield CaseItem.from_parent(self, name=case.name, case=case, policies=policies)


class CaseItem(pytest.Item):
    """A case."""

    def __init__(self, *, case: Case, policies: PolicySet, **more: Any) -> None:
        super().__init__(**more)
        self.case = case
        self.policies = policies

    def runtest(self) -> None:
        from hotpass.cases.differences import in_words
        from hotpass.cases.running import run_case

        result = run_case(self.case, self.policies)
        if not result.as_expected:
            raise NotAsExpected("\n".join(in_words(result)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAsExpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.place.line - 1, f"case: {self.name}"


class NotAsExpected(Exception):
    """A case came out otherwise; the text says how."""


_GATES = pytest.StashKey["dict[str, type[Gate]]"]()


def _gates(config: pytest.Config) -> dict[str, type[Gate]]:
    """The gates of the installed plugins and of the plugin folders that are found from the root of the tests;
    loaded once.
    """
    if _GATES not in config.stash:
        from hotpass.plugins import create_manager, gate_classes
        from hotpass.policy.discovery import asked_for, nearest_pyproject, of_pyproject

        found, file = asked_for(None, "plugins"), nearest_pyproject(config.rootpath)
        if not found.configured and file is not None:
            found = of_pyproject(file, "plugins")
        config.stash[_GATES] = gate_classes(create_manager(found.paths))
    return config.stash[_GATES]


def _is_meant(file: Path) -> bool:
    """Whether a file without a policy beside it reads like one of cases all the same, so that those of a
    policy that was renamed are not left out in silence.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return "cases:" in text and "expect:" in text and "case:" in text

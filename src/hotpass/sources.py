"""Where a candidate's evidence comes from: the port that `gather.py`, tests and backtests fill. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from hotpass.facts import LoggedModelFacts, ModelFile, PastDecision, RunFacts, Stay
from hotpass.verdicts import Json

IN_A_CASE = "; a case says it under `measured:`"
"""What ends the message of NotAtHand where a case can supply it; a backtest leaves it out."""


class NotAtHand(Exception):
    """Raised to a gate that asks for what is not looked at here, as a model's files in a backtest."""


class Files(NamedTuple):
    """A copy of files on this machine, to be read and not changed, and the SHA-256 over the sorted pairs of
    path and file hash.
    """

    path: Path
    digest: str


class Sources(Protocol):
    """What loads evidence about one version when it is first asked for. Each call returns the same value
    again.
    """

    def run(self) -> RunFacts | None: ...
    def logged_model(self) -> LoggedModelFacts | None: ...
    def model_file(self) -> ModelFile | None: ...
    def model_tags(self) -> Mapping[str, str]: ...
    def stays(self) -> Sequence[Stay]: ...
    def evidence(self, name: str) -> Json: ...
    def earlier(self) -> Sequence[PastDecision]:
        """Every decision on record about the model, oldest first."""
        ...

    def plugin_files(self, hook: str) -> Sequence[Path]:
        """The files of plugin folders in force that have this hook."""
        ...

    # Files. All of these may raise NotAtHand.

    def files(self) -> Files:
        """The version's own files."""
        ...

    def artifact(self, path: str) -> Path | None:
        """A copy of a file or folder among the artifacts of the run; None where the run has none there."""
        ...

    def dataset(self, name: str | None, context: str | None) -> Path | None:
        """A copy of the file behind a data set that the run logged; None where it logged none like that, or
        one that is no file.
        """
        ...

    def fetch(self, uri: str) -> Path:
        """A copy of what is at a URI that MLflow can read artifacts from."""
        ...

    def scratch(self) -> Path:
        """A folder that lives as long as the session, for what a gate computes and may need again."""
        ...

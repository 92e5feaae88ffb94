"""`size`: what the model's files take up on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.verdicts import GateResult, Verdict
from hotpass_evaluation.gates.sizes import SIZE, parse_size, size_text
from hotpass_evaluation.gates.spans import PERCENT, parse_percent

_LARGEST = 3


class Size(MeasuringGate):
    """All files of the model together take up no more than so much on disk.

        - size: 50MB

    or, also against the champion:

        - size: {at_most: 50MB, than_champion: {larger_by_at_most: 20 percent}}

    1 MB is 1,000,000 bytes, and 1 MiB is 1,048,576. Everything in the version's folder counts: the model, its
    input example, lists of requirements, code. Without a champion, `than_champion` asks nothing.

    To pass: the message names the largest files. A forest with fewer or shallower trees, or a model logged
    without data among its artifacts, is smaller.
    """

    name = "size"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How much the model's files may take up on disk.",
        "oneOf": [
            SIZE,
            {
                "type": "object",
                "properties": {
                    "at_most": SIZE,
                    "than_champion": {
                        "description": "Compared with the champion's files.",
                        "type": "object",
                        "properties": {
                            "larger_by_at_most": {
                                "description": "The share of the champion's size.", **PERCENT,
                            }
                        },
                        "required": ["larger_by_at_most"],
                        "additionalProperties": False,
                    },
                },
                "minProperties": 1,
                "additionalProperties": False,
            },
        ],
        "examples": ["50MB", {"at_most": "50MB"}],
    }  # fmt: skip

    def __init__(self, parameters: str | Mapping[str, Any]) -> None:
        super().__init__(parameters)
        said: Mapping[str, Any] = {"at_most": parameters} if isinstance(parameters, str) else parameters
        self._at_most: int | None = None
        if "at_most" in said:
            try:
                self._at_most = parse_size(said["at_most"])
            except ValueError as error:
                raise ParameterError(
                    str(error), () if parameters is said["at_most"] else ("at_most",)
                ) from None
        compared = said.get("than_champion")
        self._percent: float | None = (
            parse_percent(compared["larger_by_at_most"]) if compared is not None else None
        )

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        sizes = _sizes(candidate.files().path)
        total = sum(sizes.values())
        said: list[str] = []
        over = False
        if self._at_most is not None:
            over = total > self._at_most
            said.append(f"{'more than' if over else 'within'} {size_text(self._at_most)}")
        evidence: dict[str, Any] = {"bytes": total, "files": len(sizes)}
        if self._percent is not None and candidate.champion is not None:
            before = sum(_sizes(candidate.champion.files().path).values())
            evidence["champion_bytes"] = before
            larger = total * 100 > before * (100 + self._percent)
            over = over or larger
            said.append(
                f"the champion's are {size_text(before)}, and {self._percent:g} percent more is allowed"
            )
        elif self._percent is not None:
            said.append("there is no champion to compare with")
        message = f"the files are {size_text(total)}: {'; '.join(said)}"
        if over:
            most = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_LARGEST]
            message += f". The largest: {', '.join(f'{path} ({size_text(size)})' for path, size in most)}"
        return GateResult(Verdict.FAILED if over else Verdict.PASSED, message, evidence)

    def explain(self) -> Sequence[str]:
        said = []
        if self._at_most is not None:
            said.append(f"The model's files take up at most {size_text(self._at_most)} on disk.")
        if self._percent is not None:
            said.append(f"They are at most {self._percent:g} percent larger than the champion's.")
        return said


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in files}

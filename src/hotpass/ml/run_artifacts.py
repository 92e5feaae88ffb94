"""Files that a run keeps beside its model."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hotpass.errors import CallError

#: Where a run keeps the rows that its model learnt from, if it does.
TRAINING_ROWS = "training/training.parquet"


@contextlib.contextmanager
def staged(
    own: Mapping[str, Any], given: Mapping[str, Any] | Sequence[str | Path] | None
) -> Iterator[Path | None]:
    """A folder that holds all of them under their names, for the time of the block; None where there are
    none.

    Values are paths of files or folders, matplotlib figures (name them `.png` or `.svg`), pandas data frames
    (kept as Parquet), and whatever JSON holds. `given` wins over `own` where both use a name. Raises
    CallError for a path that does not exist and for a name outside the run.
    """
    if isinstance(given, str | Path):
        given = [given]
    named = given if isinstance(given, Mapping) else {Path(path).name: Path(path) for path in given or ()}
    everything = {**own, **named}
    if not everything:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
        for name, value in everything.items():
            _write(Path(folder), name, value)
        yield Path(folder)


def _write(folder: Path, name: str, value: Any) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise CallError(f"artifacts: {name!r} is not a name inside the run.")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, str | Path):
        source = Path(value)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copyfile(source, target)
        else:
            raise CallError(f"artifacts: {source} does not exist.")
    elif hasattr(value, "savefig"):
        value.savefig(target)
    elif hasattr(value, "to_parquet"):
        _write_table(target, name, value)
    else:
        try:
            target.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str), encoding="utf-8")
        except (TypeError, ValueError) as error:
            raise CallError(f"artifacts: {name} holds nothing that can be kept: {error}") from error


def _write_table(target: Path, name: str, frame: Any) -> None:
    """With the frame's index: it says which rows of the whole these are."""
    try:
        frame.to_parquet(target)
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's own errors are all of these
        remedy = " Or leave them out: keep_training_rows=False." if name == TRAINING_ROWS else ""
        raise CallError(
            f"artifacts: {name} cannot be kept as Parquet: {'; '.join(map(str, error.args))}. Give "
            "each column "
            f"values of one kind, and a name that is text.{remedy}"
        ) from error

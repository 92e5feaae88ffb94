"""The policy folder that `hotpass init` writes, and `hotpass demo` after it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hotpass.durations import parse_duration
from hotpass.errors import CallError

DEFAULT_PATTERN = "lead_scoring*"
DEFAULT_DWELL = "24h"

_PATTERN = re.compile(r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,254}\Z")

POLICY = """\
# yaml-language-server: $schema=policy.schema.json
#
# Who may go to Staging and to Production. `hotpass policy lint` checks this file, README.md beside it
# describes every gate, and a change of it is a change of the rules: have it reviewed like code.
policy: {name}
description: Which lead scoring models may serve, and on what evidence.
models: [{pattern}] # names; * stands for any letters

promotions:
  # Into Staging: the model is good enough to be tried, and somebody answers for it.
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {{at_least: 0.68}} # 0.5 is a coin's
      - signature # the columns that it wants are on record
      - input_example
      - required_tags:
          owner: present
        hint: Say who answers for the model, with `hotpass train --tag owner=NAME` or in MLflow's UI.

  # Into Production: it was in Staging for long enough and is no worse than the one that serves now.
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {{at_least: 0.70}}
      - champion_comparison:
          first_champion: allow # the first one has nobody to be compared with
          roc_auc: {{may_lose_at_most: 0.005}}
      - staging_dwell: {dwell}
      - freshness: 90d # since its training began
      - lineage: # the run says on which data it was trained
          commit: false # true: and from which commit
      - metric_threshold:
          log_loss: {{at_most: 0.6}}
        name: calibration
        enforcement: advisory # shown, and never in the way

  # Out of Production without a successor. A successor archives the former champion by itself.
  - to: Archived
    from: Production
    gates:
      - required_tags:
          archive_reason: present
        hint: Say why, in the tag archive_reason of the version.

# A rollback needs an earlier version that was in Production by an allowed decision, the same files and a
# reason. Gates here would come on top:
#
# rollback:
#   gates:
#     - signature
"""

CASES = """\
# yaml-language-server: $schema=cases.schema.json
#
# What {stem}.yaml should say of candidates that are given as data. README.md has the format. These are run by
# `hotpass policy test`, and by pytest. Add one whenever a decision surprises you.

# A candidate that lacks nothing, and the champion that it is compared with. A case says what differs.
defaults:
  candidate:
    metrics: {{roc_auc: 0.74, log_loss: 0.52}}
    tags: {{owner: ana}}
    signature: {{inputs: [completeness, intent_signal_score], outputs: [score]}}
    input_example: true
    datasets: [{{name: leads, digest: 1a2b3c4d, context: training}}]
    started_at: now
    in_stage_since: {dwell} ago
  champion:
    metrics: {{roc_auc: 0.73}}

cases:
  - case: a complete model may be tried
    to: Staging
    expect: {{outcome: allowed}}

  - case: hardly better than a coin, and nobody answers for it or can call it
    to: Staging
    candidate:
      metrics: {{roc_auc: 0.55}}
      tags: {{owner: }} # nothing behind the colon takes it away
      model_file: false
    expect:
      outcome: denied
      verdicts: {{metric_threshold: failed, signature: failed, input_example: failed, required_tags: failed}}

  - case: no worse than the champion, and long enough in Staging
    to: Production
    expect: {{outcome: allowed}}

  - case: the first model of all
    to: Production
    champion:
    expect: {{outcome: allowed, verdicts: {{champion_comparison: passed}}}}

  - case: worse than the champion
    to: Production
    candidate: {{metrics: {{roc_auc: 0.72}}}}
    expect: {{outcome: denied, verdicts: {{metric_threshold: passed, champion_comparison: failed}}}}

  - case: it has only just arrived in Staging
    to: Production
    candidate: {{in_stage_since: now}}
    expect: {{outcome: pending, verdicts: {{staging_dwell: pending}}, passes_at: in {dwell}}}

  - case: its run is gone, and with it the data, the age and the metrics
    to: Production
    candidate: {{run: false}}
    expect: {{outcome: denied, verdicts: {{metric_threshold: failed, freshness: failed, lineage: failed}}}}

  - case: bad calibration is shown and in nobody's way
    to: Production
    candidate: {{metrics: {{log_loss: 0.65}}}}
    expect: {{outcome: allowed, verdicts: {{calibration: failed}}}}

  - case: never past Staging
    to: Production
    candidate: {{stage: None}}
    expect: {{outcome: denied, message: only from Staging}}

  - case: out of Production with a reason
    to: Archived
    candidate: {{tags: {{archive_reason: nobody uses it}}}}
    champion:
    expect: {{outcome: allowed}}

  - case: out of Production without one
    to: Archived
    champion:
    expect: {{outcome: denied, verdicts: {{required_tags: failed}}}}
"""


def write_starter(folder: Path, pattern: str = DEFAULT_PATTERN, dwell: str = DEFAULT_DWELL) -> list[Path]:
    """Writes a policy for models named `pattern`, cases for it, the schemas and the reference; returns the
    files.

    `dwell` as policies write it: `24h`. Raises CallError for a pattern or a dwell that makes no sense, for a
    file that is there already, and for a folder that cannot be written; nothing is written over.
    """
    from hotpass.cases import schema as cases
    from hotpass.cases.reference import cases_reference
    from hotpass.plugins import create_manager, gate_classes
    from hotpass.policy import reference, schema

    try:
        parse_duration(dwell)
    except ValueError as error:
        raise CallError(f"--dwell: {error}") from None
    if not _PATTERN.match(pattern) or any(character in pattern for character in "/:[]"):
        raise CallError(f"--model: {pattern!r} is not the name of a model. For example: lead_scoring*")
    # What the starter uses comes with Hotpass, so plugin folders that are found elsewhere do not matter here.
    gates = gate_classes(create_manager())
    stem = re.sub(r"[^A-Za-z0-9]+", "_", pattern).strip("_").lower()[:60] or "models"
    texts = {
        folder / f"{stem}.yaml": POLICY.format(
            name=stem.replace("_", "-"), pattern=json.dumps(pattern, ensure_ascii=False), dwell=dwell
        ),
        folder / f"{stem}.cases.yaml": CASES.format(stem=stem, dwell=dwell),
        folder / schema.FILE: schema.schema_text(gates),
        folder / cases.FILE: cases.schema_text(),
        folder / reference.FILE: reference.reference(gates, [cases_reference()]),
    }
    there = [str(file) for file in texts if file.exists() or file.is_symlink()]
    if there:
        raise CallError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written. "
            "Name another folder, or move them away."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise CallError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    return list(texts)

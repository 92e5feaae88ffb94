"""The part of the policies' reference that is about cases, as Markdown, from the tables of `keys.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotpass.cases import keys
from hotpass.cases.keys import KINDS, Key
from hotpass.policy.words import flow

_ABOUT = """\
# Cases

What a policy should say of candidates that are given as data stands beside it: the cases of
`lead_scoring.yaml` in `lead_scoring.cases.yaml`. `hotpass policy test` runs them, thousands in a second and
without a registry. So does pytest where Hotpass is installed: each case is a test there, unless pytest's
settings say `hotpass_cases = false`.

```yaml
# yaml-language-server: $schema=cases.schema.json
defaults: # what every case begins with
  candidate:
    metrics: {roc_auc: 0.81}
    tags: {owner: ana}
    in_stage_since: 25h ago
  champion:
    metrics: {roc_auc: 0.80}

cases:
  - case: no worse than the champion
    to: Production
    expect: {outcome: allowed}

  - case: a worse challenger, and nobody answers for it
    to: Production
    candidate:
      metrics: {roc_auc: 0.79}
      tags: {owner: } # nothing behind the colon takes away what the defaults have
    expect:
      outcome: denied
      verdicts: {champion_comparison: failed, required_tags: failed}
      message: the tag owner is not set

  - case: the first model of all
    to: Production
    champion:
    expect: {outcome: allowed}
```

A case is laid over the defaults mapping by mapping; lists are replaced. It is judged by the policy beside it
alone, other policies of the same model, waivers and vetoes of plugins left out. Of each gate one wants to see
a case that it lets pass and one that it does not: the command says where that is missing. `--require-cases`
fails where no case is about a promotion or the rollback, `--require-coverage` where a gate was not seen both
ways.

Times are `25h ago`, `now`, `in 2h` (all counted from the case's `now`), or have a zone:
`2026-01-15T12:00:00Z`. A name alone is that of somebody who has authenticated, and
`{name: ana, authenticated: false}` only claims it.
"""


def cases_reference() -> str:
    """The section on cases; it ends with a line break."""
    lines = [_ABOUT]
    for title, table in (
        ("A case:", keys.CASE),
        ("`candidate` and `champion`:", keys.VERSION),
        ("`expect`:", keys.EXPECT),
    ):
        lines += [title, "", *_keys(table), ""]
    return "\n".join(lines)


def _keys(table: Mapping[str, Key]) -> Iterator[str]:
    for name, key in table.items():
        example = "" if key.example is None else f" For example `{name}: {flow(key.example)}`."
        yield f"- `{name}`: {KINDS[key.kind]}. {key.about}{example}"

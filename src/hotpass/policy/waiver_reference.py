"""The part of the policies' reference that is about exceptions, as Markdown; the keys follow it."""

from __future__ import annotations

ABOUT = """\
# Exceptions

A gate that says `failed`, `pending` or `inconclusive` can be let pass in two ways. Both are in the decision
and in its record: who, why, and what the gate said. Neither excuses a gate that broke (`error`), a veto, or
what stands in the way before any gate is asked, such as the wrong stage. Advisory gates need no exception.

## Overrides

An override is for one promotion. It is for gates that the policy makes `enforcement: overridable`, by those
whom the entry names under `by:`, spelt exactly as they are named there:

```
hotpass promote lead_scoring_eu 7 --to Production --override approvals --reason "decided by the board"
```

`--override` takes the gate's name as decisions show it and may be given several times; `hotpass check` takes
it too, and `hotpass rollback` for overridable gates under `rollback:`. It always takes a reason. Whoever is
not under `by:` is denied, and that goes on record. A name counts as it is claimed, and the record says so; on
a server with `hotpass serve --auth` it is the name of who has logged in. An override of a gate that passes
has no effect.

## Waivers

A waiver is an exception that is granted beforehand and ends by itself: for one gate, one model and named
versions. It is a file of its own in a folder `waivers` below the policies, and so changes by pull request
like these:

```yaml
# yaml-language-server: $schema=../waiver.schema.json
waiver: the-fair
policy: lead-scoring
gate: staging_dwell # the entry's name as decisions show it
model: lead_scoring_eu # one model, no pattern
versions: [7]
to: Production # the gate on the way to this stage
reason: It ran beside the old one for a week, and the fair begins tomorrow.
granted_by: head-of-risk
granted: 2026-01-30 # dates are days in UTC; or a moment: 2026-01-30T17:00Z
expires: 2026-02-03 # the last day; a moment is the one at which it is over
```

It may be for a gate of any enforcement, and is not for rollbacks. It has no effect

- from the moment on at which it expires, nor before it is granted;
- on a version that was registered after it was granted: a model that is deleted and made again does not
  inherit it (where `granted` is a date, from the next day on; a moment is exacter);
- for another model, workspace, version, policy, gate or stage, and where two gates of the promotion have the
  gate's name.

For `hotpass policy lint` a waiver is an error that has expired, is not granted yet, or is for a policy,
model, stage or gate that there is not. In force it then merely has no effect, and the decision that misses it
says so. A file that is no waiver at all is an error everywhere, as a policy is. Where several waivers fit,
any of them will do, and the first by its file is recorded; the decision names it with the digest of its file.
A file that changes between decision and move stops the move. A guarded server knows only its own waivers, and
a policy file that is named by itself comes without any: name the folder.

Keys:
"""

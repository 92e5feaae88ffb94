"""The reference of the policy format, as Markdown: the format first, then every gate from its docstring and
schema.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hotpass.gates import Gate
from hotpass.policy import extends_reference
from hotpass.policy.compose import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES
from hotpass.policy.waiver_reference import ABOUT
from hotpass.policy.waiver_schema import compose_waiver_schema
from hotpass.policy.words import flow, listed

#: First line of what is generated; a file without it is somebody's own and is not overwritten.
MARK = "<!-- Written by `hotpass policy reference --write`; changes made by hand are lost. -->"

#: The file in a policy folder that `hotpass policy reference --write` writes.
FILE = "README.md"

_KINDS = {
    "string": "text", "number": "number", "integer": "whole number", "object": "mapping", "array": "list",
    "boolean": "true or false", "null": "empty",
}  # fmt: skip

_FORMAT = f"""\
# Policies

A policy is a YAML file. It says which models it covers, and for each promotion which gates must pass.
`hotpass policy lint` checks this folder; it prints everything that is wrong at once, as `file:line:column`.
It warns, too, of rules that cannot fail, can never pass, contradict each other or ask for nothing new, of
stages that nothing leads to, and of a promotion to Production without Staging. Nothing silences a warning;
with `--strict` one fails the command, and `--with-registry` looks for metrics that no recent version logged.
`hotpass policy explain` says in plain sentences what the policies ask for.

```yaml
# yaml-language-server: $schema=policy.schema.json
policy: lead-scoring # letters, digits, '.', '_', '-'
description: Who may score leads, and on what evidence.
models: ["lead_scoring_*"] # names; * and ? stand for any letters and any one letter
aliases: [champion] # guarded too; on a guarded server it may point only at the version in Production

promotions: # any other promotion of these models is denied
  - to: Production # None, Staging, Production, Archived, or a stage of your own
    from: Staging # left out: from any stage
    archive_existing: true # the default for Production
    gates: # all of them run, and all must pass
      - signature # a gate without parameters
      - metric_threshold: # a gate and its parameters
          roc_auc: {{at_least: 0.75}}
        enforcement: overridable # mandatory (the default), overridable or advisory
        by: [head-of-risk] # who may override
        name: good enough to call # what decisions call it; the gate's own name by default
        hint: Ask in the risk channel. # told to those whom it keeps waiting

rollback: # gates beside what every rollback needs; left out: none
  gates:
    - signature
```

Where several policies cover a model, all must allow. An advisory gate is shown and never blocks. An
overridable one blocks like a mandatory one, until one of those under `by:` overrides it; see Exceptions.

Policies are found by `--policies`, then `HOTPASS_POLICIES`, then `[tool.hotpass] policies` in the nearest
pyproject.toml, then `./policies`. A folder is read with all folders in it: every `*.yaml` and `*.yml`, except
`*.cases.yaml` and names that begin with a dot; those in a folder `waivers` are waivers. A place that is named
and missing, empty or broken is an error.

YAML is read in its 1.2 core schema: `true` and `false` are the only booleans, so `on`, `yes` and `24:00` are
texts. Refused are keys given twice, tags, merge keys (`<<`), several documents, keys that are not text,
numbers with a leading zero, NaN and infinities, control characters, and files over {MAX_BYTES // 1024} KiB,
{MAX_DEPTH} levels, {MAX_NODES:,} values or {MAX_ALIASES} aliases.

`policy.schema.json` makes an editor complete and check policies, with the gates of your own plugins:
`hotpass policy schema --write`.
"""


def reference(gates: Mapping[str, type[Gate]], sections: Sequence[str] = ()) -> str:
    """The reference, with these gates in the order of their names, and `sections` before them."""
    waivers = "\n".join([ABOUT, *_lines(compose_waiver_schema(), 0), ""])
    parts = [
        _FORMAT,
        extends_reference.ABOUT,
        waivers,
        *sections,
        "# Gates",
        "",
        *(_gate(gate) for gate in gates.values()),
    ]
    return "\n".join([MARK, "", *parts])


def _gate(gate: type[Gate]) -> str:
    doc = inspect.cleandoc(gate.__doc__ or "")
    bare = "It may stand without parameters." if gate.allows_bare_name() else ""
    parameters = list(_lines(gate.schema, 0))
    return "\n".join(
        [f"## {gate.name}", "", _fenced(doc), ""]
        + ([bare, ""] if bare else [])
        + (["Parameters:", "", *parameters, ""] if parameters else [])
    )


def _fenced(doc: str) -> str:
    """`doc` with its indented blocks as fenced YAML."""
    out: list[str] = []
    inside = False
    for line in doc.splitlines():
        indented = line.startswith("    ")
        if indented and not inside:
            out.append("```yaml")
        elif line.strip() and not indented and inside:
            while not out[-1]:
                out.pop()
            out += ["```", ""]
        inside = indented or (inside and not line.strip())
        out.append(line[4:] if indented else line)
    return "\n".join([*out, "```"] if inside else out)


def _lines(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    """The parameters below `schema`, as a nested list."""
    pad = "  " * depth
    for name, inner in schema.get("properties", {}).items():
        need = " (required)" if name in schema.get("required", ()) else ""
        yield f"{pad}- `{name}`{need}: {_about(inner)}"
        yield from _lines(inner, depth + 1)
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        yield (
            f"{pad}- any other name: {_about(others)}"
            if schema.get("properties")
            else f"{pad}- any name: {_about(others)}"
        )
        yield from _lines(others, depth + 1)
    for form in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if form.get("properties") or isinstance(form.get("additionalProperties"), Mapping):
            yield from _lines(form, depth)
        elif depth == 0:
            yield f"- alone: {_about(form)}"


def _about(schema: Mapping[str, Any]) -> str:
    parts = [_kind(schema)]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        parts.append(" and ".join(f"{word} {limit}" for word, limit in (("at least", low), ("at most", high))
                                  if limit is not None))  # fmt: skip
    text = ", ".join(filter(None, parts)) + "."
    if "description" in schema:
        text += f" {schema['description']}"
    if "default" in schema:
        text += f" Default: `{flow(schema['default'])}`."
    if schema.get("examples"):
        text += f" For example {listed((f'`{flow(example)}`' for example in schema['examples']), 'or')}."
    return text


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return listed((f"`{flow(choice)}`" for choice in schema["enum"]), "or")
    if "const" in schema:
        return f"`{flow(schema['const'])}`"
    if "type" in schema:
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        return listed([_KINDS.get(name, name) for name in types], "or")
    forms = (*schema.get("oneOf", ()), *schema.get("anyOf", ()))
    return listed(dict.fromkeys(_kind(form) for form in forms), "or") if forms else "anything"

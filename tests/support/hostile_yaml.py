"""Random and hostile files in the place of policies: what `tests/policy/test_hostile_yaml.py` feeds to the
reader.

`hostile(seed)` always gives the same bytes for the same seed, so a failure is found again by its number.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import yaml

VALID = (Path(__file__).parents[2] / "policies" / "lead_scoring.yaml").read_bytes()

#: Fragments that mean something to YAML, to a policy or to a terminal.
TOKENS = [
    ":", ": ", "- ", "-", "?", "? ", "|", ">", "|+2", "&a ", "*a", "&a", "*", "!", "!!",
    "!!python/object:os.system ", "!!binary ", "<<: ", "<<: *a", "%YAML 1.2", "%TAG ! x:", "---", "...",
    "#", " #", "{", "}", "[", "]", ",", '"', "'", "''", "\\", "\\x41", "\t", "\r", "\r\n", "\n", "\n\n",
    " ", "   ", "\0", "\x07", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ufeff", "\ud7ff", "\U0001f600", "é",
    "null", "~", "true", "yes", "on", "010", "0x1f", "1e999", "-1e999", ".inf", "-.Inf", ".nan", "1" * 50,
    "9" * 5000, "0."+"3" * 45, "1e-400", "24:00", "2024-01-31", "=", "policy", "models", "promotions", "to",
    "from", "gates", "rollback", "aliases", "archive_existing", "enforcement", "by", "name", "hint",
    "advisory", "overridable", "mandatory", "Production", "Staging", "None", "Archived", "metric_threshold",
    "champion_comparison", "staging_dwell", "required_tags", "signature", "input_example", "lineage",
    "freshness", "at_least", "at_most", "may_lose_at_most", "better_than_champion_by", "first_champion",
    "allow", "present", "matches", "equals", "one_of", "dataset", "commit", "false", "0", "-1", "0.7", "0s",
    "0d", "99999999999999999999w", "(a+)+$", "[z-a]", "(?P<x>", "${HOME}", "{{ x }}", "a" * 3000,
]  # fmt: skip

GATES = [
    "metric_threshold", "champion_comparison", "staging_dwell", "freshness", "required_tags", "signature",
    "input_example", "lineage",
]  # fmt: skip

BOMBS = [
    b"[" * 200_000,
    b"{a: " * 60_000,
    b"- " * 100_000,
    b"? " * 60_000,
    b"a:\n" + b"".join(b" " * i + b"a:\n" for i in range(500)),
    b"&a [" * 40_000,
    b"b: &b0 [x]\n"
    + b"".join(b"b%d: &b%d [%s]\n" % (i, i, b",".join([b"*b%d" % (i - 1)] * 9)) for i in range(1, 60)),
    b"".join(b"a%d: &a%d x\n" % (i, i) for i in range(9_000)),
    b"a: &a x\n" + b"".join(b"b%d: *a\n" % i for i in range(20_000)),
    b"k" * 260_000 + b": v\n",
    b"'" + b"k" * 2_000 + b"': v\n",
    b"a: " + b"9" * 200_000,
    b"a: 1e" + b"9" * 200_000,
    b"a: '" + b"x" * 200_000,
    b'a: "' + b"\\x41" * 50_000 + b'"',
    b"\n".join(b"k%d: v" % i for i in range(30_000)),
    b"policy: a\n" * 20_000,
    b"models: [" + b"'*'," * 50_000 + b"]",
    b"models: ['" + b"*a" * 100 + b"']\npolicy: a\npromotions: [{to: Staging, gates: [signature]}]\n",
    b"!<" + b"x" * 100_000,
    b"%TAG !" + b"x" * 100_000,
    b"a: |9\n" + b"         x\n" * 20_000,
    b"#" * 262_144,
    b" " * 262_145,
    b"\xff" * 1000,
    b"\xef\xbb\xbf" * 1000,
    b"",
]  # fmt: skip


def hostile(seed: int) -> bytes:
    """The file number `seed`: a mutation of the valid policy, a heap of fragments, a random policy, or
    noise.
    """
    rng = random.Random(seed)
    kind = rng.random()
    if kind < 0.55:
        return _mutated(rng)
    if kind < 0.70:
        return _heap(rng)
    if kind < 0.95:
        return _policy_like(rng)
    if kind < 0.98:
        return rng.randbytes(rng.randint(0, 400))
    return rng.choice(BOMBS)


def _mutated(rng: random.Random) -> bytes:
    content = VALID
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5, 12])):
        content = rng.choice(_MUTATIONS)(rng, content)
    return content


def _flip_bits(rng: random.Random, content: bytes) -> bytes:
    out = bytearray(content)
    if out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _other_byte(rng: random.Random, content: bytes) -> bytes:
    out = bytearray(content)
    if out:
        out[rng.randrange(len(out))] = rng.choice(b" \n\t:-[]{}&*!|>'\"#%@`,?0129.eaZ\\\x00\xff")
    return bytes(out)


def _delete_line(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def _repeat_line(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"".join(lines)


def _swap_lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = rng.sample(range(len(lines)), 2)
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _indent_line(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        at = rng.randrange(len(lines))
        lines[at] = rng.choice([b" ", b"  ", b"\t", b""]) + (
            lines[at] if rng.random() < 0.6 else lines[at].lstrip()
        )
    return b"".join(lines)


def _insert_token(rng: random.Random, content: bytes) -> bytes:
    at = rng.randint(0, len(content))
    return content[:at] + rng.choice(TOKENS).encode() + content[at:]


def _replace_word(rng: random.Random, content: bytes) -> bytes:
    words = content.split(b" ")
    words[rng.randrange(len(words))] = rng.choice(TOKENS).encode()
    return b" ".join(words)


def _swap_words(rng: random.Random, content: bytes) -> bytes:
    words = content.split(b" ")
    if len(words) > 1:
        one, other = rng.sample(range(len(words)), 2)
        words[one], words[other] = words[other], words[one]
    return b" ".join(words)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def _double(rng: random.Random, content: bytes) -> bytes:
    return content + content[rng.randint(0, len(content)) :]


_MUTATIONS = [
    _flip_bits, _other_byte, _delete_line, _delete_line, _repeat_line, _swap_lines, _indent_line,
    _insert_token, _replace_word, _replace_word, _swap_words, _cut, _double,
]  # fmt: skip


def _heap(rng: random.Random) -> bytes:
    return "".join(
        rng.choice(TOKENS) + rng.choice(["", "", " ", "\n", ": "]) for _ in range(rng.randint(1, 40))
    ).encode()


def _policy_like(rng: random.Random) -> bytes:
    """A policy of the right shape whose names and values are right most of the time."""

    def mostly(right: object, *wrong: object) -> object:
        return (
            right
            if rng.random() < 0.93
            else rng.choice([*wrong, None, True, 7, -0.5, "", [], {}, "x", [None]])
        )

    def stage() -> object:
        return mostly(
            rng.choice(["Production", "Staging", "Archived", "Canary"]),
            "None",
            "production",
            "Prodction",
            "v1",
        )

    def number() -> object:
        return mostly(rng.choice([0, 0.0, 0.5, 0.7, 1, -1, 1e-9, 1e300]), "0.7", "70%", float("inf"), 10**30)

    def parameters(gate: str) -> object:
        span = mostly(rng.choice(["24h", "0s", "1w2d", "1s", "99999w"]), "1 day", "h", 24, "9" * 40 + "w")
        metrics = {
            rng.choice(["roc_auc", "log_loss", "", "own"]): {rng.choice(["at_least", "at_most"]): number()}
        }
        compared = {
            "roc_auc": {rng.choice(["may_lose_at_most", "better_than_champion_by"]): number()},
            "first_champion": mostly("allow", "deny", "maybe"),
        }
        tag = rng.choice(
            ["present", {"equals": ""}, {"matches": ".*"}, {"matches": "(a+)+$"}, {"one_of": ["a", ""]}]
        )
        known = {
            "metric_threshold": metrics, "champion_comparison": compared, "staging_dwell": span,
            "freshness": span, "required_tags": {rng.choice(["owner", "", "of"]): tag},
            "signature": {"columns": []}, "input_example": {},
            "lineage": {"dataset": rng.random() < 0.5, "commit": rng.random() < 0.5},
        }  # fmt: skip
        return mostly(known.get(gate, {}), metrics, span)

    def entry() -> object:
        gate = rng.choice(GATES)
        if rng.random() < 0.25:
            return mostly(gate, "signatur")
        found = {gate if rng.random() < 0.97 else "unheard_of": parameters(gate)}
        if rng.random() < 0.3:
            found["enforcement"] = mostly(rng.choice(["mandatory", "advisory", "overridable"]), "Advisory")
            if found["enforcement"] == "overridable":
                found["by"] = mostly(["somebody"], "somebody")
        if rng.random() < 0.1:
            found["name"] = mostly("a name", "n" * 200)
        return found

    def promotion() -> object:
        found = {"to": stage(), "gates": mostly([entry() for _ in range(rng.randint(1, 4))])}
        if rng.random() < 0.6:
            found["from"] = stage()
        if rng.random() < 0.2:
            found["archive_existing"] = mostly(True, "yes")
        return mostly(found)

    policy = {
        "policy": mostly("random", "two words"),
        "models": mostly(
            [rng.choice(["lead_scoring_*", "*", "[a-z]*", "lead_scoring_model"])], ["[z-a]"], ["*" * 300]
        ),
        "promotions": mostly([promotion() for _ in range(rng.randint(1, 3))]),
    }
    if rng.random() < 0.2:
        policy["rollback"] = mostly({"gates": [entry()]})
    if rng.random() < 0.2:
        policy["aliases"] = mostly(["shadow"], ["latest"])
    if rng.random() < 0.5:
        return json.dumps(policy).encode()
    return yaml.safe_dump(policy, default_flow_style=rng.choice([None, True, False]), width=200).encode()

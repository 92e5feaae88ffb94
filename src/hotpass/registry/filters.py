"""MLflow's filter strings."""

from __future__ import annotations


def name_is(model: str) -> str:
    """A filter for versions of `model`; compare the names of what comes back as well.

    MLflow takes off the outer quotes and knows no escape inside them, so a name with one kind of quote goes
    into the other kind; in one with both, the double quote becomes LIKE's wildcard for one character.
    """
    if "'" not in model:
        return f"name='{model}'"
    if '"' not in model:
        return f'name="{model}"'
    return 'name LIKE "' + model.replace('"', "_") + '"'

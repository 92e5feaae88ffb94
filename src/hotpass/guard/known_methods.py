"""What a guarded store must know of the MLflow class that it stands on: every public method, as guarded or as
passing.

MLflow adds methods to its stores in every other release. One that nobody has looked at could change what
serves past the guard, so a guarded store does not start on it. The lists are in files of their own:
`known_registry_methods.py` for the model registry, `known_tracking_methods.py` for tracking.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotpass.errors import CallError


@dataclass(frozen=True, slots=True)
class KnownMethods:
    """The public methods of one kind of store, over all MLflow versions that Hotpass supports.

    `guarded` are overridden by the guarded store; `passing` go to MLflow as they are, either because they
    only read, or because what they write is no business of the guard's, or because they do it through a
    guarded one.
    """

    #: What the store is called in the error: "model registry".
    store: str
    guarded: frozenset[str]
    passing: frozenset[str]


def check_known(cls: type, known: KnownMethods) -> None:
    """Raises CallError where `cls`, a guarded store's class, has a public method that `known` does not name,
    or does not override one that is to be guarded.

    Properties count as methods. A method that this MLflow does not have yet, or any more, is no error.
    """
    methods = {name for name in dir(cls) if not name.startswith("_") and _does_something(cls, name)}
    unknown = sorted(methods - known.guarded - known.passing)
    if unknown:
        from mlflow import __version__

        raise CallError(
            f"MLflow {__version__} has a {known.store} store with methods that this version of Hotpass does "
            f"not know: {', '.join(unknown)}. They might change what serves past the guard, so it does not "
            "start. Upgrade Hotpass (pip install --upgrade hotpass); if there is no newer one, use an older "
            "MLflow and report this."
        )
    bare = sorted(name for name in methods & known.guarded if not _is_ours(cls, name))
    if bare:
        raise CallError(
            f"{cls.__name__} is to guard {', '.join(bare)} and does not. This is a fault of Hotpass."
        )


def _does_something(cls: type, name: str) -> bool:
    found = getattr(cls, name)
    return callable(found) or isinstance(found, property)


def _is_ours(cls: type, name: str) -> bool:
    owner = next(base for base in cls.__mro__ if name in vars(base))
    return owner.__module__.startswith("hotpass.")

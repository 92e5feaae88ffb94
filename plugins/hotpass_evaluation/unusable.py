"""The one exception that travels from a worker to the gate that started it."""

from __future__ import annotations


class Unusable(Exception):
    """The data or a model cannot be used as the policy asks. The message says why and what to do; the gate
    fails with it.
    """

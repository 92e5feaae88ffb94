"""Checks plugins for what their own tests forget: what `hotpass plugins check` does.

Everything that belongs to a plugin runs in a process of its own (`worker.py`), so that one that never comes
to an end, or that ends the process, is found out like any other. `checking.py` tells that process what to do,
`gate_trials.py` and `hook_trials.py` say what is tried, `candidates.py` on whom.
"""

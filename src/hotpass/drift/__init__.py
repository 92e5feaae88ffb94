"""Where registry, artifacts or ledger are unlike the record. `scanning.py` has the whole of it, in order."""

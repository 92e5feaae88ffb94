"""Cases: what a policy should say of candidates that are given as data, in a `NAME.cases.yaml` beside it."""

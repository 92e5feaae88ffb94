"""The default scorer: answers `hotpass_score` for what no other plugin has claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpass.hookspecs import hookimpl

if TYPE_CHECKING:
    from hotpass.requests import ScoringRequest


@hookimpl(trylast=True)
def hotpass_score(request: ScoringRequest) -> Any:
    """Scores with a scikit-learn classifier or a LeadScorer; see `hotpass_scoring.scorer`."""
    from hotpass_scoring.scorer import score

    return score(request)

"""The bypass matrix: every way around the guard that we know, the setting it is tried in, and what must hold.
"""

from __future__ import annotations

from support.bypass.approving import APPROVALS
from support.bypass.evidence import EVIDENCE
from support.bypass.files import FILES
from support.bypass.http_tricks import HTTP
from support.bypass.ledger import LEDGER
from support.bypass.moving import MOVING
from support.bypass.registry import REGISTRY
from support.bypass.together import TOGETHER

#: What a policy allows comes last, since it changes the setting.
ATTACKS = (*MOVING, *REGISTRY, *EVIDENCE, *FILES, *LEDGER, *APPROVALS, *HTTP, *TOGETHER)

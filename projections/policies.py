"""The policies of the domain, under the name that the projections know them by."""

from domain.policies import *  # noqa: F403
from domain.policies import (  # noqa: F401
    DEFAULT_POLICIES,
    DEFAULT_POLICY,
    DEFAULT_SETTINGS,
    READ_ONLY,
    SLA_HOURS,
    SYSTEM_OF_RECORD,
    InForce,
    Policies,
    PolicyRefused,
    Settings,
    Version,
    merged,
    version_of,
)

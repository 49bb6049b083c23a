"""
Targets: the only place where anything outside this process is read or written.

Drivers are imported when a target of their kind connects, so importing this package is cheap.
"""

from .kinds import KINDS, settings_type
from .pool import TargetPool
from .redaction import Redactor
from .secrets import SecretStore

__all__ = ["KINDS", "Redactor", "SecretStore", "TargetPool", "settings_type"]

"""The planner: (Runbook, Inventory) → Plan, and (Run) → the Plan that undoes it."""

from .planner import Planner
from .wayback import plan_undo

__all__ = ["Planner", "plan_undo"]

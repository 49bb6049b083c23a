"""From the content of YAML files to runbooks and inventories; all problems of a file at once, with their places."""

from .inventory import parse_inventory
from .runbook import parse_runbook
from .schemas import inventory_schema, runbook_schema

__all__ = ["inventory_schema", "parse_inventory", "parse_runbook", "runbook_schema"]

"""
From the content of YAML files to runbooks and inventories; all problems of a file at once, with their places.

`head`, `runbook`, `inventory` and `schemas` are imported by whoever needs them: a list of runbooks needs no actions.
"""

"""The forum of `examples/forum`: built, served, written to, broken by a deploy, and looked at afterwards."""

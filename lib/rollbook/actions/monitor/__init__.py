"""Kinds that look how a system fares over a time: what its logs say, and numbers that must stay within a limit."""

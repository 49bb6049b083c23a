"""What Open edX stores of a course: keys, structures, the ledger and its history. Pure; no I/O, no drivers."""

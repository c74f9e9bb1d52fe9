"""The receiver: verify, store, answer. No task code, no ledger."""

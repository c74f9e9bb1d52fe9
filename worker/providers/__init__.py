"""Payment providers: payloads to ledger changes, one folder each."""

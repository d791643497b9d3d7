"""One small idempotent handler per step kind: observe, act only where needed, read back."""

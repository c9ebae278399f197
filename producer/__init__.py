"""Finds recordings, keeps the ledger and tops up the queue."""

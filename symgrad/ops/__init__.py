"""The operations: one class for each, the only place that knows it."""

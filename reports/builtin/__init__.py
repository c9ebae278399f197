"""The built-in reports: what a quality manager asks of the stored calls."""

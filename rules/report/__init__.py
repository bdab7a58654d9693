"""This package makes the report of a job, of a tuning job, or of two jobs: first as data, then as an HTML page."""

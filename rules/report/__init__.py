"""The report of a job, of a tuning job, or of two jobs side by side: first as data, then as an HTML page."""

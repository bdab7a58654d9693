"""The commands of `kennel`, one module a verb: `plan` returns the requests that --dry-run prints, `run` does the work."""

"""What a person runs: each module with a `main` is one command, `python -m scripts.NAME --help`."""

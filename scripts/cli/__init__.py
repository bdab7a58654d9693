"""The command line: arguments, the configuration they make, and what is shown on the terminal."""

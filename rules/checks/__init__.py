"""This package holds the rules: what each looks for, with which parameters, and how one is evaluated over a job."""

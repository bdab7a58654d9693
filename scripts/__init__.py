"""The launchers: `kennel VERB`, or `python -m scripts VERB`, runs the module of that name in verbs/."""

"""What a person's own script or handler is given, wherever it runs: names, /opt/ml, packages, and what older versions had."""

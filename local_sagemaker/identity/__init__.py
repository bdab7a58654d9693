"""IAM roles and STS: who a caller is."""

"""Batch transform: objects of S3 sent through a model's container, and the answers stored in S3."""

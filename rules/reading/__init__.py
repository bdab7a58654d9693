"""Readers of what a job saves: tensors, system metrics, timelines, archives, in a folder or below an S3 prefix."""

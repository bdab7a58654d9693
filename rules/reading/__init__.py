"""This package reads what a job saves: tensors, system metrics, timelines and archives, in a folder or below an S3 prefix."""

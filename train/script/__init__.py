"""A person's own training script, run as SageMaker's script mode runs it."""

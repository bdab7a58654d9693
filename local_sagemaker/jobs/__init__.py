"""Training, processing and tuning jobs, and the rules of training jobs."""

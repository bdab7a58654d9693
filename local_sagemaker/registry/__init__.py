"""Amazon ECR, and the image registry that docker pushes to."""

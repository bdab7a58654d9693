"""CloudWatch Logs over HTTP, on what storage keeps."""

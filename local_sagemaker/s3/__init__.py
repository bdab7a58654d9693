"""Amazon S3 over HTTP, on what storage keeps."""

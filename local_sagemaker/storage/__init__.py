"""What the server keeps on disk: records, objects, log lines and images. It speaks no protocol."""

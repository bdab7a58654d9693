"""The endpoint's port: its connections, what HTTP allows on them, and one exchange of a request and its answer."""

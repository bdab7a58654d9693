"""The container images of this project, and the Docker engine that builds, runs and pushes them."""

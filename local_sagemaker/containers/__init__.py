"""Containers of jobs and endpoints: started as processes or in Docker, their files, what they print."""

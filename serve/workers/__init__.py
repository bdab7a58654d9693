"""Worker processes: their starts and ends, the frames that they are sent, and which of them takes a request next."""

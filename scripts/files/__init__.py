"""Files on this machine: sets of pictures, downloads, archives, and the state that a checkout remembers."""

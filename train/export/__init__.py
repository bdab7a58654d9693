"""The model artefact that a finished training leaves, in the formats that serving loads."""

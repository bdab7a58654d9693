"""`python -m train.salvage`: makes an artefact from a network that was pickled whole, and runs nothing that the file holds."""

"""What Kennel's programs and launchers agree on, and nothing else.

The rooms `train`, `serve` and `scripts` meet only here: the /opt/ml layout, the model artefact and its archive, the
preprocessing both sides run, and the table of metrics. Standard library, numpy and Pillow; importing it is cheap.
"""

"""What Kennel's programs and launchers agree on, and nothing else.

The rooms `train`, `serve`, `rules` and `scripts` meet only here: the /opt/ml layout, the model artefact and its archive, the
preprocessing both sides run, the table of metrics, and the names that one of them writes and another reads. It needs the
standard library, numpy and Pillow; only what handles pictures imports these two.
"""

"""The model artefact that a finished training leaves, in the formats that serving loads.

OpenVINO and NNCF report their use to their makers where the package openvino_telemetry can be found; here it cannot.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # what stops an import has no type

"""What a model can be exported for."""

from typing import Literal

Target = Literal["frigate", "mediapipe", "python", "c-array"]
"""What a model is exported for: Frigate, MediaPipe Tasks, a Python script, or C++."""

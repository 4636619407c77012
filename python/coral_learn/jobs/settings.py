"""What a user can choose about training: the method and the settings of SGD."""

from dataclasses import dataclass
from typing import Literal

Method = Literal["sgd", "fit", "imprint"]
"""``sgd`` is the recipe of Coral's tutorial, ``fit`` trains a head until it has converged and
chooses the regularization itself, and ``imprint`` takes the mean direction of each class, for a few
photos."""


@dataclass(frozen=True)
class SgdSettings:
    """The settings of ``method="sgd"``; the defaults are those of Coral's tutorial.

    Attributes:
        iterations: The number of gradient steps.
        learning_rate: The size of a gradient step.
        batch_size: The number of photos in a gradient step.
        weight_scale: The standard deviation of the initial weights.

    Examples:
        >>> from coral_learn import SgdSettings, retrain
        >>> settings = SgdSettings(iterations=200, learning_rate=0.02)
        >>> retrain("photos", "extractor.tflite", "sgd", method="sgd", sgd=settings).model.name
        'retrained_model.tflite'
    """

    iterations: int = 500
    learning_rate: float = 0.01
    batch_size: int = 100
    weight_scale: float = 0.05


TUTORIAL_RECIPE = SgdSettings()

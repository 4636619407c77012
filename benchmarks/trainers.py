"""The same training with this package and with other libraries.

Each trainer takes a case and returns a training that always starts from the same weights: plain
stochastic gradient descent on the mean cross entropy of random batches, drawn with replacement, in
float32. The trainer for scikit-learn differs, as its docstring explains.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coral_learn import SoftmaxRegression
from coral_learn.machine import usable_cpus

from .synthetic import Stored, cross_entropy, labeled_embeddings

Floats = NDArray[np.float32]
Training = Callable[[], tuple[Floats, Floats]]
"""Trains once and returns (weights [D, C], biases [C])."""

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Case:
    """A training to time.

    Attributes:
        classes: C.
        features: D.
        stored: The type of the embeddings for this package; the others always read float32.
        rows: N.
        iterations: Batches trained on.
        batch: Rows in a batch.
    """

    classes: int
    features: int
    stored: Stored = "float32"
    rows: int = 1024
    iterations: int = 500
    batch: int = 100

    def __str__(self) -> str:
        return f"{self.classes}:{self.features}"

    @property
    def flops(self) -> int:
        """Floating-point operations of the two matrix products, over all iterations."""
        return 4 * self.iterations * self.batch * self.features * self.classes


Trainer = Callable[[Case], Training]


def train_ours(case: Case) -> Training:
    """Trains with this package."""
    embeddings, labels = labeled_embeddings(case.rows, case.features, case.classes, case.stored)
    data = {"data_train": embeddings, "labels_train": labels}
    start = start_weights(case)
    head = SoftmaxRegression(case.features, case.classes, seed=0)

    def train() -> tuple[Floats, Floats]:
        head.weights, head.biases = start, np.zeros(case.classes, np.float32)
        head.train_with_sgd(data, case.iterations, LEARNING_RATE, case.batch, print_every=0)
        return head.weights, head.biases

    return train


def train_with_numpy(case: Case) -> Training:
    """Trains with well-written NumPy code."""
    x, y = arrays(case)
    start = start_weights(case)
    each = np.arange(case.batch)

    def train() -> tuple[Floats, Floats]:
        generator = np.random.default_rng(0)
        weights, biases = start.copy(), np.zeros(case.classes, np.float32)
        for _ in range(case.iterations):
            rows = generator.integers(case.rows, size=case.batch)
            batch = x[rows]
            scores = batch @ weights
            scores += biases
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
            scores[each, y[rows]] -= 1
            scores *= -LEARNING_RATE / case.batch
            weights += batch.T @ scores
            biases += scores.sum(axis=0)
        return weights, biases

    return train


def train_with_pytorch(case: Case) -> Training:
    """Trains with PyTorch as usual: a Linear layer, autograd and the SGD optimizer."""
    import torch

    x, y = (torch.from_numpy(values) for values in arrays(case))
    start = torch.from_numpy(start_weights(case).T.copy())

    def train() -> tuple[Floats, Floats]:
        generator = torch.Generator().manual_seed(0)
        layer = torch.nn.Linear(case.features, case.classes)
        with torch.no_grad():
            layer.weight.copy_(start)
            layer.bias.zero_()
        optimizer = torch.optim.SGD(layer.parameters(), LEARNING_RATE)
        for _ in range(case.iterations):
            rows = torch.randint(case.rows, (case.batch,), generator=generator)
            loss = torch.nn.functional.cross_entropy(layer(x[rows]), y[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        return layer.weight.detach().numpy().T, layer.bias.detach().numpy()

    return train


def train_with_scikit_learn(case: Case) -> Training:
    """Trains with SGDClassifier of scikit-learn, on as many rows.

    It trains one class after the other on one row at a time, without batches or softmax: the amount
    of work is the same, but the resulting head is not.
    """
    from sklearn.linear_model import SGDClassifier

    x, y = arrays(case)
    model = SGDClassifier(
        loss="log_loss",
        alpha=0.0,
        learning_rate="constant",
        eta0=LEARNING_RATE,
        max_iter=max(1, round(case.iterations * case.batch / case.rows)),
        tol=None,
        n_jobs=usable_cpus(),
        random_state=0,
    )

    def train() -> tuple[Floats, Floats]:
        model.fit(x, y)
        return model.coef_.T, model.intercept_

    return train


def loss_lowered(trainer: Trainer, case: Case) -> float:
    """Returns by how much a training lowers the mean cross entropy over all rows."""
    x, y = arrays(case)
    start = cross_entropy(x @ start_weights(case), y)
    weights, biases = trainer(case)()
    return start - cross_entropy(x @ weights + biases, y)


def arrays(case: Case) -> tuple[Floats, NDArray[np.int64]]:
    embeddings, labels = labeled_embeddings(case.rows, case.features, case.classes, "float32")
    return np.array(embeddings, np.float32), labels


def start_weights(case: Case) -> Floats:
    generator = np.random.default_rng(1)
    shape = (case.features, case.classes)
    return generator.standard_normal(shape, np.float32) * np.float32(0.05)

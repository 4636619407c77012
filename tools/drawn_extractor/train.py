"""Draws pictures, trains the drawn extractor on them and writes it as a uint8 ``.tflite`` file.

The same seed gives the same file on one machine with one thread count. See README.md.
"""

import argparse
import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pictures import KINDS, PICTURE_SIZE, draw_picture
from to_tflite import QuantizedConvolution, extractor_content
from torch import Tensor, nn
from torch.nn import functional

from coral_learn.demo.drawing import TEXTURES

LAYERS = (  # kernel, features, stride
    (3, 16, 2),
    (3, 32, 2),
    (3, 48, 1),
    (3, 64, 2),
    (3, 80, 1),
    (3, 96, 2),
    (3, 128, 1),
    (1, 256, 1),
)
MAX_ACTIVATION = (6.0,) * 7 + (3.0,)
"""Activations are clipped at these values, so their quantization ranges are known in advance."""
EMBEDDING_GAIN = 4.0
"""The scale of the embedding is arbitrary; this one suits SGD with a learning rate of 0.01."""
IMAGE_SCALE, IMAGE_ZERO_POINT = 1 / 128, 128
CROP_SIZE = 72
COLOURS = 4**3
EDGES = 1 + 2 * 8
DESCRIPTION = (
    "coral-learn drawn extractor: uint8 image to uint8 embedding. Trained by the coral-learn "
    "project on pictures drawn by a program (tools/drawn_extractor); no photo was used. "
    "Licence: Apache-2.0."
)


class Extractor(nn.Module):
    """The network in floating point, with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        features = [3, *(f for _, f, _ in LAYERS)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(features[i], f, k, s, bias=False) for i, (k, f, s) in enumerate(LAYERS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(f) for f in features[1:])

    def forward(self, images: Tensor) -> Tensor:
        """Embeds uint8 images [N, 3, H, W] as float32 [N, D]."""
        x = _real(images)
        for conv, norm, largest in zip(self.convolutions, self.norms, MAX_ACTIVATION, strict=True):
            x = norm(conv(_padded(x, conv.kernel_size[0], conv.stride[0])))
            x = functional.hardtanh(x, 0.0, largest)
        return x.mean(dim=(2, 3))


class QuantizedExtractor(nn.Module):
    """The network with the norms folded into the weights, and the rounding of the uint8 model."""

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for conv, norm in zip(extractor.convolutions, extractor.norms, strict=True):
            gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
            self.weights.append(conv.weight.detach() * gain[:, None, None, None])
            self.biases.append(norm.bias.detach() - norm.running_mean * gain)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds uint8 images [N, 3, H, W] as float32 [N, D]."""
        x = _real(images)
        for weights, bias, (kernel, _, stride), largest in zip(
            self.weights, self.biases, LAYERS, MAX_ACTIVATION, strict=True
        ):
            scale, zero_point = _weight_range(weights)
            steps = (_rounded(weights / scale) + zero_point).clamp(0, 255) - zero_point
            x = functional.conv2d(_padded(x, kernel, stride), steps * scale, bias, stride)
            x = _in_steps(functional.hardtanh(x, 0.0, largest), largest / 255)
        return _in_steps(x.mean(dim=(2, 3)), MAX_ACTIVATION[-1] / 255)

    def quantized(self) -> list[QuantizedConvolution]:
        """Returns the layers with the numbers that the uint8 model stores."""
        layers = []
        for i, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            scale, zero_point = _weight_range(weights)
            stored = (torch.round(weights / scale) + zero_point).clamp(0, 255)
            gain = EMBEDDING_GAIN if i == len(LAYERS) - 1 else 1.0
            layers.append(
                QuantizedConvolution(
                    weights=stored.permute(0, 2, 3, 1).detach().numpy().astype(np.uint8),
                    weight_scale=float(scale) * gain,
                    weight_zero_point=int(zero_point),
                    bias=bias.detach().numpy() * np.float32(gain),
                    stride=LAYERS[i][2],
                    output_scale=MAX_ACTIVATION[i] / 255 * gain,
                )
            )
        return layers


class Heads(nn.Module):
    """The classifiers of the training, which predict the kind and the look from the embedding."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.kind = nn.Linear(features, len(KINDS))
        self.background = nn.Linear(features, len(TEXTURES))
        self.body = nn.Linear(features, len(TEXTURES))
        self.crowd = nn.Linear(features, 3)
        self.colours = nn.Linear(features, COLOURS)
        self.edges = nn.Linear(features, EDGES)
        self.coarse_edges = nn.Linear(features, EDGES)

    def loss(self, embeddings: Tensor, pictures: Tensor, labels: list[Tensor]) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            embeddings: The embeddings of the batch, float32 [N, D].
            pictures: The pictures, uint8 [N, 3, H, W].
            labels: The other fields of Picture, from ``kind`` on.
        """
        kind, background, body, crowd = labels
        grey = pictures.float().mean(dim=1)
        cross_entropy = functional.cross_entropy
        described = (
            cross_entropy(self.background(embeddings), background)
            + cross_entropy(self.body(embeddings), body)
            + cross_entropy(self.crowd(embeddings), crowd)
            + cross_entropy(self.colours(embeddings), colour_shares(pictures))
            + cross_entropy(self.edges(embeddings), edge_shares(grey))
            + cross_entropy(self.coarse_edges(embeddings), edge_shares(_third(grey)))
        )
        return cross_entropy(self.kind(embeddings), kind, label_smoothing=0.05) + 0.3 * described


def colour_shares(pictures: Tensor) -> Tensor:
    """Returns the share of each colour in uint8 pictures [N, 3, H, W], as [N, COLOURS]."""
    red, green, blue = (pictures >> 6).long().flatten(2).unbind(1)
    return _shares(red * 16 + green * 4 + blue, COLOURS)


def edge_shares(grey: Tensor) -> Tensor:
    """Returns the share of each kind of edge in pictures [N, H, W] of 0 to 255, as [N, EDGES].

    The kinds are no edge, then weak and strong ones in eight directions.
    """
    x, y = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2], grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    strength = torch.hypot(x, y)
    direction = (torch.atan2(y, x) * (8 / torch.pi)).round().long() % 8
    edges = 1 + direction + 8 * (strength > 80).long()
    return _shares(torch.where(strength > 20, edges, 0).flatten(1), EDGES)


def _third(grey: Tensor) -> Tensor:
    return functional.avg_pool2d(grey[:, None], 3)[:, 0]


def _shares(bins: Tensor, count: int) -> Tensor:
    shares = torch.zeros(len(bins), count)
    return shares.scatter_add_(1, bins, torch.ones(bins.shape) / bins.shape[1])


def _real(images: Tensor) -> Tensor:
    pixels = images.float() - IMAGE_ZERO_POINT
    return (pixels * IMAGE_SCALE).contiguous(memory_format=torch.channels_last)


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pads like TFLite's SAME for an even size: on both sides, or only at the end."""
    total = kernel - stride if kernel > 1 else 0
    before = total // 2
    return functional.pad(x, (before, total - before, before, total - before))


def _weight_range(weights: Tensor) -> tuple[Tensor, Tensor]:
    low, high = weights.detach().min().clamp(max=0), weights.detach().max().clamp(min=0)
    scale = (high - low) / 255
    return scale, torch.round(-low / scale)


def _rounded(x: Tensor) -> Tensor:
    """Rounds, and passes gradients through unchanged (straight-through estimator)."""
    return x + (torch.round(x) - x).detach()


def _in_steps(x: Tensor, step: float) -> Tensor:
    return _rounded(x / step) * step


def draw_pictures(seed: int, count: int) -> list[NDArray[np.generic]]:
    """Draws pictures 0 to ``count`` - 1; returns the fields of Picture as one array each."""
    with multiprocessing.get_context("fork").Pool() as pool:
        jobs = [(seed, number) for number in range(count)]
        drawn = pool.starmap(draw_picture, jobs, chunksize=64)
    return [np.stack(field) for field in zip(*drawn, strict=True)]


def train(
    extractor: nn.Module,
    heads: Heads,
    data: list[Tensor],
    *,
    epochs: int,
    learning_rate: float,
    crops: bool,
    batch: int = 64,
) -> None:
    """Trains both networks with AdamW and a one-cycle learning rate.

    Args:
        extractor: Embeds uint8 images [N, 3, H, W] as float32 [N, D].
        heads: Describes pictures by their embeddings.
        data: The fields of Picture, one tensor each.
        epochs: How often each picture is shown.
        learning_rate: The maximum learning rate.
        crops: Whether to train on a random square of each picture, in bfloat16, which takes a
            fifth of the time.
        batch: The number of pictures in a step.
    """
    images, *labels = data
    steps = epochs * (len(images) // batch)
    parameters = [*extractor.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.15
    )
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        order = torch.randperm(len(images))
        for rows in order[: len(order) // batch * batch].split(batch):
            pictures = images[rows]
            if torch.rand(()) < 0.5:
                pictures = pictures.flip(3)
            if crops:
                pictures = _cropped(pictures)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=crops):
                embeddings = extractor(pictures)
            loss = heads.loss(embeddings.float(), pictures, [t[rows] for t in labels])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        mean, seconds = total / (len(order) // batch), time.perf_counter() - started
        print(f"epoch {epoch + 1}: loss {mean:.3f}, {seconds:.0f} s", flush=True)


def _cropped(pictures: Tensor) -> Tensor:
    side = int(torch.randint(64, PICTURE_SIZE + 1, ()))
    y, x = torch.randint(0, PICTURE_SIZE - side + 1, (2,)).tolist()
    crop = pictures[:, :, y : y + side, x : x + side]
    return functional.interpolate(crop, (CROP_SIZE, CROP_SIZE), mode="bilinear", antialias=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="where to write the .tflite file")
    parser.add_argument("--pictures", type=int, default=57600)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--quantized-epochs", type=int, default=1)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="number of threads; another number may give another file",
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    pixels, *labels = draw_pictures(arguments.seed, arguments.pictures)
    data = [torch.from_numpy(pixels).permute(0, 3, 1, 2), *map(torch.from_numpy, labels)]
    print(f"{len(pixels)} pictures of {len(KINDS)} kinds", flush=True)

    extractor, heads = Extractor(), Heads(LAYERS[-1][1])
    extractor.to(memory_format=torch.channels_last)
    train(extractor, heads, data, epochs=arguments.epochs, learning_rate=3e-3, crops=True)
    quantized = QuantizedExtractor(extractor)
    train(
        quantized, heads, data, epochs=arguments.quantized_epochs, learning_rate=3e-4, crops=False
    )
    content = extractor_content(
        quantized.quantized(),
        image_size=PICTURE_SIZE,
        image_scale=IMAGE_SCALE,
        image_zero_point=IMAGE_ZERO_POINT,
        description=DESCRIPTION,
    )
    arguments.output.write_bytes(content)
    print(f"{arguments.output}: {len(content)} bytes")


if __name__ == "__main__":
    main()

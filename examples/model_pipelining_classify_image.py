r"""Classifies a photo with a model that was cut into segments, each on an Edge TPU of its own.

    python model_pipelining_classify_image.py \
        --models inception_v3_299_quant_segment_%d_of_2_edgetpu.tflite \
        --labels imagenet_labels.txt \
        --input parrot.jpg

The flags are those of pycoral's example with this name. edgetpu_compiler --num_segments=2 cuts a
model. Segments that were not compiled for the Edge TPU run on the CPU.
"""

import argparse
import re
import sys
import time

import numpy as np
from PIL import Image, ImageOps

from coral_learn.pycoral.adapters import classify, common
from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner
from coral_learn.pycoral.utils.dataset import read_label_file
from coral_learn.pycoral.utils.edgetpu import list_edge_tpus, make_interpreter


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--models", required=True, help="the .tflite files, with %%d instead of their number"
    )
    parser.add_argument("-i", "--input", required=True, help="photo")
    parser.add_argument("-l", "--labels", help="label file")
    parser.add_argument("-k", "--top_k", type=int, default=1, help="most classes to print")
    parser.add_argument("-t", "--threshold", type=float, default=0.0, help="lowest score to print")
    parser.add_argument("-c", "--count", type=int, default=5, help="number of times to run")
    args = parser.parse_args()

    labels = read_label_file(args.labels) if args.labels else {}
    paths = segment_paths(args.models)
    are_compiled = args.models.endswith("_edgetpu.tflite")
    devices = edge_tpu_names(len(paths)) if are_compiled else [None] * len(paths)
    interpreters = [make_interpreter(*each) for each in zip(paths, devices, strict=True)]
    for interpreter in interpreters:
        interpreter.allocate_tensors()
    if common.input_details(interpreters[0], "dtype") != np.uint8:
        raise ValueError(f"{paths[0]} does not take images of uint8, as models for Coral do")

    with Image.open(args.input) as photo:
        size = common.input_size(interpreters[0])
        image = np.asarray(ImageOps.exif_transpose(photo).convert("RGB").resize(size))
    name = common.input_details(interpreters[0], "name")
    runner = PipelinedModelRunner(interpreters)
    start = time.perf_counter()
    for _ in range(max(1, args.count)):
        runner.push({name: image})
    runner.push({})  # no more images follow
    results = 0
    while (result := runner.pop()) is not None:
        results, last = results + 1, result
    print(f"{(time.perf_counter() - start) / results * 1000:.1f} ms an image")

    scores = dequantized(last, interpreters[-1].get_output_details()[0])
    for answer in classify.get_classes_from_scores(scores, args.top_k, args.threshold):
        print(f"{labels.get(answer.id, answer.id)}: {answer.score:.5f}")


def segment_paths(template: str) -> list[str]:
    """Returns the path of each segment."""
    found = re.search(r"_segment_%d_of_(\d+)", template)
    if found is None:
        raise ValueError(
            f"{template} does not tell the number of segments: "
            "use a name like model_segment_%d_of_2_edgetpu.tflite"
        )
    return [template.replace("%d", str(number)) for number in range(int(found[1]))]


def edge_tpu_names(count: int) -> list[str]:
    """Returns the names of so many Edge TPUs, those on PCI first."""
    kinds = sorted(device["type"] for device in list_edge_tpus())
    if len(kinds) < count:
        raise RuntimeError(
            f"{count} segments need {count} Edge TPUs, but {len(kinds)} were found: plug in more, "
            "or use a model with fewer segments"
        )
    names = [f"{kind}:{n}" for kind in ("pci", "usb") for n in range(kinds.count(kind))]
    return names[:count]


def dequantized(result: dict[str, np.ndarray], details: dict) -> np.ndarray:
    """Returns the scores of the classes as real numbers."""
    scores = result[details["name"]].ravel()
    scale, zero_point = details["quantization"]
    return scale * (scores.astype(int) - zero_point) if scale else scores


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")

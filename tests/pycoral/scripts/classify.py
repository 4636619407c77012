"""A typical script for pycoral: classifies one photo."""

# ruff: noqa: UP031

import argparse
import time

import numpy as np
from PIL import Image
from pycoral.adapters import classify, common
from pycoral.utils.dataset import read_label_file
from pycoral.utils.edgetpu import make_interpreter


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("-i", "--input", required=True)
    parser.add_argument("-l", "--labels")
    parser.add_argument("-k", "--top_k", type=int, default=1)
    parser.add_argument("-t", "--threshold", type=float, default=0.0)
    args = parser.parse_args()

    labels = read_label_file(args.labels) if args.labels else {}
    interpreter = make_interpreter(*args.model.split("@"))
    interpreter.allocate_tensors()
    if common.input_details(interpreter, "dtype") != np.uint8:
        raise ValueError("Only support uint8 input type.")

    size = common.input_size(interpreter)
    image = Image.open(args.input).convert("RGB").resize(size, Image.ANTIALIAS)
    params = common.input_details(interpreter, "quantization_parameters")
    scale, zero_point = params["scales"], params["zero_points"]
    if abs(scale * 128.0 - 1) < 1e-5 and abs(128.0 - zero_point) < 1e-5:
        common.set_input(interpreter, image)
    else:
        pixels = (np.asarray(image) - 128.0) / (128.0 * scale) + zero_point
        common.set_input(interpreter, np.clip(pixels, 0, 255).astype(np.uint8))

    start = time.perf_counter()
    interpreter.invoke()
    classes = classify.get_classes(interpreter, args.top_k, args.threshold)
    print("%.1fms" % ((time.perf_counter() - start) * 1000))
    for c in classes:
        print("%s: %.5f" % (labels.get(c.id, c.id), c.score))


if __name__ == "__main__":
    main()

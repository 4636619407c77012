r"""Classifies a photo.

    python classify_image.py \
        --model retrained/retrained_model_edgetpu.tflite \
        --label retrained/label_map.txt \
        --input sunflower.jpg

The flags are those of the script with this name in Coral's tutorial. A model that coral-learn
retrained contains its labels, so it needs no --label.
"""

import argparse
import sys
import time

from PIL import Image

from coral_learn import Classifier, EdgeTpuError


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--model", required=True, help=".tflite file; FILE@usb:1 to choose a device"
    )
    parser.add_argument("-i", "--input", required=True, help="photo")
    parser.add_argument("-l", "--label", "--labels", help="label file")
    parser.add_argument("-k", "--top_k", type=int, default=1, help="most classes to print")
    parser.add_argument("-t", "--threshold", type=float, default=0.0, help="lowest score to print")
    parser.add_argument("-c", "--count", type=int, default=5, help="number of times to run")
    args = parser.parse_args()

    model, _, device = args.model.partition("@")
    with (
        Image.open(args.input) as photo,
        Classifier(model, labels=args.label, device=device or None) as classifier,
    ):
        for _ in range(max(1, args.count)):
            start = time.perf_counter()
            [classes] = classifier.classify([photo], top_k=args.top_k)
            print(f"{(time.perf_counter() - start) * 1000:.1f} ms")
    for answer in classes:
        if answer.score >= args.threshold:
            print(f"{answer.label}: {answer.score:.5f}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, EdgeTpuError) as error:
        sys.exit(f"error: {error}")

r"""Retrains the last layer of an image classifier on your own photos, on the device that runs it.

    python backprop_last_layer.py \
        --data_dir flower_photos \
        --embedding_extractor_path mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite \
        --output_dir retrained

The photos of each class are in a folder of their own: flower_photos/daisy, flower_photos/roses...
The flags are those of the script with this name in Coral's tutorial. Use classify_image.py to try
the new model.
"""

import argparse
import sys

from coral_learn import EdgeTpuError, retrain


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir", required=True, help="folder with one folder for each class")
    parser.add_argument(
        "--embedding_extractor_path", required=True, help="extractor, a .tflite file"
    )
    parser.add_argument(
        "--output_dir", default="/tmp/retrain/output", help="folder for the results"
    )
    args = parser.parse_args()

    result = retrain(
        args.data_dir, args.embedding_extractor_path, args.output_dir, progress=show_progress
    )
    print(f"Model {result.model} and label map {result.labels} saved.")
    if result.accuracy.test_saved is not None:
        print(f"Accuracy of the saved model on test photos: {result.accuracy.test_saved:.1%}")


def show_progress(stage: str, done: int, total: int) -> None:
    """Shows the progress of each stage in one line of the terminal."""
    print(f"\r{stage}: {done} of {total}", end="\n" if done == total else "", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, EdgeTpuError) as error:
        sys.exit(f"error: {error}")

r"""Detects objects in a photo, and draws boxes around them.

    python detect_image.py \
        --model mobilenet_ssd_v2_coco_quant_postprocess_edgetpu.tflite \
        --labels coco_labels.txt \
        --input photo.jpg \
        --output photo_with_boxes.jpg

The flags are those of pycoral's example with this name. A model that was not compiled for the Edge
TPU runs on the CPU.
"""

import argparse
import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from coral_learn.files import write_atomically
from coral_learn.pycoral.adapters import common, detect
from coral_learn.pycoral.utils.dataset import read_label_file
from coral_learn.pycoral.utils.edgetpu import make_interpreter


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--model", required=True, help=".tflite file; FILE@usb:1 to choose a device"
    )
    parser.add_argument("-i", "--input", required=True, help="photo")
    parser.add_argument("-l", "--labels", help="label file")
    parser.add_argument("-t", "--threshold", type=float, default=0.4, help="lowest score to show")
    parser.add_argument("-o", "--output", help="picture to write, the photo with boxes")
    parser.add_argument("-c", "--count", type=int, default=5, help="number of times to run")
    args = parser.parse_args()

    output_format = picture_format(args.output, args.input) if args.output else None
    labels = read_label_file(args.labels) if args.labels else {}
    path, _, device = args.model.partition("@")
    interpreter = make_interpreter(path, device or None)
    interpreter.allocate_tensors()
    if common.input_details(interpreter, "dtype") != np.uint8:
        raise ValueError(f"{path} does not take images of uint8, as detection models for Coral do")

    with Image.open(args.input) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    _, scale = common.set_resized_input(interpreter, photo.size, photo.resize)
    for _ in range(max(1, args.count)):
        start = time.perf_counter()
        interpreter.invoke()
        print(f"{(time.perf_counter() - start) * 1000:.1f} ms")
    objects = detect.get_objects(interpreter, args.threshold, scale)

    if not objects:
        print("no objects found")
    for found in objects:
        print(f"{labels.get(found.id, found.id)}: {found.score:.5f} at {tuple(found.bbox)}")
    if output_format:
        draw_objects(photo, objects, labels)
        write_picture(photo, args.output, output_format)


def draw_objects(
    picture: Image.Image, objects: list[detect.Object], labels: dict[int, str]
) -> None:
    """Draws the box, the label and the score of each object."""
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, min(picture.size) // 30))
    line = max(1, min(picture.size) // 200)
    for found in objects:
        if found.bbox.valid:
            draw.rectangle(tuple(found.bbox), outline="red", width=line)
            corner = (found.bbox.xmin + 2 * line, found.bbox.ymin + 2 * line)
            text = f"{labels.get(found.id, found.id)} {found.score:.2f}"
            draw.rectangle(draw.textbbox(corner, text, font), fill="red")
            draw.text(corner, text, "white", font)


def picture_format(output: str, photo: str) -> str:
    """Returns the format of the picture to write, or rejects its name before any work."""
    name = Image.registered_extensions().get(Path(output).suffix.lower())
    if name not in Image.SAVE:
        raise ValueError(f"{output} does not end like a picture: use .jpg or .png")
    if Path(output).resolve() == Path(photo).resolve():
        raise ValueError(f"{output} is the photo: choose another name for the output")
    return name


def write_picture(picture: Image.Image, output: str, name: str) -> None:
    """Writes a picture in the format of this name, completely or not at all."""
    content = io.BytesIO()
    picture.save(content, name)
    write_atomically(output, content.getvalue())
    print(f"Picture {output} saved.")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")

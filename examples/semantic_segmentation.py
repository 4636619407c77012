r"""Finds the class of each pixel of a photo, and shows the classes in colors beside the photo.

    python semantic_segmentation.py \
        --model deeplabv3_mnv2_pascal_quant_edgetpu.tflite \
        --input photo.jpg \
        --keep_aspect_ratio \
        --output photo_with_classes.png

The flags are those of pycoral's example with this name. A model that was not compiled for the Edge
TPU runs on the CPU.
"""

import argparse
import colorsys
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from coral_learn.files import write_atomically
from coral_learn.pycoral.adapters import common, segment
from coral_learn.pycoral.utils.edgetpu import make_interpreter


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", required=True, help=".tflite file; FILE@usb:1 to choose a device"
    )
    parser.add_argument("--input", required=True, help="photo")
    parser.add_argument(
        "--output",
        default="semantic_segmentation_result.jpg",
        help="picture to write (default: %(default)s)",
    )
    parser.add_argument(
        "--keep_aspect_ratio",
        action="store_true",
        help="fill up with black instead of stretching the photo, if the model was trained so",
    )
    args = parser.parse_args()

    output_format = picture_format(args.output, args.input)
    path, _, device = args.model.partition("@")
    interpreter = make_interpreter(path, device or None)
    interpreter.allocate_tensors()
    if common.input_details(interpreter, "dtype") != np.uint8:
        raise ValueError(f"{path} does not take images of uint8, as models for Coral do")

    with Image.open(args.input) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    size = common.input_size(interpreter)
    if args.keep_aspect_ratio:
        photo, _ = common.set_resized_input(interpreter, photo.size, photo.resize)
    else:
        photo = photo.resize(size)
        common.set_input(interpreter, photo)
    interpreter.invoke()

    classes = segment.get_output(interpreter)
    if classes.ndim == 3:  # a score of each class for each pixel
        classes = np.argmax(classes, axis=2)
    # The output of some models is smaller than their input; and the black part is cut off.
    classes = Image.fromarray(classes.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    colored = colors_of(np.asarray(classes.crop((0, 0, *photo.size))))
    write_picture(side_by_side(photo, colored), args.output, output_format)


def colors_of(classes: np.ndarray) -> Image.Image:
    """Returns a picture with a color for each class, black for class 0, and prints the classes."""
    picture = np.zeros((*classes.shape, 3), np.uint8)
    for number in np.unique(classes).tolist():
        pixels = classes == number
        print(f"class {number}: {pixels.mean():.1%} of the pixels")
        if number:
            # Steps of the golden ratio around the color wheel keep the colors far apart.
            color = colorsys.hsv_to_rgb(number * 0.618 % 1, 0.8, 0.9)
            picture[pixels] = np.rint(np.array(color) * 255)
    return Image.fromarray(picture)


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Returns one picture of two that have the same height."""
    both = Image.new("RGB", (left.width + right.width, left.height))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


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

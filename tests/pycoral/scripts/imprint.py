"""A typical script for pycoral: learns classes from a few photos each."""

# ruff: noqa: PTH118, PTH123, PTH208, UP031

import argparse
import os

import numpy as np
from PIL import Image
from pycoral.adapters import classify, common
from pycoral.learn.imprinting.engine import ImprintingEngine
from pycoral.utils.edgetpu import make_interpreter


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_path", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--keep_classes", action="store_true")
    args = parser.parse_args()

    engine = ImprintingEngine(args.model_path, keep_classes=args.keep_classes)
    extractor = make_interpreter(engine.serialize_extractor_model(), device=":0")
    extractor.allocate_tensors()
    size = common.input_size(extractor)
    first = engine.num_classes
    names = sorted(os.listdir(args.data))
    tests = []
    for class_id, name in enumerate(names, start=first):
        photos = sorted(os.listdir(os.path.join(args.data, name)))
        for index, photo in enumerate(photos):
            with Image.open(os.path.join(args.data, name, photo)) as image:
                pixels = np.asarray(image.convert("RGB").resize(size, Image.NEAREST))
            if index >= 10:
                tests.append((pixels, class_id))
                continue
            common.set_input(extractor, pixels)
            extractor.invoke()
            embedding = classify.get_scores(extractor)
            assert len(embedding) == engine.embedding_dim
            engine.train(embedding, class_id=class_id)
    with open(args.output, "wb") as file:
        file.write(engine.serialize_model())

    classifier = make_interpreter(args.output)
    classifier.allocate_tensors()
    right = 0
    for pixels, class_id in tests:
        common.set_input(classifier, pixels)
        classifier.invoke()
        right += classify.get_classes(classifier, top_k=1)[0].id == class_id
    print("classes: %d" % classify.num_classes(classifier))
    print("accuracy: %.3f" % (right / len(tests)))


if __name__ == "__main__":
    main()

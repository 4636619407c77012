"""A typical script for pycoral: trains the last layer on folders of photos."""

# ruff: noqa: PTH118, PTH123, PTH208, UP031

import argparse
import os

import numpy as np
from PIL import Image
from pycoral.adapters import classify, common
from pycoral.learn.backprop.softmax_regression import SoftmaxRegression
from pycoral.utils.edgetpu import make_interpreter


def extract(paths, interpreter):
    size = common.input_size(interpreter)
    embeddings = np.empty((len(paths), classify.num_classes(interpreter)), dtype=np.float32)
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            common.set_input(interpreter, image.convert("RGB").resize(size, Image.NEAREST))
            interpreter.invoke()
            embeddings[row, :] = classify.get_scores(interpreter)
    return embeddings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--embedding_extractor_path", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--output_dir", required=True)
    args = parser.parse_args()

    label_map = dict(enumerate(sorted(os.listdir(args.data_dir))))
    paths, labels = [], []
    for label, name in label_map.items():
        for photo in sorted(os.listdir(os.path.join(args.data_dir, name))):
            paths.append(os.path.join(args.data_dir, name, photo))
            labels.append(label)
    order = np.random.RandomState(0).permutation(len(paths))
    paths, labels = np.array(paths)[order], np.array(labels)[order]
    tests = len(paths) // 5

    interpreter = make_interpreter(args.embedding_extractor_path, device=":0")
    interpreter.allocate_tensors()
    dataset = {
        "data_train": extract(paths[2 * tests :], interpreter),
        "labels_train": labels[2 * tests :],
        "data_val": extract(paths[tests : 2 * tests], interpreter),
        "labels_val": labels[tests : 2 * tests],
    }
    model = SoftmaxRegression(
        dataset["data_train"].shape[1],
        np.max(dataset["labels_train"]) + 1,
        weight_scale=5e-2,
        reg=0.0,
    )
    model.train_with_sgd(dataset, 500, 1e-2, batch_size=100)

    model_path = os.path.join(args.output_dir, "retrained_model_edgetpu.tflite")
    with open(model_path, "wb") as file:
        file.write(model.serialize_model(args.embedding_extractor_path))
    with open(os.path.join(args.output_dir, "label_map.txt"), "w") as file:
        for label, name in label_map.items():
            file.write("%s %s\n" % (label, name))

    classifier = make_interpreter(model_path, device=":0")
    classifier.allocate_tensors()
    scores = extract(paths[:tests], classifier)
    print("accuracy: %.3f" % np.mean(np.argmax(scores, axis=1) == labels[:tests]))


if __name__ == "__main__":
    main()

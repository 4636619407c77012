r"""Teaches a classifier new classes from a few photos of each, by weight imprinting.

    python imprinting_learning.py \
        --model_path mobilenet_v1_1.0_224_quant_embedding_extractor.tflite \
        --data open_image_v4_subset \
        --output my_model.tflite

The flags are those of the script with this name in Coral's tutorial, but --model_path takes any
embedding extractor or classifier. With --keep_classes the new model also keeps the classes of the
classifier. Use classify_image.py to try the new model.
"""

import argparse
import sys
from pathlib import Path

from coral_learn import (
    Classifier,
    EdgeTpuError,
    EmbeddingExtractor,
    ImageFolder,
    ImprintingEngine,
    create_imprinting_model,
    format_labels,
    split_by_class,
)


def main() -> None:
    """Runs the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_path", required=True, help="extractor or classifier, a .tflite")
    parser.add_argument("--data", required=True, help="folder with one folder for each class")
    parser.add_argument("--output", help="file for the new model")
    parser.add_argument("--test_ratio", type=float, default=0.25, help="fraction of test photos")
    parser.add_argument("--keep_classes", action="store_true", help="keep the model's own classes")
    args = parser.parse_args()
    output = Path(args.output or f"{Path(args.model_path).stem}_retrained.tflite")

    photos = ImageFolder(args.data)
    split = split_by_class(photos.labels, validation=0, test=args.test_ratio, seed=0)
    model = create_imprinting_model(args.model_path, keep_classes=args.keep_classes)
    engine = ImprintingEngine(model, keep_classes=args.keep_classes)

    first_class = engine.num_classes
    labels = [*(engine.labels or map(str, range(first_class))), *photos.classes]
    rows = sorted(split.train, key=lambda row: photos.labels[row])  # classes must come in order
    with EmbeddingExtractor(engine.serialize_extractor_model()) as extractor:
        embeddings = extractor.extract([photos.paths[row] for row in rows], progress=True)
    for embedding, label in zip(embeddings, photos.labels[rows], strict=True):
        engine.train(embedding, first_class + label)
    engine.labels = labels

    output.write_bytes(engine.serialize_model())
    output.with_suffix(".txt").write_text(format_labels(labels))
    print(f"Model {output} and label map {output.with_suffix('.txt')} saved.")

    with Classifier(output) as classifier:
        answers = classifier.classify([photos.paths[row] for row in split.test], top_k=5)
    for k in range(1, 6):
        correct = [
            any(answer.id == first_class + label for answer in best[:k])
            for best, label in zip(answers, photos.labels[split.test], strict=True)
        ]
        print(f"Top {k}: {sum(correct) / len(correct):.0%}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, EdgeTpuError) as error:
        sys.exit(f"error: {error}")

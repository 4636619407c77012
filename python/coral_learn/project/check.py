"""Whether the file of a project's model answers as the head that was trained."""

from pathlib import Path

from ..jobs.classification import Classifier
from ..tflite.file import ModelFile
from .photo_views import part_of_rows, views_of
from .project import Project
from .store import ProjectStore
from .unknown_range import embeddings_of

_MOST = 200  # pictures, so that the answer comes in seconds


def count_agreement(path: Path, device: str | None = None) -> tuple[int, int]:
    """Compares the float head and the .tflite file on the photos whose files are kept.

    Args:
        path: The folder of a project with a model.
        device: The device to run the file on.

    Returns:
        The number of photos for which both name the same class, and the number of photos; at most
        200 of all.

    Raises:
        ValueError: The project has no model, or a file is damaged.
        OSError: A file cannot be read.
    """
    store = ProjectStore(path)
    file = Project(path).make_model(familiarity=False)
    with store.locked(shared=True):
        index = store.read_index()
        state = index.current
        rows, _ = store.load_embeddings(state)
        head = store.load_head(state.head or "")
        files = store.pictures.files() if index.keep == "originals" else {}
        digests = store.load_digests(state)
    model = ModelFile.open(store.extractor)
    embeddings = part_of_rows(embeddings_of(model, rows), 0, len(views_of(model)))
    named = head.predict_proba(embeddings).argmax(axis=1).tolist()
    kept = [
        (files[each], label) for each, label in zip(digests, named, strict=True) if each in files
    ]
    chosen = kept[:: max(1, -(-len(kept) // _MOST))]
    if not chosen:
        return 0, 0
    with Classifier(file, device=device) as classifier:
        found = classifier.classify([picture for picture, _ in chosen], threshold=0)
    same = sum(best[0].id == label for best, (_, label) in zip(found, chosen, strict=True))
    return same, len(chosen)

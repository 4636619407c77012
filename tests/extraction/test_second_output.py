"""Classifiers whose embedding is no use."""

import numpy as np
import pytest
from PIL import Image
from tests.support.model_builder import build_classifier

from coral_learn import Classifier
from coral_learn.tflite.answers import AnswerNotes, with_answer_notes
from coral_learn.tflite.familiarity_note import FamiliarityNote, Moments
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.second_output import head_embedding


@pytest.mark.parametrize("scale", [-1.0, np.nan, 1e38])
def test_an_embedding_that_cannot_be_used_is_left_out(scale: float) -> None:
    rank = 2
    moments = Moments(
        np.zeros(8, np.float32),
        1.0,
        np.eye(rank, 8, dtype=np.float16),
        np.zeros((2, rank), np.float16),
        np.eye(rank, dtype=np.float16),
        np.eye(rank, dtype=np.float16),
    )
    note = FamiliarityNote(moments, np.zeros(1, np.float32))
    model = with_answer_notes(ModelFile(build_classifier().content), AnswerNotes(familiarity=note))
    graph = model.graph.copy()
    embedding = head_embedding(graph)
    assert embedding is not None
    assert embedding.table.quantization is not None
    embedding.table.quantization.scale = np.array([scale], np.float32)
    photo = Image.new("RGB", (8, 8))
    with Classifier(model.content) as classifier:
        assert classifier.knows_familiarity
        assert classifier.answer([photo])[0].familiarity is not None
    try:
        hostile = Classifier(model.with_graph(graph).content)
    except ValueError:
        return  # refused as a whole, by the check of the file or the runtime
    with hostile as classifier:
        assert classifier.answer([photo])[0].classes

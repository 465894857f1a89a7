"""Entities that rules can find where no model is at hand: dates, quantities, and names in scripts with capitals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex
import spacy
from spacy.language import Language

MAXIMUM_CHARACTERS = 2_000_000
"""Of a text for spaCy, whose own bound, a warning about memory, is a little under the 1 MB of a document."""

MONTHS = {
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "hi": "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
}
UNITS = {
    "es": "por ciento|euros?|dólares|pesos|kilómetros|metros|kilos|toneladas|millones|millón|personas|habitantes",
    "fr": "pour cent|euros?|dollars|francs|kilomètres|mètres|kilos|tonnes|millions?|milliards?|personnes|habitants",
    "de": "Prozent|Euro|Dollar|Franken|Kilometern?|Metern?|Kilo|Tonnen|Millionen|Milliarden|Menschen|Einwohnern?",
    "it": "per cento|euro|dollari|chilometri|metri|chili|tonnellate|milioni|miliardi|persone|abitanti",
    "pt": "por cento|euros?|dólares|reais|quilómetros|quilômetros|metros|quilos|toneladas|milhões|pessoas|habitantes",
    "ar": "في المئة|بالمئة|دولار|يورو|درهم|كيلومتر|متر|مليون|مليار",
    "hi": "प्रतिशत|रुपये|डॉलर|किलोमीटर|मीटर|लाख|करोड़|लोग",
    "ja": "円|ドル|ユーロ|人|キロメートル|メートル|パーセント|万|億",
    "ko": "원|달러|유로|명|킬로미터|미터|퍼센트|만|억",
    "zh": "元|美元|欧元|人|公里|米|万|亿|公斤|吨",
    "zh-TW": "元|美元|歐元|人|公里|公尺|萬|億|公斤|噸",
}
LOCATIVE = {
    "es": "en desde hacia",
    "fr": "à en vers",
    "de": "in nach aus",
    "it": "a in da",
    "pt": "em no na desde",
}
"""Words after which a capitalised name is a place, in the languages whose script has capitals."""

PERSON_TITLES = (
    "señor señora don doña Sr. Sra. monsieur madame M. Mme Herr Frau Herrn Dr. signor signora Sig. senhor senhora"
)
COMPANY = regex.compile(r"(?:S\.?A\.?|GmbH|AG|SARL|S\.p\.A\.|SpA|S\.r\.l\.|Ltda\.?|SE|KG)$")


def find_by_rules(text: str, language: str) -> list[tuple[int, int, str]]:
    """Entities as begin, end (exclusive, in code points) and type, in the order of the text, without overlaps."""
    found: list[tuple[int, int, str]] = []
    for kind, expression in (("DATE", _dates(language)), ("QUANTITY", _quantities(language))):
        found += [(match.start(), match.end(), kind) for match in expression.finditer(text)]
    if language in LOCATIVE:
        found += _names(text, language)
    chosen: list[tuple[int, int, str]] = []
    # The order of the kinds decides between equals: a date is no quantity, and its month no name.
    for begin, end, kind in sorted(found, key=lambda item: item[0]):
        if not chosen or begin >= chosen[-1][1]:
            chosen.append((begin, end, kind))
    return chosen


@cache
def _dates(language: str) -> regex.Pattern[str]:
    months = "|".join(MONTHS.get(language, "").split())
    forms = [
        r"\p{Nd}{4}-\p{Nd}{2}-\p{Nd}{2}",
        r"\p{Nd}{1,2}[./]\p{Nd}{1,2}[./]\p{Nd}{2,4}",
        r"\p{Nd}{2,4}\s?[年년]\s?(?:\p{Nd}{1,2}\s?[月월]\s?(?:\p{Nd}{1,2}\s?[日일])?)?",
        r"\p{Nd}{1,2}\s?[月월]\s?\p{Nd}{1,2}\s?[日일]",
    ]
    if months:
        forms += [
            rf"\p{{Nd}}{{1,2}}(?:\.|º|er)?(?:\s+de)?\s+(?:{months})(?:(?:\s+de|\s+del)?\s+\p{{Nd}}{{4}})?",
            rf"(?:{months})(?:\s+de)?\s+\p{{Nd}}{{4}}",
        ]
    # A year by itself, but not a part of a larger number, nor a quantity of something.
    year = r"(?<![\p{Nd}.,])(?:1[5-9]|20)\p{Nd}{2}(?![\p{Nd}.,]\p{Nd}|\p{Nd}"
    forms.append(rf"{year}|\s*(?:{UNITS[language]}))")
    return regex.compile("|".join(f"(?:{form})" for form in forms), regex.IGNORECASE)


@cache
def _quantities(language: str) -> regex.Pattern[str]:
    number = r"\p{Nd}+(?:[.,   ]\p{Nd}{3})*(?:[.,]\p{Nd}+)?"
    return regex.compile(rf"[€$£¥]\s?{number}|{number}(?:\s?(?:[%٪€$£¥]|{UNITS[language]}))*", regex.IGNORECASE)


def _names(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Runs of capitalised words. One word alone at the start of a sentence, or a German noun, is no name."""
    tokens = [token for token in _tokenizer(language).make_doc(text) if not token.is_space]
    index = 0
    while index < len(tokens):
        start = index
        while (
            index < len(tokens) and tokens[index].text[0].isupper() and tokens[index].text not in PERSON_TITLES.split()
        ):
            index += 1
        while start < index and tokens[start].is_stop:
            start += 1
        if index == start:
            index += 1
            continue
        before = tokens[start - 1].text if start else "."
        begin, end = tokens[start].idx, tokens[index - 1].idx + len(tokens[index - 1])
        words = index - start
        if COMPANY.search(text[begin:end]) and words > 1:
            yield begin, end, "ORGANIZATION"
        elif before in PERSON_TITLES.split():
            yield begin, end, "PERSON"
        elif before.lower() in LOCATIVE[language].split():
            yield begin, end, "LOCATION"
        elif words > 1:
            yield begin, end, "PERSON"
        elif language != "de" and before not in '.!?…:;¿¡"«»“”':
            yield begin, end, "OTHER"


@cache
def _tokenizer(language: str) -> Language:
    tokenizer = spacy.blank(language)
    tokenizer.max_length = MAXIMUM_CHARACTERS
    return tokenizer

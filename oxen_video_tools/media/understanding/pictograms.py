"""Which language a prompt is in, and the forms under which a word of it may stand in a dictionary."""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

UNSPACED = frozenset({"zh", "ja"})
LETTER = r"\w\u0300-\u036f\u064b-\u065f\u0670\u0900-\u0dff\u200c\u200d"  # `\w` leaves the vowel signs out
STEMMED = frozenset({"ru", "uk", "pl", "hi", "ar"})  # forms that are compared by what is left without the ending

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\u1100-\u11ff\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("uk", re.compile(r"[іїєґ]", re.I)),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_OWN_SIGNS = {"de": "ß", "es": "ñ¿¡", "fr": "œ", "pt": "ãõ", "tr": "ğış", "pl": "łżźńęąś", "sv": "å"}
_SIGNS = {"de": "äöü", "es": "áíóú", "fr": "êèçàéù", "pt": "áíóúçêâé", "tr": "çöü", "it": "èàùò", "sv": "äö", "pl": "ó"}
_SMALL = {
    "en": "the a an of in on with and is at his her to from over as by for into its under through",
    "de": "der die das ein eine einen einem einer und im in am auf mit von dem den über zum zur durch vor bei",
    "es": "el la los las un una unas unos y de en con por del al su sobre ella él se",
    "fr": "le la les un une et de du des dans sur avec au aux sous d l en elle il se",
    "pt": "o a os as um uma e de do da no na em com ao à dos das pelo num numa ele ela se",
    "tr": "bir ve ile için üzerinde içinde altında kadar gibi yürüyor koşuyor uçuyor yüzüyor ay",
    "it": "il lo la gli un una e di del della dei nel nella con su sulla sul che per",
    "nl": "de het een en van in op met door naar over zijn",
    "pl": "w z na i do się nad pod przez jest",
    "sv": "en ett och i på med som över under av",
    "id": "di dan yang seorang seekor sebuah dengan ke dari pada",
}
SMALL_WORDS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
_WORD = re.compile(rf"[{LETTER}]+")

# What may stand before a word that is a noun only then; colours and plain sizes, too.
_ARTICLES = {
    "en": "a an the his her their my your its one two three four five six this that these those some several old new"
    " red blue green yellow white black golden silver orange pink purple brown grey gray big small little tiny huge"
    " giant large young wild wooden glass vintage glowing shiny luxury wrist",
    "es": "un una el la los las su sus dos tres este esta",
    "fr": "un une le la les l son sa ses deux trois ce cette",
    "pt": "um uma o a os as seu sua dois duas este esta",
    "tr": "bir iki üç bu küçük büyük kırmızı beyaz siyah genç dolunay",
    "ko": "한 큰 작은 흰 검은 이 그",
}
ARTICLES = {language: frozenset(words.split()) for language, words in _ARTICLES.items()}

_ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        *(("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""), ("men", "man"), ("children", "child")),
        *(("mice", "mouse"), ("feet", "foot"), ("oxen", "ox"), ("people", "person")),
    ),
    "de": (("innen", "in"), ("en", ""), ("ern", ""), ("er", ""), ("es", ""), ("e", ""), ("n", ""), ("s", "")),
    "es": (("ces", "z"), ("es", ""), ("s", "")),
    "fr": (("eaux", "eau"), ("aux", "al"), ("x", ""), ("s", "")),
    "pt": (("ões", "ão"), ("ães", "ão"), ("ns", "m"), ("ais", "al"), ("éis", "el"), ("es", ""), ("s", "")),
    "it": (("chi", "co"), ("i", "o"), ("i", "e"), ("e", "a")),
    "nl": (("jes", ""), ("je", ""), ("en", ""), ("s", "")),
    "sv": (("arna", ""), ("erna", ""), ("orna", "a"), ("en", ""), ("et", ""), ("ar", ""), ("or", "a"), ("er", "")),
}
_TAILS = {
    "tr": re.compile(
        r"(?:l[ae]r)?(?:[ıiuü]?m[ıiuü]z|s?[ıiuü]n?)?(?:d[ae]n?|t[ae]n?|y?[ae]|n[ae]|n?[ıiuü]n|y?[ıiuü]|y?l[ae])?(?:ki)?"
    ),
    "ko": re.compile(r"(?:들)?(?:이|가|은|는|을|를|의|에|에서|에게|와|과|도|로|으로|한테|처럼|만|이랑|랑)?"),
}
_SOFT = {"ğ": "k", "b": "p", "c": "ç", "d": "t"}  # Turkish: how a word's end sounds before an ending
_SLAVIC = re.compile(
    r"(?:ами|ями|ого|ему|ому|ой|ою|ей|ом|ем|ём|ах|ях|ам|ям|ов|ев|ів|ый|ий|ая|ое|ые|и|ы|а|я|у|ю|е|о|ь|й|і|ї|є"
    r"|ami|ach|owi|ów|om|em|ie|ą|ę|y|i|a|e|o|u)$"
)


def plain(text: str) -> str:
    """Lower case, composed, without what only decorates: vowel marks of Arabic, dots of Hindi."""
    text = unicodedata.normalize("NFC", text).lower().replace("ё", "е").replace("’", "'").replace("ʼ", "'")
    text = re.sub("[\u064b-\u0652\u0670\u0640\u093c\u0307]", "", text)
    return text.translate({ord("أ"): "ا", ord("إ"): "ا", ord("آ"): "ا", ord("ى"): "ي", ord("ँ"): "ं"})


def language_of(text: str) -> str:
    """A code like "en"; English where nothing speaks for another."""
    letters = [character for character in text if character.isalpha()]
    for language, script in _SCRIPTS:
        if language == "zh" and letters and len(script.findall(text)) * 3 < len(letters):
            continue
        if len(script.findall(text)) * (20 if language in ("ja", "uk") else 3) > len(letters):
            return language
    return max(scores, key=lambda language: scores[language]) if (scores := _scores(text)) else "en"


def _scores(text: str) -> dict[str, int]:
    """For each language in Latin letters, how much speaks for it: its small words, then its own letters."""
    text = text.lower()
    words = _WORD.findall(text)
    found = {language: 3 * sum(word in small for word in words) for language, small in SMALL_WORDS.items()}
    for weight, signs in ((6, _OWN_SIGNS), (1, _SIGNS)):
        for language, letters in signs.items():
            found[language] += weight * sum(text.count(letter) for letter in letters)
    return {language: score for language, score in found.items() if score}


def forms(word: str, language: str) -> Iterator[str]:
    """Other forms that a dictionary may have `word` under, the likeliest first."""
    for ending, base in _ENDINGS.get(language, ()):
        if word.endswith(ending) and len(word) - len(ending) >= (1 if base else 3):
            found = word[: len(word) - len(ending)] + base
            yield found
            if language == "de" and re.search("[äöü]", found):
                yield found.translate(str.maketrans("äöü", "aou"))
    tails = _TAILS.get(language)
    for cut in range(len(word) - 1, 0, -1) if tails else ():
        if (cut > 1 or language == "ko") and tails and tails.fullmatch(word, cut):
            yield word[:cut]
            if language == "tr" and word[cut - 1] in _SOFT:
                yield word[: cut - 1] + _SOFT[word[cut - 1]]


def stem(word: str, language: str) -> str:
    """What is left of `word` without its ending; two forms of one word have the same."""
    if language == "hi":
        bare = re.sub("(?:ाओं|ियों|ियां|[\u093e-\u094c\u0902])+$", "", word)
        return bare if len(bare) > 1 else word
    if language == "ar":
        bare = re.sub("^(?:[وف](?=.{4}))?(?:(?:[بك]?ال|لل)(?=..)|[بل](?=.{3}))?", "", word)
        return re.sub("(?:ات|ين|ون|ان|ها|ه|ة|ا|ي)$", "", bare) if len(bare) > 3 else bare
    return _SLAVIC.sub("", word) if len(word) > 3 else word


# Words of film, place, light and weather in twelve languages, read from `film_words.txt`.

WORDS = Path(__file__).with_name("film_words.txt")


@dataclass(frozen=True)
class Row:
    """code: what it means.  label: how the slate says it.  words: a pattern for each language."""

    code: str
    label: str
    words: dict[str, str] = field(default_factory=dict)

    def spans(self, text: str, language: str) -> list[tuple[int, int]]:
        """Where it is said in `text`, which is plain. Film words are often English, whatever the prompt's language."""
        patterns = dict.fromkeys((self.words.get(language), self.words.get("en") if self.is_of_film else None))
        return [found.span() for pattern in patterns if pattern for found in _compiled(pattern).finditer(text)]

    is_of_film: bool = False


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when its language is first met: those of all twelve would take a third of a second."""
    return re.compile(pattern)


@cache
def vocabulary() -> dict[str, tuple[Row, ...]]:
    """Rows by kind: size, move, place, light, weather. The more exact stand first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for line in WORDS.read_text("utf-8").splitlines():
        if line.startswith("["):
            kind, code, label = line[1:-1].split(" ", 2)
            found[kind].append(Row(code, label, is_of_film=kind in ("size", "move")))
            row = found[kind][-1]
        elif line and not line.startswith("#"):
            language, _, words = line.partition(" ")
            bounds = ("", "") if language in UNSPACED else (rf"(?<![{LETTER}-])", rf"(?![{LETTER}])")
            if language == "ko":
                bounds = (rf"(?<![{LETTER}])", "")
            row.words[language] = f"{bounds[0]}(?:{words}){bounds[1]}"
    return {kind: tuple(rows) for kind, rows in found.items()}


# The pictograms that a prompt's words stand for: Noto Emoji's outlines, found by Unicode's CLDR annotations.
#
# Whole names count before keywords, long matches before short ones. What is not understood is left out.

DATA = Path(__file__).with_name("pictograms.zip")
FIRST = 0xF0000  # the font's character for the first pictogram
LONGEST = 5  # words of a name
_BETWEEN = re.compile(r"[\s'-]*")
_COMPOUND = frozenset({"de", "nl", "sv", "ko"})  # "Meeresschildkröte" is a kind of "Schildkröte"
_LEAST_COMPOUND = {"ko": 2}


@dataclass(frozen=True)
class Pictogram:
    """character: as Unicode has it.  name: in English.  colour: red, green, blue.  glyph: its character in the font."""

    character: str
    name: str
    colour: tuple[int, int, int]
    glyph: str


@dataclass(frozen=True)
class Match:
    """Where in the text a pictogram is named. None: words that are known to name nothing that can be drawn."""

    start: int
    end: int
    word: str
    pictogram: Pictogram | None


@cache
def pictograms() -> tuple[Pictogram, ...]:
    raw = json.loads(read("pictograms.json"))
    colours = {name: (red, green, blue) for name, (red, green, blue) in raw["colours"].items()}
    return tuple(
        Pictogram(character, name, colours[colour], chr(FIRST + n))
        for n, (character, name, colour) in enumerate(raw["pictograms"])
    )


@cache
def by_character() -> dict[str, Pictogram]:
    return {one.character: one for one in pictograms()}


def read(name: str) -> bytes:
    """A part of the compiled data."""
    with zipfile.ZipFile(DATA) as archive:
        return archive.read(name)


class Dictionary:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        raw = json.loads(read(f"words/{language}.json"))
        self.language = language
        self.words: dict[str, int] = {}
        for phrase, number in raw["words"].items():
            self.words[self._key(phrase)] = number
        self.articles = frozenset(self._key(phrase) for phrase in raw["articles"])
        self.stems: dict[str, str] = {}
        if language in STEMMED:
            for phrase in self.words:
                self.stems.setdefault(self._stems(phrase), phrase)
        self.longest = max(map(len, self.words)) if language in UNSPACED else 0

    def _key(self, phrase: str) -> str:
        phrase = plain(phrase)
        return phrase if self.language in UNSPACED else " ".join(_WORD.findall(phrase))

    def _stems(self, phrase: str) -> str:
        return " ".join(stem(word, self.language) for word in phrase.split())

    def matches(self, text: str) -> Iterator[Match]:
        """Each name in `text`, which is plain, from left to right; the longest at each place."""
        yield from self._inside(text) if self.language in UNSPACED else self._between(text)

    def _inside(self, text: str) -> Iterator[Match]:
        start = 0
        while start < len(text):
            for size in range(min(self.longest, len(text) - start), 0, -1):
                phrase = text[start : start + size]
                if phrase in self.words:
                    yield self._match(start, start + size, phrase)
                    start += size - 1
                    break
            start += 1

    def _between(self, text: str) -> Iterator[Match]:
        words = [(found.group(), found.start(), found.end()) for found in _WORD.finditer(text)]
        n = 0
        while n < len(words):
            for count in range(min(LONGEST, len(words) - n), 0, -1):
                part = words[n : n + count]
                if any(not _BETWEEN.fullmatch(text, one[2], two[1]) for one, two in pairwise(part)):
                    continue
                phrase = self._known([word for word, _, _ in part])
                if phrase is not None:
                    before = words[n - 1][0] if n else ""
                    found = self._match(part[0][1], part[-1][2], phrase)
                    if phrase in self.articles and before not in ARTICLES.get(self.language, frozenset()):
                        found = Match(found.start, found.end, phrase, None)
                    yield found
                    n += count - 1
                    break
            n += 1

    def _match(self, start: int, end: int, phrase: str) -> Match:
        number = self.words[phrase]
        return Match(start, end, phrase, pictograms()[number] if number >= 0 else None)

    def _known(self, words: list[str]) -> str | None:
        """The dictionary's own form of these words."""
        phrase = " ".join(words)
        if len(words) == 1 and phrase in SMALL_WORDS.get(self.language, ()):
            return None
        if phrase in self.words:
            return phrase
        *front, last = words
        for form in forms(last, self.language):
            if (found := " ".join([*front, form])) in self.words:
                return found
        if self.language in ("es", "fr", "pt", "it") and front:  # there every word of a name has its plural
            singular = " ".join(word.removesuffix("s") for word in words)
            if singular in self.words:
                return singular
        if self.stems and all(len(word) > 2 for word in words):
            return self.stems.get(self._stems(phrase))
        return self._compound(last) if not front and self.language in _COMPOUND else None

    def _compound(self, word: str) -> str | None:
        least = _LEAST_COMPOUND.get(self.language, 5)
        for form in (word, *forms(word, self.language)):
            for start in range(1, len(form) - least + 1):
                if form[start:] in self.words:
                    return form[start:]
        return None


@lru_cache(6)
def dictionary(language: str) -> Dictionary:
    return Dictionary(language)

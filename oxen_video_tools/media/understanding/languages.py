"""Which language a prompt is in, and the forms under which a word of it may stand in a dictionary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

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

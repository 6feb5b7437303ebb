"""Problems and warnings: what is wrong with a request, and how certain that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    text: for a person and for a language model.
    certain: whether the hub will refuse it, by the live schema or by Oxen's documentation. Only certain problems stop
    a request.
    fields: the parameters that it is about.
    of_schema: whether a parameter's own schema says it.
    """

    text: str
    certain: bool = True
    fields: tuple[str, ...] = ()
    of_schema: bool = False


@dataclass
class Findings:
    """All of them, each once, in the order they were found."""

    found: list[Finding] = field(default_factory=list)

    def problem(self, text: str, *, certain: bool = True) -> None:
        """Something that the hub refuses; a warning if that is not certain."""
        self.add(Finding(text, certain))

    def warning(self, text: str) -> None:
        """Something worth knowing."""
        self.add(Finding(text, False))

    def add(self, *findings: Finding) -> None:
        """Keep these."""
        for finding in findings:
            if all(finding.text != other.text for other in self.found):
                self.found.append(finding)

    @property
    def problems(self) -> list[str]:
        return [finding.text for finding in self.found if finding.certain]

    @property
    def warnings(self) -> list[str]:
        return [finding.text for finding in self.found if not finding.certain]


Said = Mapping[str, tuple[str, object]]
"""A body's field → the word of the request it came from, and that word's value."""


def listing(values: Iterable[object], word: str = "or") -> str:
    """`5 or 10`; `4, 6 or 8`."""
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}" if texts else ""

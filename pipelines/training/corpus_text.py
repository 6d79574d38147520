"""Sentences for the speech corpus, made by a small grammar from our own word lists: free of anybody's rights.

The lists (assets/training/words.json) hold every English phone in many neighbourhoods; what a sentence means does not
matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from pipelines.assets import ASSETS

WORDS = ASSETS / "training" / "words.json"
FORM_SHARES = (0.26, 0.2, 0.14, 0.2, 0.08, 0.12)
"""Of plain, opened, asked, joined, counted and whole sentences."""


def sentences(count: int, seed: int = 0) -> tuple[str, ...]:
    """`count` sentences of one to seven seconds; one seed repeats."""
    words: dict[str, list[str]] = json.loads(WORDS.read_text())
    rng = np.random.default_rng(seed)

    def pick(kind: str) -> str:
        return words[kind][int(rng.integers(len(words[kind])))]

    def thing() -> str:
        adjective = f"{pick('adjectives')} " if rng.random() < 0.6 else ""
        return f"{pick('articles')} {adjective}{pick('nouns')}"

    def clause() -> str:
        who = pick("names") if rng.random() < 0.5 else thing()
        place = f" {pick('places')}" if rng.random() < 0.55 else ""
        return f"{who} {pick('verbs')} {thing()}{place}"

    def count_of(noun: str) -> str:
        return f"{pick('numbers')} {noun}s"

    forms: tuple[Callable[[], str], ...] = (
        lambda: f"{clause()}.",
        lambda: f"{pick('openings')} {clause()}.",
        lambda: f"{pick('questions')} {clause()}?",
        lambda: f"{clause()}, but {clause()}.",
        lambda: f"{count_of(pick('nouns'))} and {count_of(pick('nouns'))}.",
        lambda: pick("whole"),
    )
    made = [forms[int(rng.choice(len(forms), p=FORM_SHARES))]() for _ in range(count)]
    return tuple(text[0].upper() + text[1:] for text in made)

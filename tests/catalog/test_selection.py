"""Which model is taken when none is named, and which are found by words and needs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.describe import describe_lengths, describe_line, describe_model
from oxen_video_tools.catalog.selection import choose
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.hub.records import VideoModel
from tests.catalog.conftest import IDS, O3, ask, model

T2V, I2V = "kling-video-v2-6-pro-text-to-video", "kling-video-v2-6-pro-image-to-video"


@pytest.fixture(scope="module")
def priced() -> ModelList:
    """Live models with prices: the longer the id, the dearer."""
    cost = {name: {"method": "per_video_output_second", "cost_per_second": len(name) / 100} for name in snapshot()}
    return ModelList.of([VideoModel.parse(dict(one.raw) | {"pricing": cost[name]}) for name, one in snapshot().items()])


class TestChoosing:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ({}, T2V),
            ({"duration": 10, "aspect_ratio": "9:16"}, T2V),
            ({"start_image": "s.png"}, I2V),
            ({"start_image": "s.png", "end_image": "e.png"}, "bytedance-seedance-2-0-image-to-video"),
            ({"input_image": ["a.png", "b.png"]}, "bytedance-seedance-2-0-reference-to-video"),
            ({"input_video": "v.mp4"}, "kling-video-o1-video-to-video-edit"),
            ({"input_audio": "a.mp3"}, "ltx-2-3-pro-audio-to-video"),
            ({"multi_prompt": [{"prompt": "a"}, {"prompt": "b"}]}, O3),
        ],
    )
    def test_by_need(self, live: ModelList, words: dict[str, Any], expected: str) -> None:
        choice = choose(ask(**words), live)
        assert choice.model_id == expected
        assert not choice.asked
        assert choice.reason.startswith("chosen for ")

    @pytest.mark.parametrize(
        "words",
        [
            {"duration": 7},
            {"resolution": "4k"},
            {"duration": 7, "start_image": "s.png"},
            {"start_image": "s.png", "input_image": ["a.png"]},
            {"seed": 7, "negative_prompt": "blur"},
            {"generate_audio": True, "duration": 25},
            {"input_image": ["a.png"] * 12},
            {"input_video": "v.mp4", "input_image": ["a.png"]},
            {"aspect_ratio": "21:9", "duration": 12},
            {"end_image": "e.png", "start_image": "s.png", "resolution": "1080p"},
        ],
    )
    def test_what_is_chosen_can_make_it(self, live: ModelList, words: dict[str, Any]) -> None:
        request = ask(**words)
        choice = choose(request, live)
        assert translate(request, live[choice.model_id], models=live).problems == [], choice

    def test_shots_without_a_model_that_takes_them(self, bundled: ModelList) -> None:
        choice = choose(ask(multi_prompt=[{"prompt": "a", "duration": 5}, {"prompt": "b", "duration": 10}]), bundled)
        assert choice.model_id == T2V

    def test_the_one_asked_for(self, live: ModelList) -> None:
        choice = choose(ask(model="nobody-knows-it", start_image="s.png"), live, default=T2V)
        assert (choice.model_id, choice.asked) == ("nobody-knows-it", True)

    def test_the_default_where_it_can(self, live: ModelList) -> None:
        assert choose(ask(), live, default="google-veo-3-1").model_id == "google-veo-3-1"
        choice = choose(ask(input_video="v.mp4"), live, default="google-veo-3-1")
        assert choice.model_id == "kling-video-o1-video-to-video-edit"
        assert choice.reason.endswith("the default model, google-veo-3-1, takes no input_video")

    def test_a_default_that_is_not_listed_is_still_the_default(self, live: ModelList) -> None:
        assert choose(ask(), live, default="my-own-model").model_id == "my-own-model"

    def test_without_words_nothing_is_guessed(self, live: ModelList) -> None:
        from oxen_video_tools.request import VideoRequest

        choice = choose(VideoRequest(input_video="v.mp4"), live)
        assert "there is no prompt" in choice.reason
        assert live[choice.model_id].needs_prompt, "so that the plan says what is missing"

    def test_nothing_takes_all_of_it(self) -> None:
        models = ModelList.of([model("a", prompt={"type": "string"})])
        choice = choose(ask(start_image="s.png"), models)
        assert choice.reason == "no model listed takes start_image together"

    def test_reasons_name_what_decided(self, live: ModelList) -> None:
        assert choose(ask(duration=7), live).reason == "chosen for text alone; it makes 7 s"
        assert (
            choose(ask(start_image="s.png", end_image="e.png"), live).reason == "chosen for start_image and end_image"
        )

    def test_the_readme_has_the_table_that_decides(self, live: ModelList) -> None:
        text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
        section = text.partition("## Which model, when none is named")[2].partition("\n## ")[0]
        table = {
            row[1]: re.findall(r"`([a-z0-9.-]+)`", row[2])[0]
            for row in re.finditer(r"^\| (.+?) \| (`.+) \|$", section, re.M)
        }
        media = {"multi_prompt": [{"prompt": "a"}, {"prompt": "b"}], "input_image": ["a.png"]}
        for needs, model_id in table.items():
            words = {word: media.get(word, "a.file") for word in re.findall(r"`(\w+)`", needs)}
            assert choose(ask(**words), live).model_id == model_id, needs
        assert len(table) == 7

    def test_a_wish_that_the_usual_model_can_not_fulfil_says_what_it_costs(self, priced: ModelList) -> None:
        choice = choose(ask(duration=7), priced)
        assert choice.model_id != T2V
        assert choice.warning.startswith(f"7 s needs {choice.model_id}: $")
        assert choice.warning.endswith(f"; {T2V} makes 5 or 10 s for $1.70 or $3.40.")

    def test_a_value_that_nobody_lists_changes_nothing(self, live: ModelList) -> None:
        choice = choose(ask(aspect_ratio="17:3"), live)
        assert (choice.model_id, choice.warning) == (T2V, "")

    def test_wishes_that_no_model_fulfils_together_change_nothing(self, live: ModelList) -> None:
        assert choose(ask(duration=30, seed=7, resolution="4k", aspect_ratio="9:16"), live).model_id == T2V

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("kling 2.6 pro", T2V),
            ("Kling-Video_V2.6 pro text to video", T2V),
            ("veo3", "google-veo-3"),
            ("veo 3.1", "google-veo-3-1"),
            ("sora 2", "openai-sora-2-pro"),
            ("seedance 2.0", "bytedance-seedance-2-0-text-to-video"),
            ("wan 2.7", "wan-v2-7-text-to-video"),
            ("sora", None),
            ("kling", None),
            ("ltx 2.3", None),
            ("", None),
        ],
    )
    def test_a_model_as_people_call_it(self, live: ModelList, said: str, meant: str | None) -> None:
        assert live.meant(said, ask()) == meant

    def test_the_same_words_with_a_first_frame(self, live: ModelList) -> None:
        assert live.meant("kling 2.6 pro", ask(start_image="s.png")) == I2V
        assert live.meant("wan 2.7", ask(input_image=["r.png"])) == "wan-v2-7-reference-to-video"


class TestSearching:
    def ids(self, models: ModelList, query: str | None = None, needs: list[str] | None = None) -> list[str]:
        return [known.id for known in models.search(query, needs or [])]

    def test_all_of_them(self, bundled: ModelList) -> None:
        assert sorted(self.ids(bundled)) == sorted(IDS)

    def test_by_words(self, bundled: ModelList) -> None:
        found = self.ids(bundled, "kling")
        assert len(found) == len(bundled), "words rank and leave nobody out"
        called = ["kling" in name for name in found]
        assert called == sorted(called, reverse=True)
        assert called[0]
        assert self.ids(bundled, "veo lite")[0] == "google-veo-3-1-lite"
        assert "lip-sync" in bundled[self.ids(bundled, "lip-sync")[0]].about, "words of the description count"
        nobody = bundled.search("zzzzz")
        assert len(nobody) == len(bundled)
        assert nobody.note == 'No model is called or described as "zzzzz". These are ranked without.'

    @pytest.mark.parametrize(
        ("need", "holds"),
        [
            ("start_image", lambda one: one.slot("image", "first_frame", "keyframes")),
            ("end image", lambda one: one.slot("image", "last_frame", "keyframes")),
            ("input_video", lambda one: any(slot.kind == "video" for slot in one.slots)),
            ("audio", lambda one: one.sound),
            ("10 s", lambda one: one.length.offers(10)),
            ("10s", lambda one: one.length.offers(10)),
            (
                "9:16",
                lambda one: one.frame.in_pixels or "9:16" in one.frame.ratios or "portrait" in str(one.frame.ratios),
            ),
            ("4k", lambda one: {"4k", "2160p"} & set(one.frame.resolutions)),
            ("text", lambda one: not any(slot.required for slot in one.slots)),
            ("seed", lambda one: "seed" in one.parameters),
        ],
    )
    def test_by_need(self, bundled: ModelList, need: str, holds: Any) -> None:
        found = bundled.search(None, [need])
        assert 0 < len(found) < len(bundled)
        assert all(holds(known) for known in found)

    def test_by_price(self, priced: ModelList) -> None:
        found = priced.search(None, ["under $0.20/s"])
        assert found
        assert all(len(known.id) <= 20 for known in found)
        assert len(self.ids(priced, needs=["under 0.20"])) == len(found)
        assert self.ids(priced, "cheap", ["text"])[0] == min(self.ids(priced, needs=["text"]), key=len)

    def test_multi_shot(self, live: ModelList) -> None:
        found = live.search(None, ["multi_shot"])
        assert found[0].id == O3
        assert len(found) == len(live), "films need no special model"
        assert found.note.startswith("Every model makes films of several shots")

    def test_every_need_at_once(self, live: ModelList) -> None:
        found = live.search("seedance", ["start_image", "end_image", "15 s", "1080p", "audio"])
        assert found[0].id == "bytedance-seedance-2-0-image-to-video"
        assert "seedance" not in "".join(known.id for known in found[1:])

    def test_a_need_that_nobody_understands_is_looked_for(self, bundled: ModelList) -> None:
        assert "stylized" in bundled[self.ids(bundled, needs=["stylized"])[0]].about.lower()
        assert '"unheard-of"' in bundled.search(None, ["unheard-of"]).note

    def test_the_closest_ids(self, live: ModelList) -> None:
        assert live.closest("kling-2.6-pro-text-to-video")[0] == T2V
        assert live.closest("qqqq") == []


class TestSaying:
    @pytest.mark.parametrize("model_id", IDS)
    def test_one_line(self, priced: ModelList, bundled: ModelList, model_id: str) -> None:
        for models in (priced, bundled):
            line = describe_line(models[model_id])
            assert len(line) <= 120
            assert line.startswith(f"{model_id}: ")
            assert "\n" not in line
        assert "/s" in describe_line(priced[model_id])
        assert "price unknown" in describe_line(bundled[model_id])

    def test_what_a_line_says(self, priced: ModelList) -> None:
        assert describe_line(priced[T2V]) == f"{T2V}: $0.34/s, text, 5/10 s, sound, 9:16 16:9 1:1"
        assert "start_image!" in describe_line(priced["kling-video-o1-image-to-video"]), "what is required is marked"

    @pytest.mark.parametrize("model_id", IDS)
    def test_in_full(self, bundled: ModelList, model_id: str) -> None:
        known = bundled[model_id]
        told = describe_model(known)
        text = json.dumps(told)
        assert len(text) < 6000
        for name in known.parameters:
            assert name in ("prompt", "negative_prompt", "seed") or name in text or name in _reached(known)
        assert told["source"].startswith("https://docs.oxen.ai/")
        assert told["price"] == "unknown"

    def test_lengths(self, bundled: ModelList) -> None:
        assert describe_lengths(bundled[T2V]) == "5/10 s"
        assert describe_lengths(bundled["happyhorse-1.0-t2v"]) == "3–15 s"
        assert describe_lengths(bundled["bytedance-seedance-2-0-text-to-video"]) == "4–15 s"
        assert describe_lengths(bundled["ltx-2-3-quality-text-to-video"]) == "up to 20 s"
        assert describe_lengths(bundled["sam-3-video"]) == ""


def _reached(known: Any) -> set[str]:
    """Parameters that common words reach; the answer speaks of them in those words."""
    frame = known.frame
    found = {known.length.name} if known.length else set()
    return found | {
        one.name
        for one in (frame.aspect, frame.resolution, frame.sizes, frame.width, frame.height, known.audio_flag)
        if one
    }

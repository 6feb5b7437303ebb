"""A multi-shot video in plain Python. With no key: `OXEN_VIDEO_SANDBOX=1 python examples/plain.py`."""

from __future__ import annotations

from oxen_video_tools import Shot, Studio


def main() -> None:
    shots = [
        Shot(prompt="Wide shot: a bird takes off from a branch", duration=5),
        Shot(prompt="Tracking shot: the bird soars through clouds", duration=5),
    ]
    with Studio() as studio:
        plan = studio.plan(multi_prompt=shots)
        print(f"{plan.model}: {len(plan.jobs)} job(s), {plan.price.text}")
        plan.raise_for_problems()
        video = studio.generate(multi_prompt=shots, take=1, on_progress=lambda news: print(news.text))
        print(video.url)
        print(video.save("bird.mp4"))


if __name__ == "__main__":
    main()

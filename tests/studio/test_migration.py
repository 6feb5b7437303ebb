"""A ledger of an earlier form is brought forward: copied aside first, readable afterwards, and paid for only once."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import Internal
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.records import JOB_COLUMNS, job_of, to_json
from oxen_video_tools.ledger.schema import MIGRATIONS, TABLES, VERSION
from oxen_video_tools.ledger.transactions import Steps
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.identifiers import canonical_request, request_key
from tests.ledger import postgres

from .conftest import Open

MODEL = "kling-video-v2-6-pro-text-to-video"
BEFORE = 3  # the form that the last version before had
OLD_COLUMNS = JOB_COLUMNS.removesuffix(", hub_sent, call")


def old_ledger(path: Path) -> sqlite3.Connection:
    """An empty ledger as that version made it."""
    connection = sqlite3.connect(path)
    for step in MIGRATIONS[:BEFORE]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"pragma user_version = {BEFORE}")
    return connection


def write_job(
    db: sqlite3.Connection, scope: str, key: str, body: dict[str, Any], words: dict[str, Any], **more: Any
) -> None:
    values = {
        "job": more["job"],
        "scope": scope,
        "request": key,
        "take": 1,
        "part": more.get("part", 0),
        "film": more.get("film"),
        "state": "succeeded",
        "route": "queue",
        "model": MODEL,
        "namespace": None,
        "body": to_json(body),
        "asked": to_json(words),
        "expects": 1,
        "estimate": 350_000,
        "reserved": 350_000,
        "cost": 350_000,
        "owner": None,
        "lease": 0,
        "created": 1.0,
        "sent": 1.0,
        "ended": 2.0,
        "note": None,
    }
    marks = ", ".join("?" * (len(values) + 2))
    db.execute(f"insert into jobs ({OLD_COLUMNS}, holds, walked) values ({marks})", (*values.values(), 1, 1.0))
    db.execute(
        "insert into clips (scope, generation_id, job, position, status, model) values (?, ?, ?, 0, 'succeeded', ?)",
        (scope, more["generation_id"], more["job"], MODEL),
    )


async def scope_of(open_studio: Open, hub: Sandbox, tmp_path: Path) -> str:
    """Whose jobs the sandbox's account has."""
    studio = open_studio(ledger=f"sqlite:///{tmp_path}/elsewhere.db")
    return await studio._session.scope()


async def generation(open_studio: Open, tmp_path: Path, **words: Any) -> str:
    """A generation that the hub has, and that this ledger does not know."""
    studio = open_studio(ledger=f"sqlite:///{tmp_path}/elsewhere.db")
    return (await studio.generate(**words)).generation_id


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_job_of_before_is_the_same_where_its_body_agrees(
    hub: Sandbox, opened: Open, tmp_path: Path, agrees: bool
) -> None:
    words = {"prompt": "A red balloon", "model": MODEL, "duration": 5}
    scope, made = await scope_of(opened, hub, tmp_path), await generation(opened, tmp_path, **words)
    told = canonical_request(VideoRequest(**words), None, {})
    # What was left to the model then was its own default: silent is that of this model, 9:16 is not.
    body = words | ({} if agrees else {"aspect_ratio": "9:16"})
    with old_ledger(tmp_path / "ledger.db") as db:
        write_job(db, scope, request_key(told), body, told, job="old-job", generation_id=made)
    before = len(hub.ledger()["generations"])
    video = await opened().generate(**words)
    assert (video.reused, video.generation_id == made) == (agrees, agrees)
    assert len(hub.ledger()["generations"]) == before + (not agrees)
    assert (await opened().get(made)).status == "succeeded", "it stays readable"


async def film_of_before(hub: Sandbox, opened: Open, tmp_path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """A film of two shots in a ledger of before: its request, its id, and the generations of its shots."""
    shots = [{"prompt": f"Shot {number}", "duration": 5} for number in (1, 2)]
    request: dict[str, Any] = {"model": MODEL, "multi_prompt": shots, "aspect_ratio": "16:9", "generate_audio": False}
    scope = await scope_of(opened, hub, tmp_path)
    told, jobs = canonical_request(VideoRequest(**request), None, {}), []
    key, film = request_key(told), "film-00000000-0000-0000-0000-000000000001"
    common = {"model": MODEL, "aspect_ratio": "16:9", "generate_audio": False, "duration": 5}
    made = [await generation(opened, tmp_path, **common, prompt=shot["prompt"]) for shot in shots]
    with old_ledger(tmp_path / "ledger.db") as db:
        for number, shot in enumerate(shots):
            body = common | {"prompt": shot["prompt"]}
            write_job(
                db, scope, key, body, told, job=f"job-{number}", part=number, film=film, generation_id=made[number]
            )
            jobs.append(
                {"model": MODEL, "body": body, "usd": "0.35", "unpriced": [], "text": "", "seconds": 5}
                | {"shots": [number], "media": [], "first_frame": None, "share": 350_000}
            )
        db.execute(
            "insert into films (film, scope, request, take, way, model, jobs, asked, agreed, created, state, lease) "
            "values (?, ?, ?, 1, 'side by side', ?, ?, ?, 700000, 1.0, 'open', 0)",
            (film, scope, key, MODEL, json.dumps(jobs), to_json(told)),
        )
    return request, film, made


async def test_a_film_of_before_is_read_and_not_paid_again(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    request, film, made = await film_of_before(hub, opened, tmp_path)
    before = len(hub.ledger()["generations"])
    studio = opened()
    plan = await studio.plan(**request)
    assert plan.price_usd == 0 and plan.price.usd == Decimal("0.70") and all(clip.already for clip in plan.clips)
    video = await studio.generate(**request)
    assert (video.status, video.reused, video.generation_id) == ("succeeded", True, film)
    assert [shot.generation_id for shot in video.shots] == made
    assert len(hub.ledger()["generations"]) == before


async def test_a_changed_shot_of_a_film_of_before_is_paid_alone(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    request, film, made = await film_of_before(hub, opened, tmp_path)
    changed = request | {
        "multi_prompt": [request["multi_prompt"][0], {"prompt": "Shot 2, in neon light", "duration": 5}]
    }
    before, studio = len(hub.ledger()["generations"]), opened()
    plan = await studio.plan(**changed)
    assert [clip.already for clip in plan.clips] == [True, False] and plan.price_usd == Decimal("0.35")
    video = await studio.generate(**changed)
    assert (video.status, video.shots[0].generation_id) == ("succeeded", made[0]) and video.generation_id != film
    assert len(hub.ledger()["generations"]) == before + 1
    again = await opened().generate(**changed)
    assert (again.reused, again.generation_id) == (True, video.generation_id)
    assert len(hub.ledger()["generations"]) == before + 1


async def test_a_shot_of_before_that_was_made_otherwise_is_paid(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    request, _, _ = await film_of_before(hub, opened, tmp_path)
    upright = request | {"aspect_ratio": "9:16"}
    assert not any(clip.already for clip in (await opened().plan(**upright)).clips)


async def test_it_is_copied_aside_first(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    with old_ledger(place) as db:
        write_job(db, "s", "k", {"model": MODEL}, {"prompt": "p"}, job="j", generation_id="g")
    ledger = Ledger.at(f"sqlite:///{place}")
    found = await ledger.job_named("j")
    await ledger.close()
    assert found is not None and (found.call, found.request, found.generation_ids) == ("k", "k", ("g",))
    aside = tmp_path / f"ledger.form-{BEFORE}.db"
    with sqlite3.connect(aside) as copy:
        assert copy.execute("pragma user_version").fetchone() == (BEFORE,)
        [row] = copy.execute(f"select {OLD_COLUMNS} from jobs").fetchall()
    assert job_of(row).job == "j"
    assert aside.stat().st_mode & 0o077 == 0, "it belongs to its owner only"
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name] == []


async def test_a_new_ledger_is_not_copied(tmp_path: Path) -> None:
    ledger = Ledger.at(f"sqlite:///{tmp_path}/ledger.db")
    await ledger.job_named("none")
    await ledger.close()
    assert [one.name for one in tmp_path.iterdir() if "form" in one.name] == []


async def test_in_postgres_its_tables_are_copied_aside(postgres_url: str) -> None:
    import psycopg

    url = postgres.with_schema(postgres_url, "migrated")
    with psycopg.connect(url, autocommit=True) as db:
        for step in MIGRATIONS[:BEFORE]:
            for statement in step:
                db.execute(statement)
        db.execute("create table oxen_video_schema (version integer not null)")
        db.execute(f"insert into oxen_video_schema values ({BEFORE})")
        db.execute("insert into accounts values ('s')")
    ledger = Ledger.at(url)

    def copied() -> Steps[list[tuple[Any, ...]]]:
        return (yield f"select scope from accounts_form_{BEFORE}", ())

    assert await ledger.run(copied) == [("s",)]
    assert await ledger.job_named("none") is None
    await ledger.close()


async def test_every_table_is_copied_aside(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    ledger = Ledger.at(f"sqlite:///{place}")
    await ledger.job_named("none")
    await ledger.close()
    with sqlite3.connect(place) as db:
        made = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
    assert {name for name in made if not name.startswith("sqlite_")} == set(TABLES)


async def test_a_newer_ledger_is_refused_by_name(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    with sqlite3.connect(place) as db:
        db.execute(f"pragma user_version = {VERSION + 1}")
    ledger = Ledger.at(f"sqlite:///{place}")
    with pytest.raises(Internal) as refused:
        await ledger.job_named("j")
    await ledger.close()
    assert str(place) in refused.value.message and f"form {VERSION + 1}" in refused.value.message
    assert refused.value.charged == "no"

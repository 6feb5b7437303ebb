"""The tables, as numbered migrations. A ledger of an earlier version is migrated when it is opened; never back.

Before that it is copied: a SQLite file beside itself (`ledger.form-3.db`), in PostgreSQL its tables
(`jobs_form_3`).
"""

from __future__ import annotations

from typing import Literal

from ..errors import Internal

Database = Literal["sqlite", "postgres"]


class OnlyIn(str):
    """A statement that one database alone understands."""

    database: Database

    def __new__(cls, database: Database, statement: str) -> OnlyIn:
        made = super().__new__(cls, statement)
        made.database = database
        return made


# `spending` has the sums of an account's finished jobs by day (whole days since 1970, UTC) and model: kept by the
# database itself with every change of a job, so that no sum has to read what can't change any more, and no writer can
# forget it. Jobs under way are not in it.
_FINISHED = "{0}.sent is not null and {0}.state in ('succeeded', 'failed', 'cancelled', 'written off')"
_DAY: dict[Database, str] = {"sqlite": "cast({0}.sent / 86400 as integer)", "postgres": "floor({0}.sent / 86400)::int"}
_AMOUNT = "coalesce({0}.cost, {0}.reserved)"
_UNPRICED = "case when {0}.cost is null and {0}.estimate is null and {0}.reserved = 0 then 1 else 0 end"


def _less(database: Database) -> str:
    return f"""update spending set jobs = jobs - 1, cost = cost - {_AMOUNT}, unpriced = unpriced - {_UNPRICED}
        where scope = {{0}}.scope and day = {_DAY[database]} and model = {{0}}.model and {_FINISHED};""".format("old")


def _more(database: Database) -> str:
    return f"""insert into spending (scope, day, model, jobs, cost, unpriced)
        select {{0}}.scope, {_DAY[database]}, {{0}}.model, 1, {_AMOUNT}, {_UNPRICED} where {_FINISHED}
        on conflict (scope, day, model) do update set jobs = spending.jobs + 1,
        cost = spending.cost + excluded.cost, unpriced = spending.unpriced + excluded.unpriced;""".format("new")


def _so_far(database: Database) -> OnlyIn:
    return OnlyIn(
        database,
        f"""insert into spending select scope, {_DAY[database]}, model, count(*), sum({_AMOUNT}), sum({_UNPRICED})
            from jobs where {_FINISHED} group by 1, 2, 3""".format("jobs"),
    )


_CHANGES = "scope, state, model, sent, cost, estimate, reserved"
_SPENDING = (
    """create table spending (
        scope text not null,
        day integer not null,
        model text not null,
        jobs integer not null,
        cost bigint not null,
        unpriced integer not null,
        primary key (scope, day, model))""",
    _so_far("sqlite"),
    _so_far("postgres"),
    OnlyIn("sqlite", f"create trigger spending_begins after insert on jobs begin {_more('sqlite')} end"),
    OnlyIn(
        "sqlite",
        f"""create trigger spending_changes after update of {_CHANGES} on jobs
            begin {_less("sqlite")} {_more("sqlite")} end""",
    ),
    OnlyIn(
        "postgres",
        f"""create function spending_follows() returns trigger language plpgsql as $$
            begin
                if tg_op = 'UPDATE' then {_less("postgres")} end if;
                {_more("postgres")}
                return null;
            end $$""",
    ),
    OnlyIn(
        "postgres",
        f"""create trigger spending_follows after insert or update of {_CHANGES} on jobs
            for each row execute function spending_follows()""",
    ),
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "create table accounts (scope text primary key)",
        # Which account a key belongs to stays as it was first read, so that a hub that fails to say it once does not
        # make the same request a new one.
        "create table identities (origin text, key_hash text, scope text not null, primary key (origin, key_hash))",
        "create table switches (name text primary key, since double precision not null)",
        """create table jobs (
            job text primary key,
            scope text not null,
            request text not null,
            take integer,
            part integer not null,
            film text,
            holds integer not null,
            state text not null,
            route text not null,
            model text not null,
            namespace text,
            body text not null,
            asked text not null,
            expects integer not null,
            estimate bigint,
            reserved bigint not null,
            cost bigint,
            owner text,
            lease double precision not null,
            created double precision not null,
            sent double precision,
            ended double precision,
            walked double precision not null,
            note text)""",
        """create unique index one_job_per_take on jobs (scope, request, take, part)
            where holds = 1 and take is not null""",
        "create index jobs_by_state on jobs (scope, state)",
        "create index jobs_by_time on jobs (scope, sent)",
        """create table clips (
            scope text not null,
            generation_id text not null,
            job text references jobs (job),
            position integer not null,
            status text not null,
            model text,
            cost bigint,
            error text,
            created double precision,
            ended double precision,
            file text,
            sha256 text,
            size bigint,
            url text,
            primary key (scope, generation_id))""",
        "create index clips_by_job on clips (job)",
    ),
    (
        # Keys, sealed, of callers to whom the MCP server gave links that last; by a digest of the key.
        "create table link_keys (caller text primary key, sealed text not null, seen double precision not null)",
    ),
    (
        """create table films (
            film text primary key,
            scope text not null,
            request text not null,
            take integer not null,
            way text not null,
            model text not null,
            jobs text not null,
            asked text not null,
            agreed bigint not null,
            created double precision not null,
            state text not null,
            owner text,
            lease double precision not null,
            note text,
            ended double precision,
            file text,
            sha256 text,
            size bigint,
            duration double precision)""",
        "create index films_by_time on films (scope, created)",
        "create index jobs_by_film on jobs (film)",
    ),
    (
        # The hub's time when a job was sent; unknown for jobs that were sent before this migration.
        "alter table jobs add column hub_sent double precision",
    ),
    (
        *_SPENDING,
        "drop index jobs_by_time",
        "create index jobs_by_time on jobs (scope, sent, state, cost, reserved)",  # for the budget's 24 h
        "create index jobs_unbilled on jobs (scope, sent) where cost is null",
        "create index clips_nameless on clips (scope) where substr(generation_id, 1, 5) = 'sync-'",
        "create index clips_by_model on clips (scope, model, ended) where status = 'succeeded'",
    ),
    (
        # Jobs are found by what they show (`request`, the content key of a clip) and by what was asked (`call`).
        # In jobs written before, `request` is what was asked; a match also compares the body.
        "alter table jobs add column call text",
        "update jobs set call = request where film is null",
        "create index jobs_by_call on jobs (scope, call, take)",
        "create index films_by_request on films (scope, request, take)",
        # What a person was asked to agree to, by the question's id: a replayed answer covers no more.
        "create table questions (question text primary key, cost bigint not null, asked double precision not null)",
    ),
    (
        # People, animals, products and places that an account keeps by name. images: a JSON list of references.
        """create table cast_members (
            scope text not null,
            key text not null,
            name text not null,
            look text,
            images text not null,
            real_face integer,
            created double precision not null,
            primary key (scope, key))""",
    ),
    (
        # For `endings`, which clients poll.
        "create index clips_by_end on clips (scope, ended) where ended is not null",
        "create index films_by_end on films (scope, ended)",
    ),
    (
        # Where files of an account lie at the hub. content: a SHA-256, or a repository with it.  place: see `accounts`.
        """create table uploads (
            scope text not null,
            content text not null,
            place text not null,
            primary key (scope, content))""",
    ),
)
VERSION = len(MIGRATIONS)
#: Every table there is, in the order in which they are copied aside before a migration.
TABLES = (
    "jobs",
    "clips",
    "films",
    "accounts",
    "identities",
    "switches",
    "link_keys",
    "spending",
    "questions",
    "cast_members",
    "uploads",
)


def refuse_newer(version: int, place: str) -> None:
    """Raises Internal for a ledger that a later version of this package has migrated."""
    if version > VERSION:
        raise Internal(
            f"The ledger in {place} was written by a newer oxen-video-tools: it has form {version}, and this version "
            f"knows forms up to {VERSION}. Nothing was read from it or sent.",
            charged="no",
            fix="Update oxen-video-tools, in every program that shares this ledger.",
        )


def migrations(database: Database) -> tuple[tuple[str, ...], ...]:
    """The migrations in this database's dialect."""
    return tuple(
        tuple(one for one in step if not isinstance(one, OnlyIn) or one.database == database) for step in MIGRATIONS
    )

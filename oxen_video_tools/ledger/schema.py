"""The tables, as numbered steps. A ledger of an earlier version is brought forward when it is opened; never back."""

from __future__ import annotations

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
        # What time it was at the hub when a job was sent. Of jobs that were sent before this it is not known.
        "alter table jobs add column hub_sent double precision",
    ),
)
VERSION = len(MIGRATIONS)

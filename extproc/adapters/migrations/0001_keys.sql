-- Virtual keys, the hierarchy they belong to, and the log of everything done to them.
-- A file in this directory is never edited once it has been applied anywhere: add the next number instead.

-- The form that can be written inside a key's text: see extproc/model/token.py.
create domain slug as text
    check (value ~ '^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$');

-- One line that a person typed: no control characters, so that it cannot forge a line of a log.
create domain one_line as text
    check (value ~ '\S' and length(value) <= 200 and value !~ '[[:cntrl:]]');

create table organisations (
    id         slug primary key,
    created_at timestamptz not null default clock_timestamp()
);

create table teams (
    organisation slug not null references organisations (id),
    id           slug not null,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (organisation, id)
);

create table projects (
    organisation slug not null,
    team         slug not null,
    id           slug not null,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (organisation, team, id),
    foreign key (organisation, team) references teams (organisation, id)
);

create table virtual_keys (
    id             text primary key check (id ~ '^key_[0-9A-Za-z]{22}$'),
    digest         bytea not null unique check (octet_length(digest) = 32),
    organisation   slug not null,
    team           slug not null,
    project        slug not null,
    environment    slug not null,
    owner          one_line not null,
    tags           text[] not null default '{}',
    allowed_models text[],  -- null: every model of the catalog
    created_at     timestamptz not null,
    expires_at     timestamptz check (expires_at > created_at),
    revoked_at     timestamptz,  -- in the future: a rotation's grace period
    rotated_from   text references virtual_keys (id),
    hint           text not null,
    foreign key (organisation, team, project) references projects (organisation, team, id)
);

create index virtual_keys_by_project on virtual_keys (organisation, team, project);

-- A key is for ever what it was minted as, and a revocation only ever comes earlier.
create function keep_virtual_key() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' then
        raise exception 'virtual keys are never removed: revoke them';
    end if;
    if (new.id, new.digest, new.organisation, new.team, new.project, new.created_at, new.rotated_from)
        is distinct from
       (old.id, old.digest, old.organisation, old.team, old.project, old.created_at, old.rotated_from)
    then
        raise exception 'what a virtual key was minted as does not change';
    end if;
    if old.revoked_at is not null and (new.revoked_at is null or new.revoked_at > old.revoked_at) then
        raise exception 'a revocation is never undone or put off';
    end if;
    return new;
end
$$;

create trigger keep before update or delete on virtual_keys
    for each row execute function keep_virtual_key();
create trigger keep_all before truncate on virtual_keys
    for each statement execute function keep_virtual_key();

create table admin_log (
    seq      bigint primary key,  -- without gaps, in the order of commits: workers follow it
    at       timestamptz not null,
    actor    one_line not null,
    action   text not null check (action ~ '^[a-z]+\.[a-z]+$'),
    subject  text not null,
    approval one_line not null,
    detail   jsonb not null default '{}'
);

create index admin_log_by_subject on admin_log (subject, seq);

-- The lock is held until commit: a reader that has seen seq n has seen everything below it. An identity column cannot
-- promise that, its numbers are drawn before the transactions commit, and a rolled back one leaves a gap.
create function number_admin_log() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('extproc.admin_log'));
    new.seq := (select coalesce(max(seq), 0) + 1 from admin_log);
    new.at := clock_timestamp();
    return new;
end
$$;

create trigger number before insert on admin_log
    for each row execute function number_admin_log();

create function keep_admin_log() returns trigger language plpgsql as $$
begin
    raise exception 'the admin log is append-only';
end
$$;

create trigger keep before update or delete or truncate on admin_log
    for each statement execute function keep_admin_log();

-- Also when session_replication_role is replica, which turns ordinary triggers off.
alter table admin_log enable always trigger number;
alter table admin_log enable always trigger keep;
alter table virtual_keys enable always trigger keep;
alter table virtual_keys enable always trigger keep_all;

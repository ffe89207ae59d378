-- Rates and budgets in force: what workers enforce. Declared in gateway.yaml and applied, or set by hand.

create table limits (
    id           text primary key check (id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    organisation slug not null,  -- no foreign key: a budget may be declared before the first project is made
    definition   jsonb not null check (jsonb_typeof(definition) = 'object'),  -- in the words of gateway.yaml
    source       text not null check (source in ('file', 'command')),
    version      bigint not null,  -- the admin log's seq of the last change
    changed_at   timestamptz not null default clock_timestamp(),
    is_active    boolean not null default true
);

create unique index limits_by_version on limits (version);

-- The id is in the names of counters and in the ledger: what was counted in one unit is never read as another.
create function keep_limit() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' then
        raise exception 'limits are never deleted: they are put out of force';
    end if;
    if (new.id, new.organisation, new.definition ? 'window', new.definition ? 'amount_usd')
        is distinct from
       (old.id, old.organisation, old.definition ? 'window', old.definition ? 'amount_usd')
    then
        raise exception 'limit % keeps its organisation and its unit: declare the other one with a new id', old.id;
    end if;
    if new.version <= old.version then
        raise exception 'every change of a limit has a row of its own in the admin log';
    end if;
    return new;
end
$$;

create trigger keep before update or delete on limits
    for each row execute function keep_limit();
create trigger keep_all before truncate on limits
    for each statement execute function keep_limit();

-- Also when session_replication_role is replica, which turns ordinary triggers off.
alter table limits enable always trigger keep;
alter table limits enable always trigger keep_all;

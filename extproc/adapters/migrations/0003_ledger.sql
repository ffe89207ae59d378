-- What every exchange used and cost: one row each, whatever its end. See docs/ledger.md.
-- Rows come only through ledger_append, and a row that is there changes only by being merged with another record of the
-- same exchange. The merge is commutative, associative and idempotent: extproc/model/ledger.py is its other half.

create type ledger_charge as (
    part       text collate "C",  -- the budget's counter, as it was reserved
    unit       text collate "C",
    amount     bigint,
    generation text collate "C"  -- of the counter in Redis when it was charged; empty: not known to be
);

create table ledger (
    month               date not null,  -- the first day of the month, UTC, in which it began
    exchange            text collate "C" not null,
    started_at          timestamptz not null,
    -- whose, and what was asked for
    organisation        text collate "C" not null,
    team                text collate "C" not null,
    project             text collate "C" not null,
    key_id              text collate "C" not null,
    end_user            text collate "C" not null,  -- its hash
    tags                text[] collate "C" not null,
    model               text collate "C" not null,
    operation           text collate "C" not null,
    is_stream           boolean not null,
    -- how it ended
    is_final            boolean not null,  -- Envoy's word
    ended_at            timestamptz not null,
    outcome             text collate "C" not null,
    status              integer not null,
    refusal             text collate "C" not null,
    tried               text[] collate "C" not null,
    attempts            integer not null,
    -- what it used
    rank                smallint not null,  -- 1: estimated by the journal, 2: counted by delivery
    deployment          text collate "C" not null,
    dialect             text collate "C" not null,
    upstream_model      text collate "C" not null,
    provider_request_id text collate "C" not null,
    input_tokens        bigint not null,
    output_tokens       bigint not null,
    cached_tokens       bigint not null,
    cache_write_tokens  bigint not null,
    reasoning_tokens    bigint not null,
    audio_input_tokens  bigint not null,
    audio_output_tokens bigint not null,
    micro_usd           bigint not null,
    price_version       text collate "C" not null,
    saved_micro_usd     bigint not null,
    flags               text[] collate "C" not null,
    charges             ledger_charge[] not null,
    written_at          timestamptz not null,  -- by Postgres' clock, at the last merge
    primary key (month, exchange)
) partition by list (month);

create index ledger_by_organisation on ledger (organisation, started_at);
-- Rows go to the end of the table when they are written again, so this stays small and good.
create index ledger_by_writing on ledger using brin (written_at) with (autosummarize = on);
create index ledger_by_provider on ledger (dialect, provider_request_id) where provider_request_id <> '';

-- Rows of months that have no partition: records that come late after retention, or from a host whose clock is wrong.
create table ledger_default partition of ledger default;

-- The sum of charges of each counter, in the transaction that changes it: a budget's baseline is one row away.
create table ledger_totals (
    organisation text collate "C" not null,
    part         text collate "C" not null,
    amount       bigint not null,
    touched_at   timestamptz not null,
    primary key (organisation, part)
) with (fillfactor = 60);

-- What was charged within the last hours, newest amount last: what a baseline contains that may be said again.
create table ledger_recent (
    id           bigint generated always as identity primary key,
    organisation text collate "C" not null,
    part         text collate "C" not null,
    exchange     text collate "C" not null,
    amount       bigint not null,
    written_at   timestamptz not null
);

create index ledger_recent_by_part on ledger_recent (organisation, part, written_at) include (exchange, amount);

-- Used falls and rises otherwise only by these, each with an id of its own.
create table ledger_adjustments (
    id           text collate "C" primary key check (id ~ '^adj_[0-9A-Za-z-]{8,64}$'),
    at           timestamptz not null default clock_timestamp(),
    organisation text collate "C" not null,
    part         text collate "C" not null,
    unit         text collate "C" not null check (unit in ('micro_usd', 'tokens')),
    amount       bigint not null check (amount <> 0),
    reason       one_line not null,
    actor        one_line not null,
    approval     one_line not null
);

-- Who writes, and how many rows they have that are not here yet.
create table ledger_writers (
    id        text collate "C" primary key,
    unwritten bigint not null,
    seen_at   timestamptz not null
);

create function ledger_month(at timestamptz) returns date language sql immutable
    return date_trunc('month', at at time zone 'UTC')::date;

-- Three groups. What is the same in every record of an exchange: whatever is known. How it ended: the final record's.
-- What it used: the higher rank's, and between equals the dearer, so that nothing becomes free by being told twice.
create function ledger_merged(a ledger, b ledger) returns ledger language plpgsql immutable as $$
declare
    r ledger := a;
begin
    r.started_at := least(a.started_at, b.started_at);
    r.organisation := greatest(a.organisation, b.organisation);
    r.team := greatest(a.team, b.team);
    r.project := greatest(a.project, b.project);
    r.key_id := greatest(a.key_id, b.key_id);
    r.end_user := greatest(a.end_user, b.end_user);
    r.tags := greatest(a.tags, b.tags);
    r.model := greatest(a.model, b.model);
    r.operation := greatest(a.operation, b.operation);
    r.is_stream := a.is_stream or b.is_stream;
    r.refusal := greatest(a.refusal, b.refusal);
    r.attempts := greatest(a.attempts, b.attempts);
    if (cardinality(b.tried), b.tried) > (cardinality(a.tried), a.tried) then
        r.tried := b.tried;
    end if;
    if (b.is_final, b.ended_at, b.status, b.outcome) > (a.is_final, a.ended_at, a.status, a.outcome) then
        r.is_final := b.is_final;
        r.ended_at := b.ended_at;
        r.status := b.status;
        r.outcome := b.outcome;
    end if;
    if (b.rank, b.micro_usd, b.input_tokens, b.output_tokens, b.cached_tokens, b.cache_write_tokens,
        b.reasoning_tokens, b.audio_input_tokens, b.audio_output_tokens, b.saved_micro_usd, b.deployment, b.dialect,
        b.upstream_model, b.provider_request_id, b.price_version, b.flags, b.charges)
     > (a.rank, a.micro_usd, a.input_tokens, a.output_tokens, a.cached_tokens, a.cache_write_tokens,
        a.reasoning_tokens, a.audio_input_tokens, a.audio_output_tokens, a.saved_micro_usd, a.deployment, a.dialect,
        a.upstream_model, a.provider_request_id, a.price_version, a.flags, a.charges)
    then
        r.rank := b.rank;
        r.micro_usd := b.micro_usd;
        r.input_tokens := b.input_tokens;
        r.output_tokens := b.output_tokens;
        r.cached_tokens := b.cached_tokens;
        r.cache_write_tokens := b.cache_write_tokens;
        r.reasoning_tokens := b.reasoning_tokens;
        r.audio_input_tokens := b.audio_input_tokens;
        r.audio_output_tokens := b.audio_output_tokens;
        r.saved_micro_usd := b.saved_micro_usd;
        r.deployment := b.deployment;
        r.dialect := b.dialect;
        r.upstream_model := b.upstream_model;
        r.provider_request_id := b.provider_request_id;
        r.price_version := b.price_version;
        r.flags := b.flags;
        r.charges := b.charges;
    end if;
    return r;
end
$$;

-- Whatever an update meant to write: the row becomes the merge of what it was and what was written.
create function ledger_keep() returns trigger language plpgsql as $$
begin
    if tg_op in ('DELETE', 'TRUNCATE') then
        raise exception 'the ledger is kept; whole months go by ledger_retain';
    end if;
    if tg_op = 'UPDATE' then
        if (new.month, new.exchange) is distinct from (old.month, old.exchange) then
            raise exception 'a row of the ledger is for ever the row of its exchange';
        end if;
        new := ledger_merged(old, new);
    end if;
    new.written_at := clock_timestamp();
    return new;
end
$$;

create trigger keep before insert or update or delete on ledger
    for each row execute function ledger_keep();
create trigger keep_all before truncate on ledger
    for each statement execute function ledger_keep();
alter table ledger enable always trigger keep;
alter table ledger enable always trigger keep_all;

create function ledger_tally_new() returns trigger language plpgsql as $$
begin
    insert into ledger_totals as t (organisation, part, amount, touched_at)
    select n.organisation, c.part, sum(c.amount), clock_timestamp()
      from fresh n, unnest(n.charges) c
     group by 1, 2 order by 1, 2
        on conflict (organisation, part) do update
       set amount = t.amount + excluded.amount, touched_at = excluded.touched_at;
    insert into ledger_recent (organisation, part, exchange, amount, written_at)
    select n.organisation, c.part, n.exchange, c.amount, n.written_at from fresh n, unnest(n.charges) c;
    return null;
end
$$;

create function ledger_tally_merged() returns trigger language plpgsql as $$
begin
    insert into ledger_totals as t (organisation, part, amount, touched_at)
    select organisation, part, sum(amount), clock_timestamp()
      from (select o.organisation, c.part, -c.amount as amount from stale o, unnest(o.charges) c
            union all
            select n.organisation, c.part, c.amount from fresh n, unnest(n.charges) c) moved
     group by 1, 2 order by 1, 2
        on conflict (organisation, part) do update
       set amount = t.amount + excluded.amount, touched_at = excluded.touched_at;
    -- Also what did not change: it was written again, so it will be said again.
    insert into ledger_recent (organisation, part, exchange, amount, written_at)
    select organisation, part, exchange, sum(amount), max(written_at)
      from (select o.organisation, c.part, o.exchange, 0 as amount, clock_timestamp() as written_at
              from stale o, unnest(o.charges) c
            union all
            select n.organisation, c.part, n.exchange, c.amount, n.written_at from fresh n, unnest(n.charges) c) moved
     group by 1, 2, 3;
    return null;
end
$$;

create trigger tally_new after insert on ledger
    referencing new table as fresh for each statement execute function ledger_tally_new();
create trigger tally_merged after update on ledger
    referencing old table as stale new table as fresh for each statement execute function ledger_tally_merged();
alter table ledger enable always trigger tally_new;
alter table ledger enable always trigger tally_merged;

create function ledger_adjusted() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        raise exception 'an adjustment is never changed: add one that takes it back';
    end if;
    perform pg_advisory_xact_lock(hashtext('extproc.ledger'));
    insert into ledger_totals as t (organisation, part, amount, touched_at)
    values (new.organisation, new.part, new.amount, clock_timestamp())
        on conflict (organisation, part) do update
       set amount = t.amount + excluded.amount, touched_at = excluded.touched_at;
    insert into ledger_recent (organisation, part, exchange, amount, written_at)
    values (new.organisation, new.part, new.id, new.amount, clock_timestamp());
    return null;
end
$$;

create trigger tally after insert on ledger_adjustments
    for each row execute function ledger_adjusted();
create trigger keep before update or delete or truncate on ledger_adjustments
    for each statement execute function ledger_adjusted();
alter table ledger_adjustments enable always trigger tally;
alter table ledger_adjustments enable always trigger keep;

-- A partition for a month; null where it cannot be made now. Without one its rows lie in ledger_default, and move when
-- it is made.
create function ledger_add_month(wanted date) returns boolean language plpgsql as $$
declare
    name text := 'ledger_' || to_char(wanted, 'YYYY_MM');
    patience text := current_setting('lock_timeout');
begin
    if to_regclass(name) is not null then
        return false;
    end if;
    perform set_config('lock_timeout', '100ms', true);
    lock table ledger_default in access exclusive mode;
    execute format('create table %I (like ledger including all)', name);
    if exists (select from ledger_default where month = wanted) then
        alter table ledger_default disable trigger keep;
        execute format('insert into %I select * from ledger_default where month = %L', name, wanted);
        delete from ledger_default where month = wanted;
        alter table ledger_default enable always trigger keep;
    end if;
    execute format('alter table ledger attach partition %I for values in (%L)', name, wanted);
    perform set_config('lock_timeout', patience, true);
    return true;
exception
    when lock_not_available then
        return null;
end
$$;

-- rows: an array of objects, one for each exchange, with the columns' names but month and written_at.
-- Returns the rows as they are after the merge. One caller at a time, in whatever order they came: nobody deadlocks.
create function ledger_append(rows jsonb) returns setof jsonb
    language plpgsql security definer set search_path from current as $$
declare
    this date := ledger_month(now());
begin
    perform pg_advisory_xact_lock(hashtext('extproc.ledger'));
    for ahead in 0..2 loop
        -- Whoever reads the ledger now is not waited for by every batch: the next one tries again.
        exit when ledger_add_month((this + make_interval(months => ahead))::date) is null;
    end loop;
    -- What no baseline asks for any more goes as new ones come.
    delete from ledger_recent where id in (
        select id from (select id, written_at from ledger_recent
                         order by id limit 20 * jsonb_array_length(rows) + 100) oldest
         where written_at < now() - interval '2 hours');
    return query
        insert into ledger
        select r.*
          from jsonb_array_elements(rows) given,
               ledger_month((given ->> 'started_at')::timestamptz) began,
               -- Two records of one exchange may put its beginning a moment apart, across the end of a month.
               coalesce((select l.month from ledger l
                          where l.exchange = given ->> 'exchange'
                            and l.month in ((began - interval '1 month')::date, (began + interval '1 month')::date)
                            and to_char((given ->> 'started_at')::timestamptz at time zone 'UTC', 'DD')
                                in ('01', '28', '29', '30', '31')),
                        began) chosen,
               jsonb_populate_record(null::ledger, given || jsonb_build_object('month', chosen, 'written_at', now())) r
         order by r.exchange
            on conflict (month, exchange) do update set
               (started_at, organisation, team, project, key_id, end_user, tags, model, operation, is_stream, is_final,
                ended_at, outcome, status, refusal, tried, attempts, rank, deployment, dialect, upstream_model,
                provider_request_id, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens,
                audio_input_tokens, audio_output_tokens, micro_usd, price_version, saved_micro_usd, flags, charges)
             = (excluded.started_at, excluded.organisation, excluded.team, excluded.project, excluded.key_id,
                excluded.end_user, excluded.tags, excluded.model, excluded.operation, excluded.is_stream,
                excluded.is_final, excluded.ended_at, excluded.outcome, excluded.status, excluded.refusal,
                excluded.tried, excluded.attempts, excluded.rank, excluded.deployment, excluded.dialect,
                excluded.upstream_model, excluded.provider_request_id, excluded.input_tokens, excluded.output_tokens,
                excluded.cached_tokens, excluded.cache_write_tokens, excluded.reasoning_tokens,
                excluded.audio_input_tokens, excluded.audio_output_tokens, excluded.micro_usd, excluded.price_version,
                excluded.saved_micro_usd, excluded.flags, excluded.charges)
        returning to_jsonb(ledger.*);
end
$$;
revoke execute on function ledger_append(jsonb) from public;

-- Drops the months before the given one. Returns what went. Sums of counters stay for as long as the longest window may
-- be open, whatever became of its rows. For whoever may drop the tables.
create function ledger_retain(first_kept date) returns setof text language plpgsql as $$
declare
    name text;
    found_rows bigint;
begin
    perform set_config('lock_timeout', '5s', true);
    perform pg_advisory_xact_lock(hashtext('extproc.ledger'));
    for name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'ledger'::regclass and c.relname ~ '^ledger_\d{4}_\d{2}$'
           and to_date(right(c.relname, 7), 'YYYY_MM') < first_kept
         order by 1
    loop
        execute format('drop table %I', name);
        return next name;
    end loop;
    alter table ledger_default disable trigger keep;
    delete from ledger_default where month < first_kept;
    get diagnostics found_rows = row_count;
    alter table ledger_default enable always trigger keep;
    if found_rows > 0 then
        return next format('ledger_default: %s rows', found_rows);
    end if;
    delete from ledger_totals
     where touched_at < least(first_kept::timestamp at time zone 'UTC', now() - interval '400 days');
    get diagnostics found_rows = row_count;
    if found_rows > 0 then
        return next format('ledger_totals: %s counters', found_rows);
    end if;
end
$$;

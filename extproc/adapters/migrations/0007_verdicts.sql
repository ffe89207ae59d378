-- What the firewall said of an exchange: of its request, which every record of it knows, and of its answer, which only
-- delivery knows. Each verdict is one JSON text, the same for the same verdict, so that merging is a union.
-- extproc/model/ledger.py is the other half, extproc/policy/verdicts.py writes the texts.

alter table ledger add column verdicts text[] collate "C" not null default '{}';

create index ledger_verdicts on ledger (organisation, started_at) where verdicts <> '{}';

create or replace function ledger_merged(a ledger, b ledger) returns ledger language plpgsql immutable as $$
declare
    r ledger;
begin
    a := ledger_unanswered(a, -1);
    b := ledger_unanswered(b, -1);
    r := a;
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
        b.upstream_model, b.provider_request_id, b.price_version, b.flags, b.charges, b.unanswered)
     > (a.rank, a.micro_usd, a.input_tokens, a.output_tokens, a.cached_tokens, a.cache_write_tokens,
        a.reasoning_tokens, a.audio_input_tokens, a.audio_output_tokens, a.saved_micro_usd, a.deployment, a.dialect,
        a.upstream_model, a.provider_request_id, a.price_version, a.flags, a.charges, a.unanswered)
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
        r.unanswered := b.unanswered;
    end if;
    if cardinality(b.freed) > 0 and a.freed <> b.freed then
        r.freed := array(select distinct f from unnest(a.freed || b.freed) f order by f);
    end if;
    if cardinality(b.verdicts) > 0 and a.verdicts <> b.verdicts then
        r.verdicts := array(select distinct v from unnest(a.verdicts || b.verdicts) v order by v);
    end if;
    return ledger_unanswered(r, 1);
end
$$;

-- As before, with the new column; a writer of an earlier version does not give it.
create or replace function ledger_append(rows jsonb) returns setof jsonb
    language plpgsql security definer set search_path from current as $$
declare
    this date := ledger_month(now());
    missing constant jsonb := '{"unanswered": [], "freed": [], "unanswered_micro_usd": 0, "verdicts": []}';
begin
    perform pg_advisory_xact_lock(hashtext('extproc.ledger'));
    for ahead in 0..2 loop
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
               jsonb_populate_record(null::ledger,
                   missing || given || jsonb_build_object('month', chosen, 'written_at', now())) r
         order by r.exchange
            on conflict (month, exchange) do update set
               (started_at, organisation, team, project, key_id, end_user, tags, model, operation, is_stream, is_final,
                ended_at, outcome, status, refusal, tried, attempts, rank, deployment, dialect, upstream_model,
                provider_request_id, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens,
                audio_input_tokens, audio_output_tokens, micro_usd, price_version, saved_micro_usd, flags, charges,
                unanswered, freed, unanswered_micro_usd, verdicts)
             = (excluded.started_at, excluded.organisation, excluded.team, excluded.project, excluded.key_id,
                excluded.end_user, excluded.tags, excluded.model, excluded.operation, excluded.is_stream,
                excluded.is_final, excluded.ended_at, excluded.outcome, excluded.status, excluded.refusal,
                excluded.tried, excluded.attempts, excluded.rank, excluded.deployment, excluded.dialect,
                excluded.upstream_model, excluded.provider_request_id, excluded.input_tokens, excluded.output_tokens,
                excluded.cached_tokens, excluded.cache_write_tokens, excluded.reasoning_tokens,
                excluded.audio_input_tokens, excluded.audio_output_tokens, excluded.micro_usd, excluded.price_version,
                excluded.saved_micro_usd, excluded.flags, excluded.charges, excluded.unanswered, excluded.freed,
                excluded.unanswered_micro_usd, excluded.verdicts)
        returning to_jsonb(ledger.*);
end
$$;
revoke execute on function ledger_append(jsonb) from public;

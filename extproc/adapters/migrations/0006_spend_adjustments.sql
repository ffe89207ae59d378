-- Money that Finance learns of elsewhere: credits, invoices that differ, charges by hand. Beside the ledger, never in a
-- row of it. Reports add them up; the counters of budgets that they are for move with them, by ledger_adjustments.

create table spend_adjustments (
    id           text collate "C" primary key check (id ~ '^adj_[0-9A-Za-z-]{4,56}$'),
    made_at      timestamptz not null default clock_timestamp(),
    applies_at   timestamptz not null,  -- of which time's spend it is
    organisation text collate "C" not null check (organisation <> ''),
    team         text collate "C" not null,  -- empty, as what follows: it is not of one
    project      text collate "C" not null,
    key_id       text collate "C" not null,
    model        text collate "C" not null,
    deployment   text collate "C" not null,
    micro_usd    bigint not null check (micro_usd <> 0),
    parts        text[] collate "C" not null,  -- counters of budgets that were charged as well
    reason       one_line not null,
    actor        one_line not null,
    approval     one_line not null
);

create index spend_adjustments_by_time on spend_adjustments (applies_at);

create function keep_spend_adjustment() returns trigger language plpgsql as $$
begin
    raise exception 'an adjustment is never changed: make one that takes it back';
end
$$;

create trigger keep before update or delete or truncate on spend_adjustments
    for each statement execute function keep_spend_adjustment();
alter table spend_adjustments enable always trigger keep;

-- Makes one, with its counters and its row of the admin log: all or nothing. True: now. False: it was there already.
create function ledger_adjust(given jsonb) returns boolean language plpgsql as $$
declare
    wanted spend_adjustments := jsonb_populate_record(null::spend_adjustments, given);
    known  spend_adjustments;
begin
    wanted.made_at := clock_timestamp();
    insert into spend_adjustments select wanted.* on conflict (id) do nothing;
    if not found then
        select * into known from spend_adjustments where id = wanted.id;
        -- Who said it the second time, and which counters were there by then, makes no other adjustment of it.
        if (known.applies_at, known.organisation, known.team, known.project, known.key_id, known.model,
            known.deployment, known.micro_usd)
           is distinct from
           (wanted.applies_at, wanted.organisation, wanted.team, wanted.project, wanted.key_id, wanted.model,
            wanted.deployment, wanted.micro_usd)
        then
            raise exception 'there is another adjustment with the id %', wanted.id using errcode = 'unique_violation';
        end if;
        return false;
    end if;
    insert into ledger_adjustments (id, organisation, part, unit, amount, reason, actor, approval)
    select format('%s-%s', wanted.id, to_char(place, 'FM0000')), wanted.organisation, part, 'micro_usd',
           wanted.micro_usd, wanted.reason, wanted.actor, wanted.approval
      from unnest(wanted.parts) with ordinality as counters (part, place) order by place;
    insert into admin_log (actor, action, subject, approval, detail)
    values (wanted.actor, 'ledger.adjust', wanted.id, wanted.approval,
            to_jsonb(wanted) - '{id,actor,approval,made_at}'::text[]);
    return true;
end
$$;
revoke execute on function ledger_adjust(jsonb) from public;

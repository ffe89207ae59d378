-- Which keys used which models, by day: who has to be told before a model or a deployment goes.
-- Not the ledger: counts are added by workers in the background, see extproc/adapters/postgres_uses.py.

create table model_uses (
    day          date not null,  -- UTC
    key_id       text not null,  -- no foreign key: a worker that counts must not be refused for a row it cannot see yet
    model        text not null,  -- as it was asked for
    deployment   text not null,  -- the one that answered
    requests     bigint not null check (requests > 0),
    last_used_at timestamptz not null,
    primary key (day, key_id, model, deployment)
);

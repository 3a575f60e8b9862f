-- A row that has ended takes another settlement that knows more of it, and is counted once.
begin;
select plan(48);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

create function pg_temp.admit(n integer, model text default 'asked/for') returns void
language sql as $$
  insert into public.request_logs (id, did, method, endpoint, model, request_time, reserved_usd)
  values (
    pg_temp.request(n), 'did:key:alice', 'POST', '/chat/completions', model,
    '2026-03-10 23:59:59.999999+00', 0.5
  );
$$;
create function pg_temp.settle(
  n integer, status text, error text default null, cost text default null,
  upstream_cost text default null, model text default null, tokens bigint default null
)
returns jsonb language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'request_time', '2026-03-10 23:59:59.999999+00', 'status', status,
    'error_message', error, 'given_up', error like 'worker\_%', 'cost', cost,
    'upstream_cost', upstream_cost, 'model', model, 'input_tokens', tokens, 'output_tokens', tokens + 1, 'cached_tokens', tokens + 2,
    'reasoning_tokens', tokens + 3
  )) - 'left_out';
$$;
-- What usage_daily and the ended rows of request_logs disagree on.
create function pg_temp.miscounted() returns setof public.usage_daily language sql as $$
  with counted as (
    select did, (request_time at time zone 'utc')::date as day, coalesce(model, 'unknown') as model,
      endpoint, count(*) as requests, count(*) filter (where status = 'failed') as failed_requests,
      coalesce(sum(input_tokens), 0)::bigint as input_tokens,
      coalesce(sum(output_tokens), 0)::bigint as output_tokens,
      coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
      coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
      coalesce(sum(total_cost), 0) as total_cost, coalesce(sum(upstream_cost), 0) as upstream_cost,
      count(*) filter (where total_cost is null) as requests_without_cost
    from public.request_logs
    where status <> 'pending'
    group by 1, 2, 3, 4
  )
  (table counted except table public.usage_daily)
  union all
  (table public.usage_daily except table counted);
$$;

set local role service_role;
-- A time zone in which the requests' day is the next one.
set local timezone = 'Pacific/Kiritimati';

-- Which settlements are taken: each row ends like this, then one of them knows no cost, its twin one.
create temporary table cases on commit drop as
select * from (values
  (1, 'completed', null, null, false, true, 'a completed row whose cost is unknown'),
  (2, 'completed', null, '0', false, false, 'a completed row that was free'),
  (3, 'completed', null, '0.1', false, false, 'a completed row whose cost is known'),
  (4, 'failed', null, null, false, true, 'a failed row whose cost is unknown'),
  (5, 'failed', 'client_disconnected', null, false, true, 'a row that its client left, cost unknown'),
  (6, 'failed', 'client_disconnected', '0.1', false, false, 'a row that its client left, cost known'),
  (7, 'failed', 'workers on strike', '0.1', false, false, 'a row that only sounds given up'),
  (8, 'failed', 'worker_retired: wall_clock', null, true, true, 'a row given up, cost unknown'),
  (9, 'failed', 'worker_retired: wall_clock', '0.1', false, true, 'a row given up, cost known'),
  (10, 'failed', 'worker_lost: it ended', '0', false, true, 'a row given up, free so far')
) as cases (n, status, error, cost, takes_unknown, takes_cost, name);
do $$
begin
  perform pg_temp.admit(n), pg_temp.admit(n + 100) from cases;
  perform pg_temp.settle(twin, status, error, cost, '0.01', tokens => n)
  from cases, lateral (values (n), (n + 100)) as twins (twin);
end;
$$;
create temporary table before on commit drop as
select id, request_logs as row from public.request_logs;
select is_empty('select pg_temp.miscounted()', 'rows that have ended once are counted');

select is(
  pg_temp.settle(n, 'completed', tokens => 1000, model => 'answered/by'),
  jsonb_build_object('settled', takes_unknown, 'total_cost', case when not takes_unknown then cost end),
  format('%s %s a settlement that knows none', name, case when takes_unknown then 'takes' else 'refuses' end)
)
from cases order by n;
select is(
  pg_temp.settle(n + 100, 'completed', null, '0.25', '0.02', 'answered/by', 1000),
  jsonb_build_object('settled', takes_cost, 'total_cost', case when takes_cost then '0.25' else cost end),
  format('%s %s a settlement with a cost', name, case when takes_cost then 'takes' else 'refuses' end)
)
from cases order by n;

select set_eq(
  $$ select n from cases join before on before.id = pg_temp.request(n)
    join public.request_logs as log using (id) where log is not distinct from before.row $$,
  'select n from cases where not takes_unknown',
  'a refused settlement that knows no cost leaves its row alone, and no other does'
);
select set_eq(
  $$ select n from cases join before on before.id = pg_temp.request(n + 100)
    join public.request_logs as log using (id) where log is not distinct from before.row $$,
  'select n from cases where not takes_cost',
  'a refused settlement with a cost leaves its row alone, and no other does'
);
select results_eq(
  $$ select distinct log.status, log.error_message, log.model, log.input_tokens, log.output_tokens,
      log.cached_tokens, log.reasoning_tokens, log.total_cost, log.upstream_cost, log.reserved_usd
    from cases join public.request_logs as log on log.id = pg_temp.request(n + 100)
    where takes_cost and error like 'worker\_%' $$,
  $$ values ('completed', null::text, 'answered/by', 1000::bigint, 1001::bigint, 1002::bigint,
      1003::bigint, 0.25, 0.02, 0::numeric) $$,
  'a settlement takes the place of the one that gave the row up'
);
select results_eq(
  $$ select cases.n, log.status, log.error_message, log.model, log.input_tokens, log.total_cost,
      log.upstream_cost
    from cases join public.request_logs as log on log.id = pg_temp.request(n + 100)
    where takes_cost and n < 8 order by cases.n $$,
  $$ select n, status, error, 'asked/for', n::bigint, 0.25, 0.01 from cases
    where takes_cost and n < 8 order by 1 $$,
  'a row that ended otherwise takes the cost that it lacks, and keeps what it has'
);
select is_empty(
  $$ select from cases join before on before.id = pg_temp.request(n + 100)
    join public.request_logs as log using (id)
    where log.response_time is distinct from (before.row).response_time $$,
  'a request has ended when its row first did, however late more is learnt'
);
select is_empty('select pg_temp.miscounted()', 'and in the totals, to the last token and digit');

-- A row that does not exist.
select is(
  pg_temp.settle(404, 'completed'), '{"settled": false, "total_cost": null}',
  'a request that nobody admitted is not settled'
);
select is(
  pg_temp.settle(404, 'completed', cost => '1'), '{"settled": false, "total_cost": null}',
  'nor does a cost make it exist'
);

-- One request alone, whose model was not known when its worker was retired.
delete from public.request_logs;
delete from public.usage_daily;
do $$
begin
  perform pg_temp.admit(1);
  perform pg_temp.settle(
    1, 'failed', 'worker_retired: wall_clock', '0.1', '0.01', tokens => 7
  );
end;
$$;
select results_eq(
  'select model, requests, failed_requests, total_cost, upstream_cost from public.usage_daily',
  $$ values ('asked/for', 1::bigint, 1::bigint, 0.1, 0.01) $$,
  'a worker that is about to be retired settles what it has'
);
select is(
  pg_temp.settle(1, 'failed', 'worker_retired: cpu', '0.2', '0.02', tokens => 8),
  '{"settled": true, "total_cost": "0.2"}',
  'and again when it has more'
);
select is(
  pg_temp.settle(1, 'completed', null, '0.5', '0.03', 'answered/by', 9),
  '{"settled": true, "total_cost": "0.5"}',
  'and again when it lives to the end'
);
select results_eq(
  'select * from public.usage_daily',
  $$ values ('did:key:alice', '2026-03-10'::date, 'answered/by', '/chat/completions', 1::bigint,
      0::bigint, 9::bigint, 10::bigint, 11::bigint, 12::bigint, 0.5, 0.03, 0::bigint) $$,
  'which is counted once, and nothing is left of the model that did not answer'
);
select is(
  public.usage_stats('did:key:alice') -> 'requests_by_model', '{"answered/by": 1}',
  'as the statistics say'
);
select is(
  pg_temp.settle(1, 'completed', null, '0.5', '0.03', 'answered/by', 9),
  '{"settled": false, "total_cost": "0.5"}',
  'a settlement sent again, because its answer got lost, is told the cost'
);
select is(
  pg_temp.settle(1, 'failed', 'worker_retired: wall_clock', '0.1', '0.01'),
  '{"settled": false, "total_cost": "0.5"}',
  'one that comes in late is told the later cost'
);
select is_empty('select pg_temp.miscounted()', 'neither is counted');

-- The former model's totals stay where other requests are in them.
do $$
begin
  perform pg_temp.admit(2), pg_temp.admit(3);
  perform pg_temp.settle(2, 'completed', null, '1', '0', tokens => 1);
  perform pg_temp.settle(3, 'failed', 'worker_retired: wall_clock');
  perform pg_temp.settle(3, 'completed', null, '2', '0', 'answered/by', 1);
end;
$$;
select results_eq(
  'select model, requests, total_cost from public.usage_daily order by model',
  $$ values ('answered/by', 2::bigint, 2.5), ('asked/for', 1, 1) $$,
  'a request that moves to another model leaves the others of its first one'
);

-- Without any model, the former totals are those of "unknown".
do $$
begin
  perform pg_temp.admit(4, null);
  perform pg_temp.settle(4, 'failed', 'worker_lost: it ended');
  perform pg_temp.settle(4, 'completed', null, '4', '0', 'answered/by', 1);
end;
$$;
select is_empty(
  $$ select from public.usage_daily where model = 'unknown' $$,
  'a model that becomes known leaves none unknown'
);

-- A cost that was booked late is part of what the next settlement replaces.
do $$
begin
  perform pg_temp.admit(5);
  perform public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(5), 'request_time', '2026-03-10 23:59:59.999999+00', 'status', 'failed',
    'error_message', 'worker_retired: wall_clock', 'generation_id', 'job-5', 'given_up', true
  ));
end;
$$;
select ok(public.book_cost(jsonb_build_object(
  'did', 'did:key:alice', 'generation_id', 'job-5', 'cost', '10', 'upstream_cost', '1',
  'cost_source', 'response'
)), 'a row given up is booked late');
select is(
  pg_temp.settle(5, 'completed', tokens => 1), '{"settled": false, "total_cost": "10"}',
  'which a settlement that knows no cost does not undo'
);
select is(
  pg_temp.settle(5, 'completed', null, '11', '2', tokens => 1),
  '{"settled": true, "total_cost": "11"}',
  'but one with a cost takes its place'
);
select is_empty('select pg_temp.miscounted()', 'all of these are counted once');

-- A row that its client left takes with the cost whatever else it lacks, and nothing that it has.
create temporary table told on commit drop as
select says, format(
  '{"model": "model %1$s", "provider": "provider %1$s", "generation_id": "generation %1$s", "native_finish_reason": "reason %1$s",
    "input_tokens": %1$s1, "output_tokens": %1$s2, "cached_tokens": %1$s3, "reasoning_tokens": %1$s4,
    "upstream_cost": "0.%1$s0", "first_byte_ms": %1$s5}', says
)::jsonb as members
from unnest('{8, 9}'::integer[]) as says;
do $$
begin
  perform pg_temp.admit(n, null) from unnest('{7, 8}'::integer[]) as n;
  perform public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'request_time', '2026-03-10 23:59:59.999999+00', 'status', status,
    'error_message', 'client_disconnected', 'cost', cost
  ) || coalesce((select members from told where told.says = ended.says), '{}'))
  from (values
    (7, 'failed', null, null), (8, 'failed', null, 8), (7, 'completed', '7.0', 9), (8, 'completed', '8.0', 9)
  ) as ended (n, status, cost, says);
end;
$$;
select results_eq(
  $$ select right(id::text, 1)::integer, to_jsonb(log) - 'upstream_cost' @> (members - 'upstream_cost'),
      upstream_cost::text, total_cost::text
    from (values (7, 9), (8, 8)) as kept (n, says)
    join told using (says) join public.request_logs as log on log.id = pg_temp.request(n)
    order by n $$,
  $$ values (7, true, '0.9', '7'), (8, true, '0.8', '8') $$,
  'a row takes with its cost whatever else it lacks, and keeps what it has'
);
select is_empty('select pg_temp.miscounted()', 'which the totals count');

-- What is refused changes nothing.
do $$
begin
  perform pg_temp.admit(6);
  perform pg_temp.settle(6, 'failed', 'worker_retired: wall_clock', '0.1', '0.01', tokens => 7);
end;
$$;
select throws_ok(
  $$ select pg_temp.settle(6, 'pending', null, '1') $$, '23514', null,
  'a row that has ended cannot become pending'
);
select is(
  pg_temp.settle(6, 'completed', null, 'NaN'), '{"settled": false, "total_cost": "0.1"}',
  'nor lose its cost to one that is no number'
);
select is_empty('select pg_temp.miscounted()', 'and its totals stay');

select * from finish();
rollback;

-- A cost that is known after its row has ended is booked once, on the row that it belongs to.
begin;
select plan(14);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
insert into public.request_logs (id, did, method, endpoint, request_time)
select pg_temp.request(n), 'did:key:alice', 'POST', case n when 2 then '/videos' else '/x' end,
  '2026-03-10 12:00:00+00'
from generate_series(1, 3) as n;
set local role service_role;
-- A time zone in which the requests' day is the next one.
set local timezone = 'Pacific/Kiritimati';

create function pg_temp.book(members jsonb) returns boolean language sql as $$
  select public.book_cost(
    jsonb_build_object('cost', '0.5', 'usd_per_credit', '1', 'cost_source', 'generation') || members
  );
$$;
create function pg_temp.row(n integer) returns jsonb language sql as $$
  select jsonb_build_object('request_id', id, 'request_time', request_time)
  from public.request_logs where id = pg_temp.request(n);
$$;

select is(pg_temp.book(pg_temp.row(1)), false, 'a pending row gets its cost from its settlement');
do $$
begin
  perform public.settle_request(pg_temp.row(n) || jsonb_build_object(
    'status', 'completed', 'generation_id', 'gen', 'input_tokens', 7
  )) from generate_series(1, 2) as n;
end;
$$;
select is(
  (select requests_without_cost from public.usage_daily where endpoint = '/x'), 1::bigint,
  'the cost of an ended row is unknown'
);
select is(pg_temp.book(pg_temp.row(1) || '{"cost": null}'), false, 'no cost is not booked');
select is(
  pg_temp.book(pg_temp.row(1) || '{"request_time": "2026-03-10 12:00:01+00"}'), false,
  'a row is found under its own time alone'
);
select is(
  pg_temp.book(pg_temp.row(1) || '{
    "generation_id": "other", "model": "answered/by", "provider": "P", "native_finish_reason": "stop",
    "input_tokens": 70, "output_tokens": 5, "cached_tokens": 3, "reasoning_tokens": 2,
    "cost": "50", "upstream_cost": "10", "usd_per_credit": "0.01", "cost_source": "reconciliation"
  }'),
  true, 'a cost is booked on the row that it names'
);
select results_eq(
  $$ select status, generation_id, model, provider, native_finish_reason, input_tokens, output_tokens,
      cached_tokens, reasoning_tokens, total_cost, upstream_cost, cost_source
    from public.request_logs where id = pg_temp.request(1) $$,
  $$ values ('completed', 'gen', 'answered/by', 'P', 'stop', 7::bigint, 5::bigint, 3::bigint,
      2::bigint, 0.5, 0.1, 'reconciliation') $$,
  'with what else the row lacks; what it has stays'
);
select results_eq(
  $$ select day, model, requests, requests_without_cost, input_tokens, output_tokens, total_cost,
      upstream_cost from public.usage_daily where endpoint = '/x' $$,
  $$ values ('2026-03-10'::date, 'answered/by', 1::bigint, 0::bigint, 7::bigint, 5::bigint, 0.5, 0.1) $$,
  'the totals move to the model that answered, and know the cost'
);
select is(pg_temp.book(pg_temp.row(1)), false, 'once');

select is(
  pg_temp.book('{"did": "did:key:bob", "generation_id": "gen"}'), false,
  'a DID''s generation is its own'
);
select is(
  pg_temp.book('{"did": "did:key:alice", "generation_id": "gen", "cost": "0.25"}'), true,
  'a cost is booked on the row of a DID''s job'
);
select is(
  (select total_cost from public.request_logs where id = pg_temp.request(2)), 0.25,
  'the one that began it'
);
select is(
  pg_temp.book('{"did": "did:key:alice", "generation_id": "gen", "cost": "0.25"}'), false, 'once, too'
);
select throws_ok(
  $$ select public.settle_request(pg_temp.row(3) || '{"status": "completed"}');
    select pg_temp.book(pg_temp.row(3) || '{"cost": "NaN"}') $$,
  '23514', null, 'what is no cost is refused'
);
select results_eq(
  'select sum(requests), sum(requests_without_cost), sum(total_cost) from public.usage_daily',
  'values (2::numeric, 0::numeric, 0.75)', 'and the totals have each request once'
);

select * from finish();
rollback;

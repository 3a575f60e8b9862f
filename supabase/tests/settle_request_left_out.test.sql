-- What Postgres refuses of a settlement is left out of it: the row ends all the same, with the rest.
begin;
select plan(20);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.settle(n integer, members jsonb) returns jsonb language sql as $$
  insert into public.request_logs (id, did, method, endpoint, model)
  values (pg_temp.request(n), 'did:key:alice', 'POST', '/x', 'asked/for');
  select public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'request_time', now(), 'status', 'completed',
    'http_status', 200, 'model', 'answered/by', 'generation_id', 'gen-' || n, 'provider', 'P',
    'input_tokens', 7, 'cost', '0.5', 'usd_per_credit', '1', 'cost_source', 'response'
  ) || members);
$$;
set local role service_role;

select is(
  pg_temp.settle(n, members) - 'settled',
  jsonb_build_object('total_cost', cost, 'left_out', left_out),
  format('%s leaves out %s', left(members::text, 80), left_out)
)
from (values
  (1, '{"cost": "NaN"}', null, 'cost'),
  (2, '{"cost": "1e400"}', null, 'cost'),
  (3, '{"cost": "-0.5"}', null, 'cost'),
  (4, '{"cost": "Infinity"}', null, 'cost'),
  (5, '{"cost": "half"}', null, 'cost'),
  (6, format('{"cost": "0.%s"}', repeat('1', 17000)), null, 'cost'),
  (7, '{"upstream_cost": "1e400"}', '0.5', 'upstream_cost'),
  (8, '{"input_tokens": 9007199254740993}', '0.5', 'input_tokens'),
  (9, '{"output_tokens": -1}', '0.5', 'output_tokens'),
  (10, '{"reasoning_tokens": 99999999999999999999}', '0.5', 'reasoning_tokens'),
  (11, '{"http_status": 100000}', '0.5', 'http_status'),
  (12, '{"cost_source": "guess"}', '0.5', 'cost_source'),
  (13, '{"usd_per_credit": "much"}', null, 'usd_per_credit, cost'),
  (14, '{"cost": "-1", "input_tokens": 1e400, "cached_tokens": "x"}', null,
    'cached_tokens, cost, input_tokens'),
  (18, '{"usd_per_credit": "much", "upstream_cost": "1"}', null, 'usd_per_credit, cost, upstream_cost')
) as refused (n, text, cost, left_out), lateral (select text::jsonb) as parsed (members)
order by n;
select is_empty(
  $$ select id from public.request_logs
    where (status, model, generation_id, provider) <> ('completed', 'answered/by', 'gen-' || right(id::text, 12)::integer, 'P') $$,
  'each row has ended, and has everything else'
);
-- An id that no index can hold; one that repeats itself would be compressed.
select is(
  pg_temp.settle(15, jsonb_build_object('generation_id', (
    select string_agg(md5(n::text), '') from generate_series(1, 200) as n
  ))) ->> 'left_out',
  'generation_id', 'a text that is too long for an index is left out'
);
select is(
  pg_temp.settle(16, '{"cost": null, "provider": null}') ->> 'left_out', null,
  'what is not known is not left out'
);
select results_eq(
  $$ select requests, requests_without_cost, input_tokens, total_cost from public.usage_daily $$,
  $$ select count(*), count(*) filter (where total_cost is null), sum(input_tokens)::bigint, sum(total_cost)
    from public.request_logs $$,
  'the totals have what the rows have'
);

-- Totals that are full already.
update public.usage_daily set input_tokens = 9223372036854775807;
select is(
  pg_temp.settle(17, '{}'), '{"settled": true, "total_cost": "0.5", "left_out": "input_tokens"}',
  'nor does a total that is full keep a row from ending'
);

select * from finish();
rollback;

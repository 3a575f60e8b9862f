-- Maintenance claims the rows whose cost it asks OpenRouter for: each for a while, and each again.
begin;
select plan(16);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
insert into public.request_logs (
  id, did, method, endpoint, request_time, status, response_time, generation_id, total_cost
)
select pg_temp.request(n), 'did:key:alice', 'POST', '/x', now() - interval '1 hour' + n * interval '1 second',
  status, case when status <> 'pending' then now() - ended_ago end, generation_id, cost
from (values
  (1, 'completed', interval '10 seconds', 'gen-1', null::numeric),
  (2, 'failed', interval '1 minute', 'gen-2', null),
  (3, 'completed', interval '9.9 seconds', 'gen-3', null),
  (4, 'completed', interval '1 minute', null, null),
  (5, 'completed', interval '1 minute', 'gen-5', 0),
  (6, 'pending', null, 'gen-6', null)
) as rows (n, status, ended_ago, generation_id, cost);
set local role service_role;

create function pg_temp.claimed(answer jsonb) returns text language sql as $$
  select string_agg(generation_id || ' ' || cost_asks, ', ' order by place) || '; ' || (answer ->> 'left')
  from jsonb_array_elements(answer -> 'requests') with ordinality as requests (request, place)
  join public.request_logs on id = (request ->> 'request_id')::uuid;
$$;
create function pg_temp.wait(p_interval interval) returns void language sql as $$
  update public.request_logs set cost_ask_after = cost_ask_after - p_interval;
$$;

select is(public.claim_unpriced_requests(0), '{"requests": [], "left": 2}', 'those that ended ten seconds ago can be claimed');
select is(
  pg_temp.claimed(public.claim_unpriced_requests(1)), 'gen-1 1; 1',
  'the oldest row that ended ten seconds ago without a cost is claimed first, and the others counted'
);
select is(
  public.claim_unpriced_requests(10) -> 'requests',
  jsonb_build_array(jsonb_build_object(
    'request_id', pg_temp.request(2), 'request_time', now() - interval '1 hour' + interval '2 seconds',
    'did', 'did:key:alice', 'endpoint', '/x', 'generation_id', 'gen-2'
  )),
  'then the next, and none that has no generation, has a cost, is pending, or is claimed'
);
select is(
  public.claim_unpriced_requests(10), '{"requests": [], "left": 0}', 'then none'
);

select pg_temp.wait('59 seconds');
select is(public.claim_unpriced_requests(10) -> 'requests', '[]', 'nor within a minute');
select pg_temp.wait('1 second');
select is(
  pg_temp.claimed(public.claim_unpriced_requests(10)), 'gen-1 2, gen-2 2; 0', 'after a minute again'
);
select pg_temp.wait('119 seconds');
select is(public.claim_unpriced_requests(10) -> 'requests', '[]', 'then twice as late');
select pg_temp.wait('1 second');
select is(
  pg_temp.claimed(public.claim_unpriced_requests(10)), 'gen-1 3, gen-2 3; 0', 'and so on'
);
update public.request_logs set cost_asks = 11;
select pg_temp.wait('1 day');
select is(pg_temp.claimed(public.claim_unpriced_requests(10)), 'gen-1 12, gen-2 12; 0', 'until');
select pg_temp.wait('23:59:59');
select is(public.claim_unpriced_requests(10) -> 'requests', '[]', 'it is asked for once a day');
select pg_temp.wait('1 second');
update public.request_logs set cost_ask_after = cost_ask_after - interval '1 second' where generation_id = 'gen-2';
select is(
  pg_temp.claimed(public.claim_unpriced_requests(1)), 'gen-2 13; 1', 'for ever, and no more than are asked for, who has waited longest first'
);
update public.request_logs set cost_asks = 32767;
select pg_temp.wait('1 day');
select lives_ok('select public.claim_unpriced_requests(10)', 'however often that was');

-- A row that got its cost meanwhile.
select pg_temp.wait('1 day');
select ok(
  public.book_cost(jsonb_build_object('did', 'did:key:alice', 'generation_id', 'gen-1', 'cost', '1')),
  'a row whose cost was found'
);
select is(pg_temp.claimed(public.claim_unpriced_requests(10)), 'gen-2 1000; 0', 'is not claimed again');
select is(
  (select count(*) from public.request_logs where cost_ask_after is not null), 2::bigint,
  'nothing else was touched'
);

-- Those never claimed and those that are due again are so many together.
reset role;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, generation_id, cost_ask_after)
select pg_temp.request(n), 'did:key:alice', 'POST', '/x', now() - interval '1 hour' + n * interval '1 second', 'completed', now() - interval '1 minute',
  'gen-' || n, now() - ago
from (values (7, interval '2 minutes'), (8, '1 minute'), (9, null)) as rows (n, ago);
set local role service_role;
select is(
  pg_temp.claimed(public.claim_unpriced_requests(2)), 'gen-7 1, gen-9 1; 1', 'of each kind some, told in the order of their times'
);

select * from finish();
rollback;

-- The cost of a job that is known only after its request has ended.
begin;
select plan(13);

insert into public.request_logs (id, did, method, endpoint, model, request_time)
values
  ('00000000-0000-0000-0000-000000000001', 'did:key:alice', 'POST', '/videos', 'veo', '2026-03-10 23:00:00+00'),
  ('00000000-0000-0000-0000-000000000002', 'did:key:alice', 'POST', '/videos', 'veo', '2026-03-10 12:00:00+00'),
  ('00000000-0000-0000-0000-000000000003', 'did:key:alice', 'POST', '/videos', null, '2026-03-10 12:00:00+00');
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed',
    'generation_id', 'video-' || right(id::text, 1), 'cost', case right(id::text, 1) when '2' then '0' end
  ))
  from public.request_logs;
end;
$$;
insert into public.request_logs (id, did, method, endpoint, generation_id)
values ('00000000-0000-0000-0000-000000000004', 'did:key:alice', 'POST', '/videos', 'video-4');

-- Books what OpenRouter says that a job has cost.
create function pg_temp.book(
  did text, generation_id text, cost text, upstream_cost text default null, usd_per_credit text default '1'
) returns boolean language sql as $$
  select public.book_cost(jsonb_build_object(
    'did', did, 'generation_id', generation_id, 'cost', cost, 'upstream_cost', upstream_cost,
    'usd_per_credit', usd_per_credit, 'cost_source', 'response'
  ));
$$;

set local role service_role;
-- A time zone in which the request's day is the next one.
set local timezone = 'Pacific/Kiritimati';

select is(
  pg_temp.book('did:key:bob', 'video-1', '1'), false,
  'a DID cannot have another''s job booked'
);
select is(pg_temp.book('did:key:alice', 'video-9', '1'), false, 'an unknown job is not booked');
select is(
  pg_temp.book('did:key:alice', 'video-4', '1'), false,
  'a pending request gets its cost from its settlement'
);
select is(
  pg_temp.book('did:key:alice', 'video-2', '1'), false,
  'a cost of zero was known already'
);
select is(
  (select sum(total_cost) from public.usage_daily), 0::numeric, 'none of these costs anything'
);

select is(
  pg_temp.book('did:key:alice', 'video-1', '400000', '1000', '0.000001'), true,
  'the cost of an ended request is booked'
);
select is(
  pg_temp.book('did:key:alice', 'video-1', '400000', '1000', '0.000001'), false,
  'once'
);
select results_eq(
  $$ select total_cost, upstream_cost, cost_source from public.request_logs
    where generation_id = 'video-1' $$,
  $$ values (0.4, 0.001, 'response') $$,
  'its row says so, in dollars'
);
select results_eq(
  $$ select day, requests, total_cost, upstream_cost from public.usage_daily where model = 'veo' $$,
  $$ values ('2026-03-10'::date, 2::bigint, 0.4, 0.001) $$,
  'the totals of its day have the cost and no further request'
);
select is(
  pg_temp.book('did:key:alice', 'video-3', '0.1'), true,
  'a request without a model is booked'
);
select is(
  (select total_cost from public.usage_daily where model = 'unknown'), 0.1,
  'under the totals that it is counted in'
);

-- Two that carry the id of one job, the one that cancelled it in the table first.
reset role;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, generation_id)
select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'did:key:alice', 'POST', endpoint, '2026-03-10 12:00:00+00', 'completed', now(), 'video-5'
from (values (5, '/videos/video-5/cancel'), (6, '/videos')) as rows (n, endpoint) order by n;
set local role service_role;
select is(pg_temp.book('did:key:alice', 'video-5', '3'), true, 'a job that was cancelled has a cost');
select results_eq(
  $$ select endpoint, total_cost from public.request_logs where generation_id = 'video-5' order by id $$,
  $$ values ('/videos/video-5/cancel', null::numeric), ('/videos', 3) $$, 'which is the job''s'
);

select * from finish();
rollback;

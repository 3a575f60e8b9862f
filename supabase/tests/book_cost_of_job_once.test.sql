-- A job's cost is booked on one row, however many requests carry the job's id.
begin;
select plan(16);

insert into public.request_logs (id, did, method, endpoint, model, request_time)
values
  -- Older than the job's own row, which no clock should allow, but which would be the first by time.
  ('00000000-0000-0000-0000-000000000001', 'did:key:alice', 'POST', '/videos/job-a/cancel', 'veo', '2026-03-10 10:00:00+00'),
  ('00000000-0000-0000-0000-000000000002', 'did:key:alice', 'POST', '/videos', 'veo', '2026-03-10 12:00:00+00'),
  ('00000000-0000-0000-0000-000000000003', 'did:key:alice', 'POST', '/videos', 'veo', '2026-03-10 13:00:00+00'),
  -- No row of /videos: the oldest, and of two at one instant the first by id.
  ('00000000-0000-0000-0000-000000000012', 'did:key:alice', 'POST', '/videos/job-b/cancel', 'veo', '2026-03-11 10:00:00+00'),
  ('00000000-0000-0000-0000-000000000011', 'did:key:alice', 'POST', '/videos/job-b/cancel', 'veo', '2026-03-11 10:00:00+00'),
  ('00000000-0000-0000-0000-000000000013', 'did:key:alice', 'POST', '/videos/job-b/cancel', 'veo', '2026-03-11 11:00:00+00'),
  -- Another DID's row with the same id.
  ('00000000-0000-0000-0000-000000000021', 'did:key:bob', 'POST', '/videos', 'veo', '2026-03-10 12:00:00+00');
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'generation_id', case when right(id::text, 2) like '1_' then 'job-b' else 'job-a' end
  ))
  from public.request_logs;
end;
$$;
-- A pending row of /videos would come first, if it could be booked.
insert into public.request_logs (id, did, method, endpoint, model, request_time, generation_id)
values ('00000000-0000-0000-0000-000000000014', 'did:key:alice', 'POST', '/videos', 'veo', '2026-03-11 09:00:00+00', 'job-b');

create function pg_temp.booked() returns table (n text, cost numeric, upstream_cost numeric)
language sql as $$
  select right(id::text, 2), total_cost, upstream_cost from public.request_logs
  where total_cost is not null order by id;
$$;

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
set local timezone = 'Pacific/Kiritimati';

select is(pg_temp.book('did:key:alice', 'job-a', null, '1'), false, 'no cost is not booked');
select is_empty('select * from pg_temp.booked()', 'on any row');

select is(
  pg_temp.book('did:key:alice', 'job-a', '0.5', '0.1'), true,
  'a job whose id two requests carry is booked'
);
select results_eq(
  'select * from pg_temp.booked()', $$ values ('02', 0.5, 0.1) $$,
  'on the oldest row of /videos, though another request with its id is older'
);
select is(
  pg_temp.book('did:key:alice', 'job-a', '0.5', '0.1'), false,
  'once: the other rows, whose cost is unknown, do not take it'
);
insert into public.request_logs (id, did, method, endpoint, model)
values ('00000000-0000-0000-0000-000000000004', 'did:key:alice', 'POST', '/videos/job-a/cancel', 'veo');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'generation_id', 'job-a'
  )) ->> 'settled',
  'true', 'a later request with the job''s id'
)
from public.request_logs where id = '00000000-0000-0000-0000-000000000004';
select is(
  pg_temp.book('did:key:alice', 'job-a', '0.5', '0.1'), false, 'does not take it either'
);
select results_eq(
  $$ select did, requests, total_cost, upstream_cost from public.usage_daily
    where day = '2026-03-10' and endpoint = '/videos' order by did $$,
  $$ values ('did:key:alice', 2::bigint, 0.5, 0.1), ('did:key:bob', 1, 0, 0) $$,
  'the totals have it once, and not for another DID''s job of that id'
);

select is(
  pg_temp.book('did:key:alice', 'job-b', '0', '0.2'), true,
  'a job that has no ended row of /videos is booked'
);
select results_eq(
  'select * from pg_temp.booked()', $$ values ('02', 0.5, 0.1), ('11', 0, 0.2) $$,
  'on its oldest row, and of two at the same instant on the first by id'
);
select is(
  pg_temp.book('did:key:alice', 'job-b', '3'), false, 'once, even where it cost nothing'
);
select is(
  pg_temp.book('did:key:bob', 'job-a', '0.7'), true, 'another DID''s job of the same id has its own cost'
);
select is(
  pg_temp.book('did:key:bob', 'job-a', '0.7'), false, 'once'
);
select is(
  (select count(*)::integer from public.usage_daily where requests = 0), 0, 'no totals without a request'
);
select results_eq(
  'select sum(total_cost), sum(upstream_cost) from public.usage_daily',
  'select sum(total_cost), sum(upstream_cost) from public.request_logs',
  'the totals hold what the rows do'
);
select results_eq(
  'select sum(total_cost), sum(upstream_cost) from public.usage_daily', 'values (1.2, 0.3)',
  'which is what was booked'
);

select * from finish();
rollback;

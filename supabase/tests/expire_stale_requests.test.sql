-- A row whose gateway died ends all the same.
begin;
select plan(17);

insert into public.request_logs (id, did, method, endpoint, model, request_time, reserved_usd)
values
  ('00000000-0000-0000-0000-000000000001', 'did:key:alice', 'POST', '/x', 'm', now() - interval '16 minutes', 0.5),
  ('00000000-0000-0000-0000-000000000002', 'did:key:alice', 'POST', '/x', 'm', '2020-01-01 00:00:00+00', 0.5),
  ('00000000-0000-0000-0000-000000000003', 'did:key:alice', 'POST', '/x', 'm', now() - interval '14 minutes', 0.5),
  ('00000000-0000-0000-0000-000000000004', 'did:key:alice', 'POST', '/x', 'm', '2020-01-02 00:00:00+00', 0.5);

set local role service_role;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', '00000000-0000-0000-0000-000000000004', 'request_time', '2020-01-02 00:00:00+00',
    'status', 'completed', 'http_status', 200, 'cost', '1'
  ));
end;
$$;

select is(public.expire_stale_requests(), 2, 'what is pending for longer than any request lasts is ended');
select results_eq(
  $$ select right(id::text, 1), status, reserved_usd, split_part(error_message, ':', 1)
    from public.request_logs order by id $$,
  $$ values ('1', 'failed', 0::numeric, 'worker_lost'), ('2', 'failed', 0, 'worker_lost'),
    ('3', 'pending', 0.5, null), ('4', 'completed', 0, null) $$,
  'as failed, with its reservation released; what is young or has ended stays as it is'
);
select is_empty(
  $$ select from public.request_logs where status = 'failed' and response_time is null $$,
  'the row says when'
);
select is_empty(
  $$ select from public.request_logs where status = 'failed' and total_cost is not null $$,
  'its cost is unknown, not zero'
);
select results_eq(
  'select sum(requests)::bigint, sum(failed_requests)::bigint, sum(total_cost) from public.usage_daily',
  'values (3::bigint, 2::bigint, 1::numeric)',
  'the totals count it as failed'
);
select is(public.expire_stale_requests(), 0, 'once');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', '00000000-0000-0000-0000-000000000001', 'request_time', now() - interval '16 minutes',
    'status', 'completed', 'http_status', 200, 'cost', '1'
  )) ->> 'settled',
  'true', 'a settlement that comes too late is taken all the same'
);
select is(
  (select sum(requests)::bigint from public.usage_daily), 3::bigint, 'and is not counted again'
);
set local timezone = 'Pacific/Kiritimati';
select is(public.expire_stale_requests('14 minutes'), 0, 'the limit itself is not past the limit');
select is(public.expire_stale_requests('13 minutes'), 1, 'a shorter limit ends what is younger');

-- What is reserved for rows that have ended without a cost, by when they began.
delete from public.request_logs;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, given_up, reserved_usd)
select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'did:key:carol', 'POST', '/x', now() - age, 'failed', now(), given_up, 0.5
from (values
  (1, interval '14 minutes', true), (2, '15 minutes', true), (3, '15 minutes 1 second', true),
  (4, '1 hour', false), (5, '24 hours', false), (6, '24 hours 1 second', false),
  -- Began in the same microsecond as the third, as those do that are admitted together.
  (7, '15 minutes 1 second', false)
) as ended (n, age, given_up);
select is(public.expire_stale_requests(), 0, 'none of those that have ended ends again');
select is(
  (select string_agg(right(id::text, 1), ' ' order by id) from public.request_logs where reserved_usd = 0), '3 6',
  'but what was given up is freed once nobody can settle it, and everything else after a day'
);

-- A backlog.
insert into public.request_logs (id, did, method, endpoint, request_time, reserved_usd)
select gen_random_uuid(), 'did:key:bob', 'POST', '/x', '2020-02-01 00:00:00+00'::timestamptz + n * interval '1 second', case n when 1001 then 0.5 else 0 end
from generate_series(1001, 1, -1) as n;
select is(public.expire_stale_requests(), 1000, 'a sweep ends a thousand at most');
select results_eq(
  $$ select request_time, reserved_usd from public.request_logs where did = 'did:key:bob' and status = 'pending' $$,
  $$ values ('2020-02-01 00:16:41+00'::timestamptz, 0.5) $$,
  'the oldest first; what is reserved for one that is still pending stays so'
);
select is(public.expire_stale_requests(), 1, 'and the next sweep the rest');

-- So many are freed at a time, too.
delete from public.request_logs;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, reserved_usd)
select gen_random_uuid(), 'did:key:bob', 'POST', '/x', timestamptz '2020-02-01 00:00:00+00' + n * interval '1 second', 'failed',
  timestamptz '2020-03-01 00:00:00+00' - n * interval '1 second', case when n > 0 then 0.5 else 0 end
from generate_series(1001, -999, -1) as n;
select public.expire_stale_requests();
select results_eq(
  'select request_time from public.request_logs where reserved_usd <> 0', $$ values (timestamptz '2020-02-01 00:16:41+00') $$,
  'of what is reserved without need a thousand are freed, the oldest first'
);

select throws_ok(
  $$ select public.expire_stale_requests('-1 hour') $$, '22023',
  'p_older_than must not be negative: -01:00:00 ends requests that are under way', 'none is that is under way, by mistake'
);

select * from finish();
rollback;

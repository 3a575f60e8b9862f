-- Many costs at once.
begin;
select plan(12);

insert into public.request_logs (id, did, method, endpoint, model, status, response_time, generation_id)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'did:key:alice', 'POST', '/x', 'm', 'failed', now() + interval '2 seconds', 'gen-' || n
from generate_series(1, 4) as n;
select count(public.count_in_usage(log, 1)) from public.request_logs as log;
create function pg_temp.cost(n integer, p_cost text) returns jsonb language sql as $$
  select jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'cost', p_cost, 'cost_source', 'generation',
    'usd_per_credit', '2'
  )
  from public.request_logs where generation_id = 'gen-' || n;
$$;

select is(
  public.book_costs(jsonb_build_array(
    pg_temp.cost(1, '0.5'), pg_temp.cost(2, '1e400'), pg_temp.cost(2, '1e131072'), pg_temp.cost(3, '-1'), pg_temp.cost(3, 'free'),
    pg_temp.cost(4, '7e-6'), pg_temp.cost(1, '9')
  )),
  2,
  'each is booked once, and what Postgres refuses keeps the others from nothing'
);
select results_eq(
  $$ select total_cost from public.request_logs order by generation_id $$,
  $$ values (1.0::numeric), (null), (null), (0.000014) $$,
  'in dollars'
);
select results_eq(
  $$ select total_cost, requests, requests_without_cost from public.usage_daily where did = 'did:key:alice' $$,
  $$ values (1.000014::numeric, 4::bigint, 2::bigint) $$,
  'and counted'
);
select is(
  public.book_costs(jsonb_build_array(pg_temp.cost(2, '1'))), 1, 'one alone is booked, too'
);

update public.request_logs set cost_asks = 3, cost_ask_after = now() + interval '1 hour';
select public.give_back_unpriced_requests(
  (select jsonb_agg(jsonb_build_object('request_id', id, 'request_time', request_time))
    from public.request_logs)
);
select results_eq(
  $$ select cost_asks from public.request_logs where total_cost is null $$,
  $$ values (2::smallint) $$,
  'a claim that is given back does not count'
);
select results_eq(
  $$ select distinct cost_asks, cost_ask_after > now() from public.request_logs where total_cost is not null $$,
  $$ values (3::smallint, true) $$,
  'what was priced meanwhile stays as it is'
);
select is(
  (public.claim_unpriced_requests(10) -> 'requests' -> 0 ->> 'generation_id'), 'gen-3',
  'and can be claimed again at once'
);

-- A row's first cost counts, however many are told, and whatever else they are told with.
insert into public.request_logs (id, did, method, endpoint, model, status, response_time, generation_id)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'did:key:alice', 'POST', '/x', 'm', 'failed', now() + interval '2 seconds', 'gen-' || n
from generate_series(5, 7) as n;
update public.request_logs set cost_asks = case generation_id when 'gen-7' then 0 else 3 end where total_cost is null;
select public.give_back_unpriced_requests(jsonb_agg(jsonb_build_object('request_id', id, 'request_time', request_time - case generation_id when 'gen-6' then interval '1 hour' else '0' end)))
from public.request_logs where generation_id in ('gen-5', 'gen-6', 'gen-7');
select is(
  (select string_agg(generation_id || ' ' || cost_asks, ', ' order by generation_id) from public.request_logs where total_cost is null),
  'gen-3 3, gen-5 2, gen-6 3, gen-7 0', 'only the claim that is named is given back, and none that was not made'
);
select is(
  public.book_costs((select jsonb_agg(pg_temp.cost(6 - n % 2, (n + 1)::text) order by n) from generate_series(0, 39) as n)),
  2, 'of many costs of two rows each row has one'
);
select results_eq(
  $$ select generation_id, total_cost from public.request_logs where generation_id in ('gen-5', 'gen-6') order by 1 $$,
  $$ values ('gen-5', 4::numeric), ('gen-6', 2) $$, 'the first of its own'
);
-- Whom another transaction is in the way of is left for another time.
create function pg_temp.be_in_the_way() returns trigger language plpgsql as $$
begin
  raise exception 'deadlock detected' using errcode = '40P01';
end;
$$;
update public.request_logs set total_cost = null where generation_id = 'gen-6';
create trigger in_the_way before update on public.request_logs
for each row when (new.generation_id = 'gen-7') execute function pg_temp.be_in_the_way();
select is(public.book_costs(jsonb_build_array(pg_temp.cost(7, '1'), pg_temp.cost(6, '1'))), 1, 'what cannot be booked now keeps nothing else from it');
update public.request_logs set total_cost = null, request_time = request_time - interval '1 microsecond' where generation_id = 'gen-5';
select is(public.book_costs(jsonb_build_array(pg_temp.cost(5, '1'))), 1, 'nor need any other be of the same instant');

select * from finish();
rollback;

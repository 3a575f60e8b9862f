-- Budgets: what is reserved, spent and refused, over days, months and years, to the second.
begin;
-- In which instants are told here.
set local timezone = 'UTC';
select plan(124);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name
from unnest('{alice, bob, carol, dave}'::text[]) as name;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

-- Admits a call at a time that the test chooses; the answer, with the call's id.
create function pg_temp.admit(
  did text, usd text, at timestamptz default now(), more jsonb default '{}'
) returns jsonb language plpgsql as $$
declare
  v_asked jsonb := jsonb_build_object(
    'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'models', '["openai/gpt-4o-mini"]'::jsonb,
    'estimate', jsonb_build_array(jsonb_build_object('usd', usd))
  ) || more;
begin
  return public.enter_admission(jsonb_populate_record(null::public.admission, v_asked), at)
    || jsonb_build_object('id', v_asked -> 'request_id');
end;
$$;

create function pg_temp.settle(admitted jsonb, cost text, more jsonb default '{}')
returns jsonb language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', admitted -> 'id', 'request_time', admitted -> 'request_time',
    'status', 'completed', 'http_status', 200, 'cost', cost
  ) || more);
$$;

-- day spent, day reserved, month spent, month reserved, under way.
create function pg_temp.books(name text) returns text language sql as $$
  select concat_ws(' ', trim_scale(day_spent_usd), trim_scale(day_reserved_usd),
    trim_scale(month_spent_usd), trim_scale(month_reserved_usd), requests_under_way)
  from public.budgets where did = name;
$$;

delete from public.budgets;
set local role service_role;

-- What a call reserves, and what it leaves.
select public.set_limits('did:key:alice', daily_budget_usd => 1, monthly_budget_usd => 1.5);
create temporary table calls on commit drop as
select 1 as n, pg_temp.admit('did:key:alice', '0.4', '2028-02-28 10:00:00+00') as answer;
select is(answer ->> 'decision', 'admitted', 'a call within its budgets is admitted') from calls;
select is(answer ->> 'remaining_usd', '0.6', 'and told what is left') from calls;
select is(pg_temp.books('did:key:alice'), '0 0.4 0 0.4 1', 'its estimate is reserved');
select is(pg_temp.books('*'), '0 0.4 0 0.4 0', 'for all together, too');
select is(
  (select estimate_usd || ' ' || reserved_usd || ' ' || reserved_on from public.request_logs),
  '0.4 0.4 2028-02-28', 'and the row says so'
);
insert into calls select 2, pg_temp.admit('did:key:alice', '0.6', '2028-02-28 10:00:01+00');
select is((select answer ->> 'remaining_usd' from calls where n = 2), '0', 'a budget can be used to its last cent');
select is(
  pg_temp.admit('did:key:alice', '0.000000000000000001', '2028-02-28 23:59:59.999999+00')
    - 'id' - 'alerted',
  '{"decision": "budget_exceeded", "scope": "did", "period": "day", "limit_usd": "1",
    "spent_usd": "0", "reserved_usd": "1", "estimate_usd": "0.000000000000000001",
    "resets_at": "2028-02-29T00:00:00+00:00"}'::jsonb,
  'and by no more, which is told with all figures, to the end of the day'
);
select is((select count(*) from public.request_logs)::int, 2, 'what is refused has no row');
select is(
  public.refusal_by(
    public.budget_of('did:key:alice', '2028-02-28'), row(0.5, 0.5, null, null, null, null, null), 'did',
    0, false, now()
  ),
  null, 'what costs nothing passes, used up or not'
);
select is(pg_temp.settle(answer, '0.1') ->> 'settled', 'true', 'a call costs less than was reserved')
from calls where n = 1;
select is(pg_temp.books('did:key:alice'), '0.1 0.6 0.1 0.6 1', 'what it cost takes the place of what was reserved');
select is(pg_temp.books('*'), '0.1 0.6 0.1 0.6 0', 'for all together, too');

-- A leap day, and what settles on another day than it was reserved on.
insert into calls select 3, pg_temp.admit('did:key:alice', '0.5', '2028-02-29 00:00:00+00');
select is(pg_temp.books('did:key:alice'), '0 0.5 0.1 1.1 2', 'at midnight the day is new, and the month goes on');
select is(
  pg_temp.admit('did:key:alice', '0.5', '2028-02-29 12:00:00+00') - '{decision,scope,spent_usd,reserved_usd,estimate_usd,alerted,id}'::text[],
  '{"period": "month", "limit_usd": "1.5", "resets_at": "2028-03-01T00:00:00+00:00"}'::jsonb,
  'a leap day belongs to its month'
);
select lives_ok(
  $$ select pg_temp.settle(answer, '0.6') from calls where n = 2 $$,
  'what was reserved yesterday settles today'
);
select is(pg_temp.books('did:key:alice'), '0 0.5 0.7 0.5 1', 'it counts in the month, and not in the day');
insert into calls select 4, pg_temp.admit('did:key:alice', '1', '2028-03-01 00:00:00+00');
select is(pg_temp.books('did:key:alice'), '0 1 0 1 2', 'at the turn of the month both are new');
select lives_ok($$ select pg_temp.settle(answer, '0.5') from calls where n = 3 $$, 'what was reserved last month settles');
select is(pg_temp.books('did:key:alice'), '0 1 0 1 1', 'and counts in nothing of this month');
select is(
  (select string_agg(day || ' ' || trim_scale(total_cost), ', ' order by day) from public.usage_daily),
  '2028-02-28 0.7, 2028-02-29 0.5', 'the totals have all of it on its own day'
);
select lives_ok($$ select pg_temp.settle(answer, '1') from calls where n = 4 $$, 'a call settles');
insert into calls select 5, pg_temp.admit('did:key:alice', '0.5', '2028-12-31 23:59:59.999999+00');
insert into calls select 6, pg_temp.admit('did:key:alice', '1', '2029-01-01 00:00:00+00');
select is(pg_temp.books('did:key:alice'), '0 1 0 1 2', 'at the turn of the year both are new');

-- One that began before midnight, and is decided on after one that did not.
insert into calls select 7, pg_temp.admit('did:key:bob', '0.3', '2028-12-31 23:59:59.999999+00');
select is(
  (select reserved_on::text from public.request_logs where did = 'did:key:bob'), '2029-01-01',
  'a straggler of the old day reserves in the new one'
);
select is(pg_temp.books('did:key:bob'), '0 0.3 0 0.3 1', 'in its DID''s budget');
select is(pg_temp.books('*'), '0 1.3 0 1.3 0', 'and in that of all');
select lives_ok($$ select pg_temp.settle(answer, '0.2') from calls where n = 7 $$, 'it settles');
select is(pg_temp.books('did:key:bob') || ' | ' || pg_temp.books('*'), '0.2 0 0.2 0 0 | 0.2 1 0.2 1 0', 'where it was reserved');

-- Costs that come late, or once more.
insert into calls select 8, pg_temp.admit('did:key:bob', '0.3', '2029-01-01 10:00:00+00');
select lives_ok($$ select pg_temp.settle(answer, null, '{"generation_id": "gen-1"}') from calls where n = 8 $$, 'a call ends whose cost is not known');
select is(pg_temp.books('did:key:bob'), '0.2 0.3 0.2 0.3 0', 'what was reserved for it stays so');
select is(public.book_cost('{"did": "did:key:bob", "generation_id": "gen-1", "cost": "0.05"}'), true, 'the cost follows');
select is(pg_temp.books('did:key:bob'), '0.25 0 0.25 0 0', 'and takes its place');
select is(public.book_cost('{"did": "did:key:bob", "generation_id": "gen-1", "cost": "0.05"}'), false, 'once');
select is(pg_temp.books('did:key:bob'), '0.25 0 0.25 0 0', 'in the budget, too');
insert into calls select 9, pg_temp.admit('did:key:bob', '0.3', '2029-01-01 10:00:00+00');
select pg_temp.settle(answer, '0.1', '{"status": "failed", "given_up": true}') from calls where n = 9;
select is(pg_temp.books('did:key:bob'), '0.35 0 0.35 0 0', 'a retiring worker books what it knows');
select pg_temp.settle(answer, '0.25') from calls where n = 9;
select is(pg_temp.books('did:key:bob'), '0.5 0 0.5 0 0', 'the end that follows adds the difference');
insert into calls select 10, pg_temp.admit('did:key:bob', '0.3', '2029-01-01 10:00:00+00');
select pg_temp.settle(answer, '99') from calls where n = 10;
select is(pg_temp.books('did:key:bob'), '99.5 0 99.5 0 0', 'what costs more than was reserved counts in full');
insert into calls select 11, pg_temp.admit('did:key:bob', '0.3', '2029-01-01 10:00:00+00');
select is(public.discard_request((answer ->> 'id')::uuid, (answer ->> 'request_time')::timestamptz), true, 'a call on a path that is none')
from calls where n = 11;
select is(pg_temp.books('did:key:bob'), '99.5 0 99.5 0 0', 'gives back what it reserved');

-- What a crash left.
insert into calls select 12, pg_temp.admit('did:key:carol', '0.3', now() - interval '16 minutes');
insert into calls select 13, pg_temp.admit('did:key:carol', '0.4', now() - interval '25 hours');
select pg_temp.settle(answer, null) from calls where n = 13;
select is(public.expire_stale_requests(), 1, 'a row whose worker is lost expires');
select is(split_part(pg_temp.books('did:key:carol'), ' ', 5), '0', 'it is under way no more');
select is_empty(
  $$ select from public.request_logs where did = 'did:key:carol' and reserved_usd <> 0 $$,
  'and what was reserved for it, and for what nobody has priced in a day, is free'
);
select ok(
  (select day_reserved_usd = 0 and month_reserved_usd = 0 and day_spent_usd = 0 from public.budgets where did = 'did:key:carol'),
  'in the budgets, too'
);
select pg_temp.settle(answer, '0.3') from calls where n = 12;
select is(
  (select trim_scale(month_spent_usd)::text from public.budgets where did = 'did:key:carol'), '0.3',
  'a settlement that comes too late is counted all the same'
);

-- What a gateway of before has admitted.
insert into public.request_logs (id, did, method, endpoint, request_time)
values ('00000000-0000-4000-8000-000000000001', 'did:key:carol', 'POST', '/chat/completions', now());
insert into calls select 14, pg_temp.admit('did:key:carol', '0.3');
select pg_temp.settle(
  jsonb_build_object('id', '00000000-0000-4000-8000-000000000001', 'request_time', now()), '0.5'
);
select is(split_part(pg_temp.books('did:key:carol'), ' ', 5), '1', 'a call that was not counted when it began makes no room when it ends');

-- The gateway's own budget comes last, and undoes nothing but the call that it refuses.
select public.set_gateway_limits(daily_budget_usd => 2);
select is(
  pg_temp.admit('did:key:dave', '1.9', now() + interval '40 years') ->> 'decision', 'admitted',
  'the gateway has a budget of its own'
);
select is(
  pg_temp.admit('did:key:bob', '0.2', now() + interval '40 years', '{"idempotency_key": "k", "body_hash": "ab"}')
    - '{id,alerted,resets_at,period}'::text[],
  '{"decision": "budget_exceeded", "scope": "gateway", "limit_usd": "2", "spent_usd": "0",
    "reserved_usd": "1.9", "estimate_usd": "0.2"}'::jsonb,
  'which refuses another DID'
);
select is(
  pg_temp.admit('did:key:stranger', '0.2', now() + interval '40 years') ->> 'decision', 'budget_exceeded',
  'and one without an account, before a key is made for it'
);
select is_empty($$ select from public.idempotency_keys where idempotency_key = 'k' $$, 'whose Idempotency-Key is free again');

-- What is not told counts as unknown.
select public.set_gateway_limits(unknown_price_reserve_usd => 0.7, job_reserve_usd => 3, default_reserved_output_tokens => 1000, clear => '{daily_budget_usd}');
create function pg_temp.reserve(estimate text) returns text language sql as $$
  select public.reserve_of(estimate::jsonb, settings)::text from public.gateway_settings as settings;
$$;
select is(pg_temp.reserve(null), '0.7', 'an estimate that is not told');
select is(pg_temp.reserve('[]'), '0.7', 'or that is none');
select is(pg_temp.reserve('[{"unknown": "price"}, {"usd": "0.1"}]'), '0.7', 'the dearest counts');
select is(pg_temp.reserve('[{"unknown": "price"}, {"usd": "0.8"}]'), '0.8', 'whichever that is');
select is(pg_temp.reserve('[{"unknown": "job"}, {"usd": "0.8"}]'), '3', 'a job is dearer');
select is(pg_temp.reserve('[{"unknown": "what a later gateway tells"}]'), '0.7', 'whatever else is not known has no known price');
select is(
  pg_temp.reserve('[{"usd": "0.5", "usd_per_output_token": "0.001", "output_tokens": 5000}]'), '1.5',
  'output without a bound is reserved up to the setting'
);
select is(
  pg_temp.reserve('[{"usd": "0.5", "usd_per_output_token": "0.001", "output_tokens": 10}]'), '0.51',
  'or up to the model''s own bound'
);
select is(
  pg_temp.reserve('[{"usd": "0.5", "usd_per_output_token": "0.001", "output_tokens": null}]'), '1.5',
  'where it has one'
);
select throws_ok($$ select pg_temp.reserve('[{"usd": "-1"}]') $$, '22003', null, 'no price is negative');
select throws_ok($$ select pg_temp.reserve('[{"usd": "NaN"}]') $$, '22003', null, 'or no number');
select is(pg_temp.reserve('[{"usd": "1000000000.0"}]'), '1000000000', 'or what nobody could pay');
select throws_ok($$ select pg_temp.reserve('[{"usd": "1000000000.000001"}]') $$, '22003', null, 'a fraction of a cent more');

-- The rules by themselves.
create function pg_temp.budget(more jsonb default '{}') returns public.budgets language sql
return jsonb_populate_record(row(
  'did:key:x', '2028-02-28', 1, 2, 50, 3, 4, 80, '2028-02-01', 5, 6, 50, 7,
  '2028-02-28 01:00:00+00', '2028-02-28 02:00:00+00', '2028-02-28 03:00:00+00', '2028-02-28 04:00:00+00'
)::public.budgets, more);
create function pg_temp.limits(more jsonb default '{}') returns public.limits language sql
return jsonb_populate_record(null::public.limits, more);
-- What is in p_after and not in p_before.
create function pg_temp.changed(p_before public.budgets, p_after public.budgets) returns jsonb language sql
return (
  select coalesce(jsonb_object_agg(after.key, after.value), '{}')
  from jsonb_each(to_jsonb(p_after)) as after where after.value is distinct from to_jsonb(p_before) -> after.key
);
select is(
  pg_temp.changed(pg_temp.budget(), public.rolled(pg_temp.budget(), day)), changed::jsonb, description
)
from (values
  (date '2028-02-28', '{}', 'on its day a budget stays as it is'),
  ('2028-02-27', '{}', 'and on one before it'),
  ('2028-01-31', '{}', 'in a month before it, too'),
  (
    '2028-02-29', '{"day": "2028-02-29", "day_spent_usd": 0, "day_reserved_usd": 0, "day_alerted": 0, "day_free_requests": 0,
      "day_new_accounts": 0, "new_accounts_alerted": 0}', 'all that is of a day ends with it'
  ),
  (
    '2028-03-01', '{"day": "2028-03-01", "day_spent_usd": 0, "day_reserved_usd": 0, "day_alerted": 0, "day_free_requests": 0,
      "day_new_accounts": 0, "new_accounts_alerted": 0, "month": "2028-03-01", "month_spent_usd": 0, "month_reserved_usd": 0,
      "month_alerted": 0}', 'and all that is of a month with that'
  )
) as rolled (day, changed, description);
select is(
  to_jsonb(public.rolled(null, '2028-02-29')),
  '{"did": null, "day": "2028-02-29", "day_spent_usd": 0, "day_reserved_usd": 0, "day_alerted": 0, "day_free_requests": 0,
    "day_new_accounts": 0, "new_accounts_alerted": 0, "month": "2028-02-01", "month_spent_usd": 0, "month_reserved_usd": 0,
    "month_alerted": 0, "requests_under_way": 0, "requests_used_until": "-infinity", "free_requests_used_until": "-infinity",
    "refusals_used_until": "-infinity", "new_accounts_used_until": "-infinity"}'::jsonb,
  'one with which nothing was done yet begins with nothing'
);
select is(
  pg_temp.changed(pg_temp.budget(who), public.with_call(
    pg_temp.budget(who), pg_temp.limits(limits), 0.5, is_free, '2028-02-28 05:00:00+00'
  )), changed::jsonb, description
)
from (values
  ('{}'::jsonb, '{}'::jsonb, false, '{"day_reserved_usd": 2.5, "month_reserved_usd": 6.5, "requests_under_way": 8}', 'a call is reserved for, and under way'),
  ('{"did": "*"}', '{}', false, '{"day_reserved_usd": 2.5, "month_reserved_usd": 6.5}', 'under way of its DID alone'),
  (
    '{"did": "*"}', '{"requests_per_minute": 60, "free_models_per_minute": 30}', false,
    '{"day_reserved_usd": 2.5, "month_reserved_usd": 6.5, "requests_used_until": "2028-02-28T05:00:01+00:00"}', 'it takes its part of a rate'
  ),
  (
    '{"did": "*"}', '{"requests_per_minute": 60, "free_models_per_minute": 30}', true,
    '{"day_reserved_usd": 2.5, "month_reserved_usd": 6.5, "requests_used_until": "2028-02-28T05:00:01+00:00",
      "day_free_requests": 4, "free_requests_used_until": "2028-02-28T05:00:02+00:00"}', 'and of that of free models, where its is one'
  ),
  (
    '{"did": "*"}', '{}', true, '{"day_reserved_usd": 2.5, "month_reserved_usd": 6.5, "day_free_requests": 4}',
    'which are counted without a rate, too'
  )
) as calls (who, limits, is_free, changed, description);
select is(
  pg_temp.changed(pg_temp.budget(who), public.with_change(
    pg_temp.budget(who), row('did:key:x', day, spent, reserved, ended, 0)::public.budget_change
  )), changed::jsonb, description
)
from (values
  (
    '{}'::jsonb, date '2028-02-28', 0.5, -1.5, 2,
    '{"day_spent_usd": 1.5, "day_reserved_usd": 0.5, "month_spent_usd": 5.5, "month_reserved_usd": 4.5, "requests_under_way": 5}',
    'a change of today is one of the month'
  ),
  (
    '{}', '2028-02-27', 0.5, -1.5, 2, '{"month_spent_usd": 5.5, "month_reserved_usd": 4.5, "requests_under_way": 5}',
    'one of yesterday is of the month alone'
  ),
  ('{}', '2028-01-31', 0.5, -1.5, 2, '{"requests_under_way": 5}', 'one of last month is in neither'),
  ('{"did": "*"}', '2028-01-31', 0.5, -1.5, 2, '{}', 'and in nothing of the gateway''s'),
  (
    '{}', '2028-02-28', 0, -9, 9, '{"day_reserved_usd": 0, "month_reserved_usd": 0, "requests_under_way": 0}',
    'none makes less than nothing'
  )
) as changes (who, day, spent, reserved, ended, changed, description);

create function pg_temp.log(more jsonb) returns public.request_logs language sql
return jsonb_populate_record(
  null::public.request_logs, '{"did": "did:key:x", "request_time": "2028-02-28T23:30:00-02:00", "status": "pending", "reserved_usd": 0}' || more
);
select is(
  to_jsonb(public.budget_change_of(pg_temp.log(before), pg_temp.log(before || change))) - 'did',
  expected || jsonb_build_object('day', coalesce(before ->> 'reserved_on', '2028-02-29')), description
)
from (values
  (
    '{"reserved_on": "2028-02-28", "reserved_usd": 0.5}'::jsonb, '{"status": "completed", "http_status": 200, "total_cost": 0.2, "reserved_usd": 0}'::jsonb,
    '{"spent_usd": 0.2, "reserved_usd": -0.5, "ended": 1, "refused": 0}'::jsonb, 'an end spends, and frees'
  ),
  (
    '{"reserved_on": "2028-02-28", "reserved_usd": 0.5}', '{"status": "failed"}',
    '{"spent_usd": 0, "reserved_usd": 0.0, "ended": 1, "refused": 0}', 'one of unknown cost changes nothing else'
  ),
  (
    '{"reserved_on": "2028-02-28"}', '{"status": "failed", "http_status": 400, "total_cost": 0}',
    '{"spent_usd": 0, "reserved_usd": 0, "ended": 1, "refused": 1}', 'a mistake is one, from 400'
  ),
  (
    '{"reserved_on": "2028-02-28"}', '{"status": "failed", "http_status": 499, "total_cost": 0}',
    '{"spent_usd": 0, "reserved_usd": 0, "ended": 1, "refused": 1}', 'to 499'
  ),
  (
    '{"reserved_on": "2028-02-28"}', '{"status": "failed", "http_status": 500, "total_cost": 0}',
    '{"spent_usd": 0, "reserved_usd": 0, "ended": 1, "refused": 0}', 'a fault of others is none'
  ),
  (
    '{"reserved_on": "2028-02-28"}', '{"status": "failed", "http_status": 429, "total_cost": 0}',
    '{"spent_usd": 0, "reserved_usd": 0, "ended": 1, "refused": 0}', 'nor is too much at once'
  ),
  (
    '{"reserved_on": "2028-02-28"}', '{"status": "failed", "http_status": 400, "total_cost": 0.1}',
    '{"spent_usd": 0.1, "reserved_usd": 0, "ended": 1, "refused": 0}', 'nor what is billed'
  ),
  (
    '{}', '{"status": "completed", "total_cost": 0.2}', '{"spent_usd": 0.2, "reserved_usd": 0, "ended": 0, "refused": 0}',
    'what was not counted when it began is not under way, and is of the day of its time'
  ),
  (
    '{"reserved_on": "2028-02-28", "status": "failed", "http_status": 400, "total_cost": 0.1}', '{"total_cost": 0.3}',
    '{"spent_usd": 0.2, "reserved_usd": 0, "ended": 0, "refused": 0}', 'what has ended changes by the difference'
  )
) as rows_of_the_log (before, change, expected, description);
select is(
  to_jsonb(public.budget_change_of(null, pg_temp.log('{"status": "completed", "http_status": 400, "total_cost": 0.3, "reserved_usd": 0.1}'))),
  '{"did": "did:key:x", "day": "2028-02-29", "spent_usd": 0.3, "reserved_usd": 0.1, "ended": 0, "refused": 0}'::jsonb,
  'a row that was not there adds all that it has'
);
select is(
  to_jsonb(public.budget_change_at_end(pg_temp.log(
    '{"status": "completed", "reserved_on": "2028-02-28", "estimate_usd": 0.5, "reserved_usd": 0.1, "total_cost": 0.3}'
  ))),
  '{"did": "did:key:x", "day": "2028-02-28", "spent_usd": 0.3, "reserved_usd": -0.4, "ended": 1, "refused": 0}'::jsonb,
  'at its end a row gives back what was estimated'
);

create function pg_temp.settings() returns public.gateway_settings language sql
return jsonb_populate_record(null::public.gateway_settings, '{
  "daily_budget_usd": 11, "monthly_budget_usd": 12, "requests_per_minute": 13, "free_models_per_minute": 14, "free_models_per_day": 15,
  "default_daily_budget_usd": 21, "default_monthly_budget_usd": 22, "default_requests_per_minute": 23,
  "default_concurrent_requests": 24, "default_free_models_per_day": 25, "refused_requests_per_minute": 26}');
select is(
  to_jsonb(public.limits_of(jsonb_populate_record(null::public.did_policies, '{"daily_budget_usd": 1, "monthly_budget_usd": 2,
    "requests_per_minute": 3, "concurrent_requests": 4, "free_models_per_day": 5}'), pg_temp.settings())),
  '{"daily_budget_usd": 1, "monthly_budget_usd": 2, "requests_per_minute": 3, "concurrent_requests": 4,
    "free_models_per_minute": null, "free_models_per_day": 5, "refused_requests_per_minute": 26}'::jsonb,
  'a DID''s own limits come first'
);
select is(
  to_jsonb(public.limits_of(jsonb_populate_record(null::public.did_policies, '{"daily_budget_usd": 101, "monthly_budget_usd": 102,
    "requests_per_minute": 103, "concurrent_requests": 104, "free_models_per_day": 105}'), pg_temp.settings())),
  '{"daily_budget_usd": 101, "monthly_budget_usd": 102, "requests_per_minute": 103, "concurrent_requests": 104,
    "free_models_per_minute": null, "free_models_per_day": 105, "refused_requests_per_minute": 26}'::jsonb,
  'also where they allow more'
);
select is(
  to_jsonb(public.limits_of(null, pg_temp.settings())),
  '{"daily_budget_usd": 21, "monthly_budget_usd": 22, "requests_per_minute": 23, "concurrent_requests": 24,
    "free_models_per_minute": null, "free_models_per_day": 25, "refused_requests_per_minute": 26}'::jsonb,
  'then what all have without'
);
select is(
  to_jsonb(public.gateway_limits(pg_temp.settings())),
  '{"daily_budget_usd": 11, "monthly_budget_usd": 12, "requests_per_minute": 13, "concurrent_requests": null,
    "free_models_per_minute": 14, "free_models_per_day": 15, "refused_requests_per_minute": null}'::jsonb,
  'the gateway has limits of its own'
);

-- One look and all of them say the same. Of a free model refusal_by looks at everything.
create temporary table tried on commit drop as
select calls, pg_temp.budget(jsonb_build_object(
    'day_spent_usd', spent, 'day_reserved_usd', 0.25, 'month_spent_usd', 3 * spent, 'month_reserved_usd', 0.25,
    'requests_under_way', under_way, 'requests_used_until', timestamptz '2028-02-28 12:00:00+00' + used, 'refusals_used_until', refusals
  )) as budget, pg_temp.limits(limits) as limits
from unnest('{1, 2}'::integer[]) as calls, unnest('{0.25, 0.5, 0.500001}'::numeric[]) as spent, unnest('{1, 2}'::integer[]) as under_way,
  unnest('{-1 hour, 20 seconds, 20.000001 seconds, 40 seconds, 40.000001 seconds, 59.6025 seconds, 59.602501 seconds}'::interval[]) as used,
  unnest('{2028-02-28 12:00:00+00, 2028-02-28 12:00:00.000001+00}'::timestamptz[]) as refusals,
  unnest(array[
    '{}', '{"daily_budget_usd": 1}', '{"monthly_budget_usd": 2}', '{"requests_per_minute": 3}', '{"concurrent_requests": 3}',
    -- A call takes 397350 microseconds, and 151 of those that are one longer would be no minute.
    '{"requests_per_minute": 151}',
    '{"daily_budget_usd": 1, "monthly_budget_usd": 1.75, "requests_per_minute": 3, "concurrent_requests": 2, "refused_requests_per_minute": 1}'
  ]::jsonb[]) as limits;
create function pg_temp.pass_in_turn(p_budget public.budgets, p_limits public.limits, calls integer) returns boolean language plpgsql as $$
begin
  for i in 1..calls loop
    if public.refusal_by(p_budget, p_limits, 'did', 0.25, true, '2028-02-28 12:00:00+00') is not null then
      return false;
    end if;
    p_budget := public.with_call(p_budget, p_limits, 0.25, false, '2028-02-28 12:00:00+00');
  end loop;
  return true;
end;
$$;
select is_empty(
  $$ select * from tried
    where ((budget).refusals_used_until <= '2028-02-28 12:00:00+00' or (limits).refused_requests_per_minute is not null)
      and public.has_room(budget, limits, calls, 0.25 * calls, '2028-02-28 12:00:00+00')
      and not pg_temp.pass_in_turn(budget, limits, calls) $$,
  'what there is room for passes, one after the other'
);
select is_empty(
  $$ select * from tried
    where (budget).refusals_used_until <= '2028-02-28 12:00:00+00'
      and not public.has_room(budget, limits, calls, 0.25 * calls, '2028-02-28 12:00:00+00')
      and pg_temp.pass_in_turn(budget, limits, calls) $$,
  'and what passes there is room for'
);
select is_empty(
  $$ select * from tried
    where (budget).refusals_used_until > '2028-02-28 12:00:00+00'
      and public.has_room(budget, limits, calls, 0.25 * calls, '2028-02-28 12:00:00+00') $$,
  'but for who has made mistakes, whom all rules look at'
);
select is(
  public.refusal_by(
    pg_temp.budget('{"day_spent_usd": 0.40, "day_reserved_usd": 0.300, "month_spent_usd": 1.40, "month_reserved_usd": 0.600}'),
    pg_temp.limits(limit_usd), 'did', 1.10, false, '2028-02-28 12:00:00+00'
  ), expected, 'amounts are told without zeros at their end'
)
from (values
  ('{"daily_budget_usd": 1.50}'::jsonb, '{"decision": "budget_exceeded", "scope": "did", "period": "day", "limit_usd": "1.5", "spent_usd": "0.4",
    "reserved_usd": "0.3", "estimate_usd": "1.1", "resets_at": "2028-02-29T00:00:00+00:00"}'::jsonb),
  ('{"monthly_budget_usd": 2.50}', '{"decision": "budget_exceeded", "scope": "did", "period": "month", "limit_usd": "2.5", "spent_usd": "1.4",
    "reserved_usd": "0.6", "estimate_usd": "1.1", "resets_at": "2028-03-01T00:00:00+00:00"}')
) as refused (limit_usd, expected);
select is(
  array(
    select public.refusal_by(
      pg_temp.budget('{"day_spent_usd": 0.4, "day_reserved_usd": 0.1, "month_spent_usd": 0.7, "month_reserved_usd": 0.2}'),
      pg_temp.limits(jsonb_build_object('daily_budget_usd', daily, 'monthly_budget_usd', monthly)), 'did', 0.6, false,
      '2028-02-28 12:00:00+00'
    ) ->> 'period'
    from (values (1, 1.4), (1, null), (0.5, 1.4), (0.6, 1.4), (0.5, 2), (null, 1.4), (1.1, 1.4), (1.1, 1.5)) as budgets (daily, monthly)
  ), '{month,day,day,month,day,month,month,null}',
  'of the budgets of a day and a month, the one that refuses a call for longer is told: no day has room for more than its budget'
);
select is(
  public.refusal_by(
    pg_temp.budget('{"day_spent_usd": 9}'), pg_temp.limits('{"daily_budget_usd": 1, "free_models_per_day": 1, "free_models_per_minute": 1}'),
    'did', 0, false, '2028-02-28 12:00:00+00'
  ), null, 'what costs nothing, and is of no free model, passes whatever is used up of both'
);
select is(
  array(select public.threshold_of(amount, 1) from unnest('{0, 0.4999, 0.5, 0.7999, 0.8, 0.9999, 1, 2}'::numeric[]) as amount),
  '{0,0,50,50,80,80,100,100}', 'thresholds are reached to the digit'
);
select is(
  array(select public.threshold_of(1, limit_usd) from unnest('{null, 0, -1}'::numeric[]) as limit_usd), '{0,0,0}',
  'where there is no limit, or one of nothing, there are none'
);

-- Sums.
select is(
  (select trim_scale(sum(day_reserved_usd)) from public.budgets where did <> '*' and day = (select day from public.budgets where did = '*')),
  (select trim_scale(day_reserved_usd) from public.budgets where did = '*'),
  'what all have reserved is what each has, together'
);
select is_empty(
  $$ select from public.budgets where least(day_reserved_usd, month_reserved_usd, requests_under_way) < 0 $$,
  'nothing is ever below nothing'
);

-- What an operator deletes.
delete from public.budgets;
insert into calls select 15, pg_temp.admit('did:key:dave', '0.3');
delete from public.budgets;
insert into calls select 16, pg_temp.admit('did:key:dave', '0.1');
select pg_temp.settle(answer, '0.2') from calls where n = 15;
select is(pg_temp.books('did:key:dave'), '0.2 0 0.2 0 0', 'what was reserved in a row that is gone frees nothing below nothing');
select pg_temp.settle(answer, '0.1') from calls where n = 16;
select is(pg_temp.books('did:key:dave') || ' | ' || pg_temp.books('*'), '0.3 0 0.3 0 0 | 0.3 0 0.3 0 0', 'whatever ends first');
-- What is stored is found as it was stored.
select public.store_budget(pg_temp.budget('{"did": "did:key:stored"}'));
select is(public.budget_of('did:key:stored', '2028-02-28'), pg_temp.budget('{"did": "did:key:stored"}'), 'a budget is stored whole');
create temporary table later on commit drop as
select row(
  'did:key:stored', '2028-03-02', 11, 12, 80, 13, 14, 100, '2028-03-01', 15, 16, 50, 17,
  '2028-03-02 01:00:00+00', '2028-03-02 02:00:00+00', '2028-03-02 03:00:00+00', '2028-03-02 04:00:00+00'
)::public.budgets as budget;
select public.store_budget(budget) from later;
select is(public.budget_of('did:key:stored', '2028-03-02'), budget, 'and so in place of another one') from later;

-- Days and months are those of UTC, wherever a session is.
set local timezone = 'Pacific/Kiritimati';
select is(
  (public.refusal_by(pg_temp.budget(), pg_temp.limits(limits), 'did', 1, false, '2028-02-28 05:00:00+00') ->> 'resets_at')::timestamptz, ends, limits::text
)
from (values
  ('{"daily_budget_usd": 1}'::jsonb, timestamptz '2028-02-29 00:00:00+00'), ('{"monthly_budget_usd": 1}', '2028-03-01 00:00:00+00')
) as budget (limits, ends);
select is(
  (public.refusal_by(pg_temp.budget(), pg_temp.limits('{"free_models_per_day": 1}'), 'did', 0, true, '2028-02-28 23:00:00+00') ->> 'retry_after_ms'), '3600000',
  'so are those of free models'
);
select is(
  (public.budget_change_of(null, pg_temp.log('{"request_time": "2028-02-28 11:00:00+00", "reserved_on": null}'))).day, '2028-02-28'::date,
  'and the day of a call for which none was reserved'
);

set local timezone = 'UTC';

-- A call that nothing stands against at a glance is entered in both budgets as with_call has it; any other in none.
create function pg_temp.both() returns public.budgets[] language sql as $$
  select array_agg(budget order by did) from public.budgets as budget where did in ('*', 'did:key:entered');
$$;
create function pg_temp.enter(
  name text, limits jsonb, gateway_limits jsonb, day date default '2028-02-28'
) returns public.budgets language sql as $$
  select public.enter_call(
    name, pg_temp.limits(limits), pg_temp.limits(gateway_limits), 0.25, day, '2028-02-28 12:00:00+00'
  );
$$;
-- Ten a minute have room for one more. What another DID has left is nobody's else.
select public.store_budget(pg_temp.budget(jsonb_build_object(
  'did', who, 'day', '2028-02-28', 'month', '2028-02-01', 'refusals_used_until', '-infinity', 'requests_used_until', '2028-02-28 12:00:54+00'
)))
from unnest('{did:key:entered,*}'::text[]) as who;
select public.store_budget(public.budget_of('did:key:idle', '2028-02-28'));
create temporary table unentered on commit drop as select pg_temp.both() as budgets;
select is(
  (pg_temp.enter(name, limits, gateway_limits, day)).did is null and pg_temp.both() = budgets, true, 'nothing: ' || what
)
from unentered, (values
  ('the DID lacks room', 'did:key:entered', '{"daily_budget_usd": 0.1}'::jsonb, '{}'::jsonb, '2028-02-28'::date),
  ('its rate is used up', 'did:key:entered', '{"requests_per_minute": 9}', '{}', '2028-02-28'),
  ('it has as many under way as it may', 'did:key:entered', '{"concurrent_requests": 7}', '{}', '2028-02-28'),
  ('the gateway lacks room', 'did:key:entered', '{}', '{"daily_budget_usd": 0.5}', '2028-02-28'),
  ('the gateway''s rate is used up', 'did:key:entered', '{}', '{"requests_per_minute": 9}', '2028-02-28'),
  ('its rows are of another day', 'did:key:entered', '{}', '{}', '2028-02-29'),
  ('the DID has no row', 'did:key:new', '{}', '{}', '2028-02-28')
) as call (what, name, limits, gateway_limits, day);
update public.budgets set requests_used_until = '2028-02-28 01:00:00+00' where did = '*';
update unentered set budgets = pg_temp.both();
select is(
  pg_temp.enter('did:key:entered', '{"requests_per_minute": 10}', '{"requests_per_minute": 30}'),
  public.with_call(budgets[2], pg_temp.limits('{"requests_per_minute": 10}'), 0.25, false, '2028-02-28 12:00:00+00'),
  'the DID''s row, with the call in it'
)
from unentered;
select is(
  (pg_temp.both())[1],
  public.with_call(budgets[1], pg_temp.limits('{"requests_per_minute": 30}'), 0.25, false, '2028-02-28 12:00:00+00'),
  'and that of all together'
)
from unentered;
select is(((pg_temp.both())[2]).requests_under_way, (budgets[2]).requests_under_way + 1, 'under way') from unentered;
select public.store_budget(pg_temp.budget('{"did": "*", "day": "2028-02-27", "month": "2028-02-01", "refusals_used_until": "-infinity"}'));
select is((pg_temp.enter('did:key:entered', '{}', '{}')).did, null, 'none, while that of all together is of another day');

-- Changes of many calls, and of hardly anything.
select public.set_gateway_limits(refused_requests_per_minute => 1000000);
select public.store_budget(pg_temp.budget('{"did": "did:key:many", "day": "2028-02-28", "month": "2028-02-01", "day_spent_usd": 0, "month_spent_usd": 0,
  "day_reserved_usd": 1, "month_reserved_usd": 1, "requests_under_way": 70000, "refusals_used_until": "-infinity"}'));
select public.change_budgets(array[row('did:key:many', '2028-02-28', 0.0000000001, -0.0000000002, 40000, 50000)::public.budget_change]);
select is(pg_temp.books('did:key:many'), '0.0000000001 0.9999999998 0.0000000001 0.9999999998 30000', 'a change is entered to the last digit');
select is(
  (select refusals_used_until from public.budgets where did = 'did:key:many'), now() + interval '3 seconds', 'with each refusal'
);

select * from finish();
rollback;

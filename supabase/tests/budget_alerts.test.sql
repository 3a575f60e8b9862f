-- Alerts: each threshold of a budget once a period, and their delivery.
begin;
select plan(93);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name
from unnest('{alice, bob, carol, dave, erin, frank}'::text[]) as name;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

create function pg_temp.admit(did text, usd text, at timestamptz) returns jsonb language plpgsql as $$
declare
  v_asked jsonb := jsonb_build_object(
    'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true,
    'estimate', jsonb_build_array(jsonb_build_object('usd', usd))
  );
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

-- Calls, and says whether an alert is new by it.
create function pg_temp.spend(did text, usd text, at timestamptz) returns boolean language sql as $$
  select (pg_temp.settle(pg_temp.admit(did, usd, at), usd) ->> 'alerted')::boolean;
$$;

-- The alerts of a DID and a kind: period, threshold, limit, reached.
create function pg_temp.alerts(p_did text, p_kind text) returns text language sql as $$
  select coalesce(string_agg(concat_ws(' ', period_start, threshold, limit_value, reached), ', ' order by period_start, threshold), 'none')
  from public.budget_alerts where did = p_did and kind = p_kind;
$$;

delete from public.budgets;
set local role service_role;

-- A DID's day.
select public.set_limits('did:key:alice', daily_budget_usd => 1);
select is(pg_temp.spend('did:key:alice', '0.49', '2028-02-28 10:00:00+00'), null, 'less than half is no reason');
select is(pg_temp.alerts('did:key:alice', 'day'), 'none', 'for an alert');
create temporary table calls on commit drop as
select 'reserved' as name, pg_temp.admit('did:key:alice', '0.51', '2028-02-28 10:00:00+00') as answer;
select is(pg_temp.alerts('did:key:alice', 'day'), 'none', 'nor is what is reserved');
select is(pg_temp.settle(answer, '0.01') ->> 'alerted', 'true', 'half of it is one, to the cent') from calls;
select is(pg_temp.alerts('did:key:alice', 'day'), '2028-02-28 50 1 0.5', 'with the limit, and what was reached');
select is(pg_temp.spend('did:key:alice', '0.29', '2028-02-28 10:00:00+00'), null, 'once');
select is(pg_temp.spend('did:key:alice', '0.02', '2028-02-28 10:00:00+00'), true, 'four fifths are the next');
select is(pg_temp.spend('did:key:alice', '0.18', '2028-02-28 10:00:00+00'), null, 'then there is none');
select is(pg_temp.spend('did:key:alice', '0.01', '2028-02-28 10:00:00+00'), true, 'up to all');
select is(pg_temp.alerts('did:key:alice', 'day'), '2028-02-28 50 1 0.5, 2028-02-28 80 1 0.81, 2028-02-28 100 1 1', 'each with what was spent then');
select is(
  pg_temp.admit('did:key:alice', '0.01', '2028-02-28 10:00:00+00') ->> 'alerted', 'false',
  'a refusal makes none that there is'
);
select is(pg_temp.spend('did:key:alice', '0.6', '2028-02-29 00:00:00+00'), true, 'the next day');
select is(split_part(pg_temp.alerts('did:key:alice', 'day'), ', ', 4), '2028-02-29 50 1 0.6', 'has alerts of its own');
select is(pg_temp.alerts('did:key:alice', 'month') || ', ' || pg_temp.alerts('*', 'day') || ', ' || pg_temp.alerts('*', 'month'), 'none, none, none', 'and what has no budget has none');

-- A day and its month come to their thresholds each for itself.
create function pg_temp.alerted(p_did text, spent jsonb) returns text language sql as $$
  select concat_ws(' ', day_alerted, month_alerted) from public.with_alerts(
    jsonb_populate_record(public.budget_of(p_did, '2028-02-28'), spent),
    jsonb_populate_record(null::public.limits, '{"daily_budget_usd": 1, "monthly_budget_usd": 10}')
  );
$$;
select is(pg_temp.alerted('did:key:day', '{"day_spent_usd": 0.5, "month_spent_usd": 8, "month_alerted": 80}'), '50 80', 'a day reaches half in a month that was at four fifths');
select is(pg_temp.alerts('did:key:day', 'day') || ', ' || pg_temp.alerts('did:key:day', 'month'), '2028-02-28 50 1 0.5, none', 'of which there is an alert');
select is(pg_temp.alerted('did:key:month', '{"day_spent_usd": 0.8, "day_alerted": 80, "month_spent_usd": 5}'), '80 50', 'so it is the other way round');
select is(pg_temp.alerts('did:key:month', 'day') || ', ' || pg_temp.alerts('did:key:month', 'month'), 'none, 2028-02-01 50 10 5', 'of the month');

-- A DID's month, and the gateway's day and month, all at once.
select public.set_limits('did:key:bob', monthly_budget_usd => 10);
select public.set_gateway_limits(daily_budget_usd => 10, monthly_budget_usd => 12.50);
select is(pg_temp.spend('did:key:bob', '10', '2028-03-01 10:00:00+00'), true, 'a single call can use up everything');
select is(pg_temp.alerts('did:key:bob', 'month'), '2028-03-01 50 10 10, 2028-03-01 80 10 10, 2028-03-01 100 10 10', 'which makes every alert that was passed');
select is(pg_temp.alerts('*', 'day'), '2028-03-01 50 10 10, 2028-03-01 80 10 10, 2028-03-01 100 10 10', 'of the gateway, too');
select is(pg_temp.alerts('*', 'month'), '2028-03-01 50 12.5 10, 2028-03-01 80 12.5 10', 'as far as each has come');
select is(pg_temp.spend('did:key:carol', '2.5', '2028-03-02 10:00:00+00'), true, 'another DID''s call');
select is(split_part(pg_temp.alerts('*', 'month'), ', ', 3), '2028-03-01 100 12.5 12.5', 'counts in the gateway''s month');
select is(pg_temp.alerts('*', 'day'), '2028-03-01 50 10 10, 2028-03-01 80 10 10, 2028-03-01 100 10 10', 'and in its new day');
select is(pg_temp.spend('did:key:bob', '9', '2028-04-01 00:00:00+00'), true, 'the next month');
select is(split_part(pg_temp.alerts('did:key:bob', 'month'), ', 2028-04', 2), '-01 50 10 9', 'has alerts of its own');
select public.set_gateway_limits(clear => '{daily_budget_usd, monthly_budget_usd}');

select public.set_limits('did:key:alice', daily_budget_usd => 1, monthly_budget_usd => 100);
select is(pg_temp.spend('did:key:alice', '0.5', '2028-04-01 10:00:00+00'), true, 'half of a day''s budget is reached to the cent where little of the month''s is');
select public.set_limits('did:key:alice', daily_budget_usd => 100, monthly_budget_usd => 2);
select is(pg_temp.spend('did:key:alice', '0.5', '2028-04-01 10:00:00+00'), true, 'and the other way round');

-- Costs that come late, or one after the other.
select public.set_limits('did:key:carol', daily_budget_usd => 1, monthly_budget_usd => 100);
insert into calls select 'late', pg_temp.admit('did:key:carol', '0.9', '2028-05-01 10:00:00+00');
select is(pg_temp.settle(answer, null, '{"generation_id": "gen-1"}') ->> 'alerted', null, 'a cost that is not known reaches nothing') from calls where name = 'late';
select public.book_cost('{"did": "did:key:carol", "generation_id": "gen-1", "cost": "0.9"}');
select is(pg_temp.alerts('did:key:carol', 'day'), '2028-05-01 50 1 0.9, 2028-05-01 80 1 0.9', 'until it is');
insert into calls select 'of yesterday', pg_temp.admit('did:key:carol', '0.1', '2028-05-01 10:00:00+00');
select is(pg_temp.spend('did:key:carol', '0.1', '2028-05-02 00:00:01+00'), null, 'a new day');
select is(pg_temp.settle(answer, '5') ->> 'alerted', null, 'is not reached by what was of the old one') from calls where name = 'of yesterday';
select is(pg_temp.alerts('did:key:carol', 'day'), '2028-05-01 50 1 0.9, 2028-05-01 80 1 0.9', 'nor is that, which is over');

-- Budgets that change.
select public.set_limits('did:key:dave', daily_budget_usd => 10);
select is(pg_temp.spend('did:key:dave', '1.96', '2028-06-01 10:00:00+00'), null, 'a fifth');
select public.set_limits('did:key:dave', daily_budget_usd => 2);
select is(pg_temp.alerts('did:key:dave', 'day'), 'none', 'of a budget that is lowered');
select is(pg_temp.admit('did:key:dave', '0.05', '2028-06-01 10:00:00+00') ->> 'alerted', 'true', 'can be nearly all, which the next call finds');
select is(
  pg_temp.alerts('did:key:dave', 'day'), '2028-06-01 50 2 1.96, 2028-06-01 80 2 1.96, 2028-06-01 100 2 1.96',
  'that is refused for it'
);
select is(pg_temp.admit('did:key:dave', '0.05', '2028-06-01 10:00:00+00') ->> 'alerted', 'false', 'once');
select is(pg_temp.spend('did:key:dave', '0.04', '2028-06-01 10:00:00+00'), true, 'a call that still passes');
select is(pg_temp.alerts('did:key:dave', 'day'), '2028-06-01 50 2 1.96, 2028-06-01 80 2 1.96, 2028-06-01 100 2 1.96', 'makes none of them again');
select public.set_limits('did:key:dave', daily_budget_usd => 3);
select is(pg_temp.spend('did:key:dave', '0.5', '2028-06-01 10:00:00+00'), null, 'nor does a budget that is raised');
select is(pg_temp.spend('did:key:dave', '0.5', '2028-06-01 10:00:00+00'), null, 'in the same period');
select public.set_limits('did:key:dave', daily_budget_usd => 4);
select is(pg_temp.spend('did:key:dave', '1', '2028-06-02 10:00:00+00'), null, 'a quarter');
select public.set_limits('did:key:dave', daily_budget_usd => 2);
select is(pg_temp.spend('did:key:dave', '0.01', '2028-06-02 10:00:00+00'), true, 'that became half is known with the next cost');
select is(split_part(pg_temp.alerts('did:key:dave', 'day'), ', ', 4), '2028-06-02 50 2 1.01', 'by the new limit');
select public.set_limits('did:key:dave', daily_budget_usd => 0);
select is(pg_temp.admit('did:key:dave', '0.01', '2028-06-03 10:00:00+00') ->> 'alerted', 'false', 'a budget of nothing is used up without an alert');
select is(pg_temp.spend('did:key:dave', '0', '2028-06-03 10:00:00+00'), null, 'and by what is free');

-- Refusals near the end of a budget.
select public.set_limits('did:key:erin', daily_budget_usd => 1);
select public.set_gateway_limits(monthly_budget_usd => 2);
select pg_temp.spend('did:key:erin', '0.94', '2028-07-31 10:00:00+00');
select is(pg_temp.admit('did:key:erin', '0.5', '2028-07-31 10:00:00+00') ->> 'alerted', 'false', 'a refusal with something left makes no alert');
select is(pg_temp.spend('did:key:erin', '0.01', '2028-07-31 10:00:00+00'), null, 'with next to nothing left');
select is(pg_temp.admit('did:key:erin', '0.5', '2028-07-31 10:00:00+00') ->> 'alerted', 'true', 'it does');
select is(pg_temp.alerts('did:key:erin', 'day'), '2028-07-31 50 1 0.94, 2028-07-31 80 1 0.94, 2028-07-31 100 1 0.95', 'the one that was missing');
select is(pg_temp.admit('did:key:erin', '0.5', '2028-07-31 10:00:00+00') ->> 'alerted', 'false', 'once');
select pg_temp.spend('did:key:frank', '0.95', '2028-07-31 10:00:00+00');
-- In which the instant is told here.
set local timezone = 'UTC';
select is(
  pg_temp.admit('did:key:frank', '0.2', '2028-07-31 10:00:00+00') - 'id',
  '{"decision": "budget_exceeded", "scope": "gateway", "period": "month", "limit_usd": "2", "spent_usd": "1.9", "reserved_usd": "0",
    "estimate_usd": "0.2", "resets_at": "2028-08-01T00:00:00+00:00", "alerted": true}'::jsonb,
  'a refusal by the gateway''s budget'
);
set local timezone to default;
select is(split_part(pg_temp.alerts('*', 'month'), '2028-07-01 ', 4), '100 2 1.9', 'makes one of the gateway, for the month');
select is(pg_temp.alerts('did:key:frank', 'month'), 'none', 'and not of the DID');
select is(pg_temp.alerts('did:key:erin', 'month') || pg_temp.alerts('did:key:frank', 'day'), 'nonenone', 'nor of another period');
select public.set_gateway_limits(clear => '{monthly_budget_usd}');
-- Of one that is used up there is an alert, though there be one of another DID, or of the month that begins on that day.
select public.set_limits('did:key:' || name, daily_budget_usd => 1) from unnest('{erin, frank}'::text[]) as name;
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
values ('did:key:frank', 'month', '2028-08-01', 100, 1, 1);
select is(
  (select string_agg(pg_temp.spend('did:key:' || name, '0.95', '2028-08-01 10:00:00+00')::text, ' ') from unnest('{erin, frank}'::text[]) as name), 'true true', 'two DIDs that have spent nearly all'
);
select is(
  (select string_agg(pg_temp.admit('did:key:' || name, '0.5', '2028-08-01 10:00:00+00') ->> 'alerted', ' ') from unnest('{erin, frank}'::text[]) as name), 'true true', 'have an alert each'
);
select throws_ok($$ insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached) values ('*', 'day', '2028-01-01', 90, 1, 1) $$, '23514', null, 'there are three thresholds');
select throws_ok($$ insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached) values ('*', 'week', '2028-01-01', 80, 1, 1) $$, '23514', null, 'and three kinds');

-- Delivery.
delete from public.budget_alerts;
select is(public.claim_budget_alerts(), '{"alerts": [], "left": 0}', 'where nothing is due nothing is claimed');
create function pg_temp.alert(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
insert into public.budget_alerts (id, did, kind, period_start, threshold, limit_value, reached, reached_at)
select pg_temp.alert(n), did, kind, date '2028-01-01', threshold, 12.5, 10.25, now() - ago
from (values
  (1, '*', 'new_accounts', 100, interval '1 hour'),
  (2, 'did:key:alice', 'day', 80, interval '2 hours'),
  (3, 'did:key:alice', 'day', 50, interval '2 hours'),
  (4, '*', 'month', 50, interval '7 days' - interval '1 second'),
  (5, '*', 'day', 50, interval '7 days'),
  (6, 'did:key:bob', 'day', 50, interval '90 days'),
  (7, 'did:key:carol', 'day', 50, interval '90 days 1 second'),
  (8, 'did:key:dave', 'day', 50, interval '91 days')
) as made (n, did, kind, threshold, ago);
-- The numbers of what is claimed, and how many are left.
create function pg_temp.claim(n integer default null) returns text language sql as $$
  select coalesce(string_agg(ltrim(right(alert ->> 'id', 12), '0') || 'x' || (alert ->> 'attempts'), ' ' order by place), 'nothing')
    || ', ' || (claimed ->> 'left') || ' left'
  from public.claim_budget_alerts(n) as claimed
  left join jsonb_array_elements(claimed -> 'alerts') with ordinality as one (alert, place) on true
  group by claimed;
$$;
-- Lets time pass for the alerts.
create function pg_temp.pass(span interval) returns void language sql as $$
  update public.budget_alerts set attempt_after = attempt_after - span where attempts > 0;
$$;
select is(pg_temp.claim(1), '4x1, 3 left', 'the oldest that nobody has taken are claimed first, for a week');
create temporary table claimed on commit drop as select public.claim_budget_alerts(2) as answer;
select is(
  (select string_agg(ltrim(right(alert ->> 'id', 12), '0'), ' ' order by place) || ', ' || (answer ->> 'left')
    from claimed, jsonb_array_elements(answer -> 'alerts') with ordinality as one (alert, place) group by answer),
  '3 2, 1', 'of one time the lower threshold'
);
select is(
  answer -> 'alerts' -> 0, jsonb_build_object(
    'id', pg_temp.alert(3), 'scope', 'did', 'did', 'did:key:alice', 'kind', 'day', 'period_start', '2028-01-01', 'threshold', 50,
    'limit', '12.5', 'reached', '10.25', 'reached_at', now() - interval '2 hours', 'attempts', 1
  ), 'with whose it is'
) from claimed;
select is(
  public.claim_budget_alerts(),
  jsonb_build_object('alerts', jsonb_build_array(jsonb_build_object(
    'id', pg_temp.alert(1), 'scope', 'gateway', 'did', null, 'kind', 'new_accounts', 'period_start', '2028-01-01', 'threshold', 100,
    'limit', '12.5', 'reached', '10.25', 'reached_at', now() - interval '1 hour', 'attempts', 1
  )), 'left', 0), 'with all that is to be told'
);
select is(pg_temp.claim(), 'nothing, 0 left', 'what is claimed is kept from the next one');
select is(public.end_budget_alert(pg_temp.alert(1)), true, 'one that is delivered is noted');
select is(public.end_budget_alert(pg_temp.alert(1)), false, 'once');
select is(public.end_budget_alert(pg_temp.alert(99)), false, 'one that does not exist is not');
select is((select delivered_at from public.budget_alerts where id = pg_temp.alert(1)), now(), 'with its time');
delete from public.budget_alerts where id = pg_temp.alert(4);
select pg_temp.pass('59 seconds');
select is(pg_temp.claim(), 'nothing, 0 left', 'for a minute');
select pg_temp.pass('1 second');
select is(pg_temp.claim(), '3x2 2x2, 0 left', 'then those that were not delivered are claimed again');
-- After each claim, how long nothing can be claimed, in minutes.
create function pg_temp.waits(n integer) returns text language plpgsql as $$
declare
  v_waits interval[] := '{}';
  v_wait interval;
begin
  for i in 1..n loop
    v_wait := (select min(attempt_after) - now() from public.budget_alerts where attempts > 0 and delivered_at is null);
    perform pg_temp.pass(v_wait - interval '1 second');
    if pg_temp.claim() not like 'nothing%' then
      return 'claimed too early';
    end if;
    perform pg_temp.pass('1 second');
    if pg_temp.claim() like 'nothing%' then
      return 'not claimed again';
    end if;
    v_waits := v_waits || v_wait;
  end loop;
  return (select string_agg(trim_scale(extract(epoch from wait) / 60)::text, ' ' order by place)
    from unnest(v_waits) with ordinality as waited (wait, place));
end;
$$;
select is(pg_temp.waits(8), '2 4 8 16 32 60 60 60', 'each time after twice as long, up to an hour');
select is((select string_agg(attempts::text, ' ' order by id) from public.budget_alerts where attempts > 1), '10 10', 'which is counted');
select is(public.end_budget_alert(pg_temp.alert(2)), true, 'one that is delivered at last');
select pg_temp.pass('1 hour');
select is(pg_temp.claim(), '3x11, 0 left', 'is claimed no more');
update public.budget_alerts set reached_at = now() - interval '8 days' where id = pg_temp.alert(3);
select pg_temp.pass('1 hour');
select is(pg_temp.claim(), 'nothing, 0 left', 'nor is one that nobody took for a week');
select is(
  (select string_agg(ltrim(right(id::text, 12), '0'), ' ' order by id) from public.budget_alerts), '1 2 3 5 6 7 8',
  'all stay in the table'
);
select is(public.purge_budget_alerts(1), 1::bigint, 'for a quarter, after which the oldest go first');
select is((select count(*)::int from public.budget_alerts where id = pg_temp.alert(8)), 0, 'as many as are asked for');
select is(public.purge_budget_alerts(), 1::bigint, 'then the others that are older');
select is(public.purge_budget_alerts(), 0::bigint, 'and none that are not');
select is(
  (select string_agg(ltrim(right(id::text, 12), '0'), ' ' order by id) from public.budget_alerts), '1 2 3 5 6',
  'delivered or not'
);
-- Changes of two days, entered at once.
select public.set_gateway_limits(daily_budget_usd => 1, clear => '{monthly_budget_usd}');
create temporary table days on commit drop as select (now() at time zone 'utc')::date as today;
insert into public.budgets (did, day, month) select did, today - 1, date_trunc('month', today - 1)::date from days, unnest('{did:key:both, *}'::text[]) as did
on conflict (did) do update set day = excluded.day, month = excluded.month, day_spent_usd = 0, day_alerted = 0;
delete from public.budget_alerts;
select is(
  (select public.change_budgets(array[row('did:key:both', today, 1, 0, 0, 0), row('did:key:both', today - 1, 1, 0, 0, 0)]::public.budget_change[]) from days),
  true, 'changes of two days'
);
select results_eq(
  $$ select period_start from public.budget_alerts where did = '*' and threshold = 100 order by 1 $$,
  'select today - n from days, unnest(array[1, 0]) as n', 'are entered in the order of the days, and alert of both'
);

-- One that has been tried waits behind those that nobody has tried, however old it is.
update public.budget_alerts set attempts = 1, attempt_after = now(), reached_at = now() - interval '1 day' where did = '*';
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached) values ('did:key:new', 'day', '2028-01-01', 50, 1, 1);
select is(public.claim_budget_alerts(1) -> 'alerts' -> 0 ->> 'did', 'did:key:new', 'what was never tried comes first');

-- Together they are told from the oldest on; one that was tried very often is tried again within the hour.
delete from public.budget_alerts;
insert into public.budget_alerts (id, did, kind, period_start, threshold, limit_value, reached, reached_at, attempts)
values (pg_temp.alert(1), 'did:key:new', 'day', '2028-01-01', 50, 1, 1, now(), 0), (pg_temp.alert(2), 'did:key:old', 'day', '2028-01-01', 50, 1, 1, now() - interval '1 hour', 1000);
select is(pg_temp.claim(), '2x1001 1x1, 0 left', 'alerts that are claimed together are told from the oldest on');
select is(
  (select attempt_after - now() from public.budget_alerts where id = pg_temp.alert(2)), interval '1 hour', 'and none waits for longer than an hour'
);

-- An alert is due from its moment on, whether it is claimed or left for the next time; and of a budget that
-- has passed a threshold before, only those beyond are added.
delete from public.budget_alerts;
insert into public.budget_alerts (id, did, kind, period_start, threshold, limit_value, reached, attempt_after)
select pg_temp.alert(n), 'did:key:due', 'day', date '2028-01-01' + n, 50, 1, 1, now() + later
from (values (1, interval '0'), (2, '0'), (3, '1 microsecond')) as due (n, later);
select is(public.claim_budget_alerts(1) ->> 'left', '1', 'of two that are due just now one is left by who claims one');
select is(public.claim_budget_alerts(9) ->> 'left', '0', 'and then none');
select is((select attempts::int from public.budget_alerts where id = pg_temp.alert(3)), 0, 'as one is not due yet');
delete from public.budget_alerts;
select public.add_alerts('did:key:beyond', 'day', '2028-01-01', 50::smallint, 80::smallint, 1, 0.9);
select is((select string_agg(threshold::text, ' ') from public.budget_alerts), '80', 'from half of it to four fifths is one alert');

select * from finish();
rollback;

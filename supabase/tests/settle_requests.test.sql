-- Settlements that came together: what they end and count, what is left for settle_request, and that
-- budgets, totals and keys are the same as after each alone.
begin;
select plan(44);

create function pg_temp.id(n integer) returns uuid language sql return lpad(n::text, 32, '0')::uuid;

-- A pending row of today, which has reserved 0.3 and holds an Idempotency-Key.
create function pg_temp.begin(n integer, name text, at timestamptz default now(), reserved_on date default (now() at time zone 'utc')::date)
returns void language sql as $$
  insert into public.request_logs (id, did, method, endpoint, model, request_time, estimate_usd, reserved_usd, reserved_on)
  values (pg_temp.id(n), 'did:key:' || name, 'POST', '/chat/completions', 'openai/gpt-4o-mini', at, 0.3, 0.3, reserved_on);
  insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
  values ('did:key:' || name, 'key ' || n, '\xab', pg_temp.id(n));
  insert into public.budgets as budget (did, day, month, day_reserved_usd, month_reserved_usd, requests_under_way)
  select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date,
    case when reserved_on = (now() at time zone 'utc')::date then 0.3 else 0 end, 0.3, (did <> '*')::integer
  from unnest(array['did:key:' || name, '*']) as did
  on conflict (did) do update set
    day_reserved_usd = budget.day_reserved_usd + excluded.day_reserved_usd,
    month_reserved_usd = budget.month_reserved_usd + excluded.month_reserved_usd,
    requests_under_way = budget.requests_under_way + excluded.requests_under_way;
$$;

create function pg_temp.settlement(n integer, more jsonb default '{}') returns jsonb language sql
return jsonb_build_object(
  'request_id', pg_temp.id(n), 'request_time', (select request_time from public.request_logs where id = pg_temp.id(n)),
  'status', 'completed', 'http_status', 200, 'model', 'openai/gpt-4o-mini-2024', 'provider', 'OpenAI',
  'generation_id', 'gen-' || n, 'native_finish_reason', 'stop', 'input_tokens', 10 * n, 'output_tokens', n,
  'cached_tokens', 1, 'reasoning_tokens', 2, 'cost', '0.0' || n, 'cost_source', 'response', 'first_byte_ms', 7,
  'usd_per_credit', '1'
) || more;

create function pg_temp.settlements(first integer, last integer, more jsonb default '{}') returns jsonb language sql
return (select jsonb_agg(pg_temp.settlement(n, more) order by n) from generate_series(first, last) as n);

-- All that settlement writes, but for the instants at which rows ended, and how long they took.
create function pg_temp.state() returns jsonb language sql as $$
  select jsonb_build_object(
    'log', (select jsonb_agg(to_jsonb(log) || jsonb_build_object('response_time', response_time is not null) order by id) from public.request_logs as log),
    'keys', (select jsonb_agg(request_id order by request_id) from public.idempotency_keys as key),
    'usage', (select jsonb_agg(to_jsonb(total) order by did, day, model, endpoint) from public.usage_daily as total),
    'hours', (select jsonb_agg(to_jsonb(total) - 'duration_ms' order by did, hour, model, endpoint) from public.usage_hourly as total),
    'budgets', (select jsonb_agg(to_jsonb(budget) order by did) from public.budgets as budget),
    'alerts', (select jsonb_agg(jsonb_build_array(did, kind, period_start, threshold) order by did, kind, threshold) from public.budget_alerts)
  );
$$;

-- What becomes of some settlements, together or each alone: the answers by id, and the state. It is undone.
create function pg_temp.outcome(way text, settlements text, meanwhile text default 'select 1')
returns jsonb language plpgsql as $$
declare
  v_one jsonb;
  v_answers jsonb := '{}';
  v_outcome jsonb;
begin
  begin
    execute meanwhile;
    if way = 'together' then
      v_answers := public.settle_requests(settlements);
    else
      for v_one in select jsonb_array_elements(settlements::jsonb) loop
        v_answers := v_answers
          || jsonb_build_object(v_one ->> 'request_id', public.settle_request(v_one));
      end loop;
    end if;
    v_outcome := jsonb_build_object('answers', v_answers, 'state', pg_temp.state());
    raise exception using errcode = 'LGW02';
  exception when sqlstate 'LGW02' then
    return v_outcome;
  end;
end;
$$;

-- Whether some settlements come to the same together as each alone; the answers but for alerts.
create function pg_temp.as_alone(settlements jsonb, meanwhile text default 'select 1') returns text language plpgsql as $$
declare
  v_together jsonb := pg_temp.outcome('together', settlements::text, meanwhile);
  v_alone jsonb := pg_temp.outcome('alone', settlements::text, meanwhile);
begin
  return case
    when v_together -> 'state' <> v_alone -> 'state'
      then format('the state is %s and not %s', v_together -> 'state', v_alone -> 'state')
    when (select jsonb_object_agg(key, value - 'alerted') from jsonb_each(v_together -> 'answers'))
      <> (select jsonb_object_agg(key, value - 'alerted') from jsonb_each(v_alone -> 'answers'))
      then format('told %s and not %s', v_together -> 'answers', v_alone -> 'answers')
    else 'as alone'
  end;
end;
$$;

-- Which of some are settled together; 'something stays' where one that is not has changed something.
create function pg_temp.settled(settlements jsonb, meanwhile text default 'select 1') returns text language plpgsql as $$
declare
  v_outcome jsonb := pg_temp.outcome('together', settlements::text, meanwhile);
  v_without jsonb := pg_temp.outcome('together', coalesce((
    select jsonb_agg(one) from jsonb_array_elements(settlements) as one
    where v_outcome -> 'answers' ? (one ->> 'request_id')
  ), '[]')::text, meanwhile);
begin
  if v_without -> 'state' <> v_outcome -> 'state' then
    return 'something stays';
  end if;
  return coalesce((
    select string_agg(ltrim(replace(key, '-', ''), '0'), ' ' order by key) from jsonb_each(v_outcome -> 'answers')
  ), '');
end;
$$;

delete from public.budgets;
select pg_temp.begin(n, 'alice') from generate_series(1, 4) as n;
select pg_temp.begin(n, 'bob') from generate_series(5, 6) as n;
select pg_temp.begin(7, 'carol', now() - interval '1 day', (now() at time zone 'utc')::date - 1);
select pg_temp.begin(8, 'carol', now() - interval '1 day');
-- Of a gateway of before: not counted when it began.
select pg_temp.begin(9, 'bob');
update public.request_logs set reserved_on = null, reserved_usd = 0, estimate_usd = null where id = pg_temp.id(9);

set local role service_role;
select public.set_gateway_limits(refused_requests_per_minute => 20);

-- What is settled.
select is(pg_temp.settled(pg_temp.settlements(1, 9)), '1 2 3 4 5 6 7 8 9', 'all that is pending is settled');
select is(pg_temp.as_alone(pg_temp.settlements(1, 9)), 'as alone', 'rows, totals and budgets are as after each alone');
select is(
  pg_temp.as_alone(jsonb_build_array(
    pg_temp.settlement(1, '{"model": null}'), pg_temp.settlement(2, '{"cost": null, "cost_source": null}'),
    pg_temp.settlement(3, '{"status": "failed", "error_message": "upstream_error", "http_status": 502, "cost": "0"}'),
    pg_temp.settlement(4, '{"status": "failed", "given_up": true, "cost": null}'),
    pg_temp.settlement(5, '{"upstream_cost": "1.50", "usd_per_credit": "0.9"}'),
    pg_temp.settlement(6, '{"http_status": null, "input_tokens": null, "output_tokens": null, "cached_tokens": null, "reasoning_tokens": null, "generation_id": null, "provider": null, "first_byte_ms": null}')
  )),
  'as alone', 'whatever is known of them'
);
select is(pg_temp.as_alone(jsonb_build_array(pg_temp.settlement(7), pg_temp.settlement(8), pg_temp.settlement(1))), 'as alone', 'what was reserved yesterday counts where it was reserved');
select is(
  pg_temp.as_alone(pg_temp.settlements(3, 6), $$ do $do$ begin
    perform public.settle_request(pg_temp.settlement(1, '{"upstream_cost": "0.5"}'));
    perform public.settle_request(pg_temp.settlement(2, '{"status": "failed", "cost": null, "cost_source": null}'));
  end $do$ $$),
  'as alone', 'where their DID has others in the totals, too'
);
select is(pg_temp.as_alone(pg_temp.settlements(1, 6), $$ update public.budgets set day = day - 1 $$), 'as alone', 'also as the first of a day');
select is(pg_temp.as_alone(pg_temp.settlements(1, 6), $$ update public.budgets set day = day - 31, month = (month - interval '1 month')::date $$), 'as alone', 'or of a month');
select is(pg_temp.as_alone(pg_temp.settlements(1, 6), $$ delete from public.budgets $$), 'as alone', 'or where there is no budget');
select is(pg_temp.as_alone(pg_temp.settlements(1, 6), $$ update public.budgets set day_reserved_usd = 0.1, requests_under_way = 1 $$), 'as alone', 'no more is freed than is reserved');
select is(
  pg_temp.as_alone(pg_temp.settlements(1, 4, '{"status": "failed", "http_status": 400, "cost": "0"}') || pg_temp.settlements(5, 5, '{"status": "failed", "http_status": 404, "cost": "0"}') || pg_temp.settlements(6, 6, '{"status": "failed", "http_status": 429, "cost": "0"}')),
  'as alone', 'each mistake counts as one'
);
select is(
  (select (budget ->> 'refusals_used_until')::timestamptz - now() from jsonb_array_elements(pg_temp.outcome('together', pg_temp.settlements(1, 4, '{"status": "failed", "http_status": 400, "cost": "0"}')::text) -> 'state' -> 'budgets') as budget where budget ->> 'did' = 'did:key:alice'),
  interval '12 seconds', 'four of twenty a minute are twelve seconds'
);
select is(
  (select (budget ->> 'refusals_used_until')::timestamptz - now() from jsonb_array_elements(pg_temp.outcome('together', pg_temp.settlements(1, 4, '{"status": "failed", "http_status": 400, "cost": "0"}')::text, 'select public.set_gateway_limits(refused_requests_per_minute => 1)') -> 'state' -> 'budgets') as budget where budget ->> 'did' = 'did:key:alice'),
  interval '4 minutes', 'and of one a minute four minutes'
);
select is(
  public.used_until('-infinity'::timestamptz, 1, 64, '2028-03-01 10:00:00+00'), '2028-03-01 11:04:00+00', 'and as many as go together an hour'
);
select is(
  pg_temp.outcome('together', (pg_temp.settlements(1, 2, '{"may_be_repeated": true}') || pg_temp.settlements(3, 4, '{"may_be_repeated": false}'))::text) -> 'state' -> 'keys',
  (select jsonb_agg(pg_temp.id(n) order by n) from generate_series(3, 9) as n), 'what may be repeated gives its Idempotency-Key back, and nothing else does'
);
select is(pg_temp.as_alone(pg_temp.settlements(1, 6, '{"may_be_repeated": true}')), 'as alone', 'as alone');
select is(
  pg_temp.outcome('together', pg_temp.settlements(1, 1)::text) -> 'answers' -> pg_temp.id(1)::text,
  '{"settled": true, "total_cost": "0.01", "left_out": null, "alerted": false}', 'the answer is settle_request''s'
);
select is(
  pg_temp.outcome('together', pg_temp.settlements(1, 1, '{"cost": "0.10"}')::text) -> 'answers' -> pg_temp.id(1)::text ->> 'total_cost',
  '0.1', 'with the cost as it is booked'
);

-- Alerts.
select is(
  pg_temp.as_alone(pg_temp.settlements(1, 6), 'do $do$ begin perform public.set_limits(''did:key:alice'', daily_budget_usd => 0.1, monthly_budget_usd => 0.2); perform public.set_gateway_limits(daily_budget_usd => 0.25); end $do$'),
  'as alone', 'thresholds of budgets are noted as after each alone'
);
select is(
  (select count(*)::int || ' ' || count(*) filter (where (told ->> 'alerted')::boolean)
    from jsonb_each(pg_temp.outcome('together', pg_temp.settlements(1, 6)::text, 'select public.set_limits(''did:key:alice'', daily_budget_usd => 0.1)') -> 'answers') as answer (id, told)),
  '6 1', 'one of the answers says that there are alerts'
);
select is(
  pg_temp.outcome('together', pg_temp.settlements(1, 6)::text, 'select public.set_limits(''did:key:alice'', daily_budget_usd => 0.1)') -> 'state' -> 'alerts',
  (select jsonb_agg(jsonb_build_array('did:key:alice', 'day', (now() at time zone 'utc')::date, threshold) order by threshold) from unnest('{50, 80, 100}'::int[]) as threshold),
  'each threshold is noted once'
);
select is(
  (select count(*)::int from jsonb_each(pg_temp.outcome('together', pg_temp.settlements(1, 6)::text) -> 'answers') as answer (id, told) where (told ->> 'alerted')::boolean),
  0, 'where none is reached, none is told'
);

-- What is left out.
select is(pg_temp.settled(pg_temp.settlements(1, 4), $$ update public.request_logs set status = 'completed', response_time = now() where id = pg_temp.id(2) $$), '1 3 4', 'a row that has ended is left out');
select is(pg_temp.settled(pg_temp.settlements(1, 4), $$ update public.request_logs set status = 'failed', response_time = now(), given_up = true where id = pg_temp.id(2) $$), '1 3 4', 'one that was given up, too');
select is(pg_temp.settled(pg_temp.settlements(1, 4), $$ delete from public.request_logs where id = pg_temp.id(2) $$), '1 3 4', 'one that is not there');
select is(pg_temp.settled(pg_temp.settlements(1, 1) || pg_temp.settlements(2, 2, '{"request_time": "2026-01-01 00:00:00+00"}') || pg_temp.settlements(3, 3)), '1 3', 'one of another time');
select is(pg_temp.settled(pg_temp.settlements(1, 1) || jsonb_build_array(pg_temp.settlement(7, jsonb_build_object('request_time', now())))), '1', 'also where that is another row''s');
select is(pg_temp.settled(pg_temp.settlements(1, 2) || pg_temp.settlements(2, 3, '{"cost": "0.5"}')), '1 3', 'and one that is told twice');
select is(
  (select string_agg(pg_temp.settled(pg_temp.settlements(1, 1) || jsonb_build_array(pg_temp.settlement(2, more)) || pg_temp.settlements(3, 3)), ' ')
    from unnest(array[
      '{"status": "pending"}', '{"status": null}', '{"status": "ended"}', '{"cost": "NaN"}', '{"cost": "Infinity"}',
      '{"cost": "a"}', '{"cost": "1e200000"}', '{"input_tokens": -1}', '{"input_tokens": 1e30}', '{"http_status": 99999}',
      '{"first_byte_ms": "x"}', '{"cost_source": "nobody"}', '{"request_time": "soon"}', '{"request_id": "1"}',
      '{"usd_per_credit": "0,5"}'
    ]::jsonb[]) as more),
  repeat(' ', 14), 'where Postgres refuses the data of one, all are left out, and nothing changes'
);
select is(
  (select string_agg(pg_temp.outcome('together', told) ->> 'answers', ' ') from unnest(array['[]', '{}', 'null', '[null]', '[1]', '{', '"a"', '']) as told),
  '{} {} {} {} {} {} {} {}', 'what is no list of settlements settles nothing'
);
select is(public.settle_requests(null), '{}', 'nor does null');
select is(
  (select string_agg(key, '') from jsonb_each(pg_temp.outcome('alone', jsonb_build_array(pg_temp.settlement(2, '{"cost": "NaN"}'))::text) -> 'answers') where (value ->> 'settled')::boolean),
  pg_temp.id(2)::text, 'alone it is settled without what is refused'
);

-- end_rows.
select is((select count(*)::int from unnest(public.end_rows('{}'))), 0, 'no settlement ends no row');
select is(
  (select string_agg(id::text || ' ' || status || ' ' || total_cost, '' order by id) from unnest(public.end_rows(array[jsonb_populate_record(null::public.settlement, pg_temp.settlement(1))]))),
  pg_temp.id(1) || ' completed 0.01', 'a row is returned as it is then'
);
select is(public.end_rows(array[jsonb_populate_record(null::public.settlement, pg_temp.settlement(1))]), null, 'one that has ended does not end again');
select is(
  (select string_agg(total_cost || ' ' || (response_time = (select response_time from public.request_logs where id = pg_temp.id(1))), '' order by id) from unnest(public.end_rows(array[jsonb_populate_record(null::public.settlement, pg_temp.settlement(1, '{"cost": "0.2"}'))], true))),
  '0.2 true', 'but on demand, at the time when it did'
);

-- change_budgets.
delete from public.budgets;
create function pg_temp.change(name text, day date, spent numeric, reserved numeric, ended integer, refused integer)
returns public.budget_change language sql return row('did:key:' || name, day, spent, reserved, ended, refused)::public.budget_change;
create temporary table changes on commit drop as
select place, pg_temp.change(name, (now() at time zone 'utc')::date - days, spent, reserved, ended, refused) as change
from (values
  (1, 'dave', 0, 0.1, -0.3, 1, 0), (2, 'erin', 0, 0.2, -0.3, 1, 1), (3, 'dave', 1, 0.4, -0.3, 1, 0), (4, 'dave', 0, 0.01, 0, 0, 1),
  (5, 'erin', 40, 9, -1, 1, 0), (6, 'dave', 0, 0, -0.3, 1, 1)
) as change (place, name, days, spent, reserved, ended, refused);
insert into public.budgets (did, day, month, day_spent_usd, day_reserved_usd, month_spent_usd, month_reserved_usd, requests_under_way)
select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date, 1, 5, 2, 6, case did when '*' then 0 else 9 end
from unnest('{did:key:dave, did:key:erin, *}'::text[]) as did;
create function pg_temp.changed(way text) returns text language plpgsql as $$
declare
  v_said text;
  v_change public.budget_change;
begin
  begin
    if way = 'together' then
      perform public.change_budgets(array(select change from changes order by place));
    else
      for v_change in select (change).* from changes order by (change).day, place loop
        perform public.change_budgets(array[v_change]);
      end loop;
    end if;
    select string_agg(budget::text, ' ' order by did) into v_said from public.budgets as budget;
    raise exception using errcode = 'LGW02';
  exception when sqlstate 'LGW02' then
    return v_said;
  end;
end;
$$;
select is(pg_temp.changed('together'), pg_temp.changed('alone'), 'changes of several days and DIDs come to the same together as each alone');
create temporary table touched (place serial, did text) on commit drop;
create function pg_temp.touch() returns trigger language plpgsql as $$
begin
  insert into touched (did) values (new.did);
  return new;
end;
$$;
reset role;
create trigger touch before update on public.budgets for each row execute function pg_temp.touch();
select lives_ok($$ select public.change_budgets(array(select change from changes order by place desc)) $$, 'changes are entered');
drop trigger touch on public.budgets;
select results_eq(
  'select did from touched order by place', $$ select did from touched order by did = '*', did $$,
  'in the order of the DIDs, and then in all that they share, so that no two wait for each other'
);
select is(
  (select string_agg(concat_ws(' ', did, trim_scale(day_spent_usd), trim_scale(day_reserved_usd), requests_under_way, round(extract(epoch from refusals_used_until - now()))), ', ' order by did) from public.budgets where did <> '*'),
  'did:key:dave 1.11 4.4 6 6, did:key:erin 1.2 4.7 7 3', 'those of a DID are summed up'
);
select is(
  (select concat_ws(' ', trim_scale(day_spent_usd), trim_scale(day_reserved_usd), requests_under_way) from public.budgets where did = '*'),
  '1.31 4.1 0', 'and so are all of them'
);

-- One that came to nothing, because somebody else ended its row.
select lives_ok($$ select public.change_budgets(array[null, pg_temp.change('dave', current_date, 0, 0, 0, 0), null]::public.budget_change[]) $$, 'no change is none');
select is_empty($$ select from public.budgets where did is null $$, 'of nobody');

-- One that came alone.
select pg_temp.begin(91, 'alone');
select public.set_limits('did:key:alone', daily_budget_usd => 1);
select is(
  public.settle_requests(jsonb_build_array(pg_temp.settlement(91, '{"cost": "0.5"}'))::text) -> pg_temp.id(91)::text ->> 'alerted', 'true',
  'the only one says that an alert is new'
);

-- A name that no index of the log takes.
select pg_temp.begin(92, 'alone');
select is(
  public.settle_requests(jsonb_build_array(pg_temp.settlement(92, jsonb_build_object(
    'generation_id', (select string_agg(md5(n::text), '') from generate_series(1, 400) as n)
  )))::text), '{}', 'what Postgres has no room for must be sent alone'
);

select * from finish();
rollback;

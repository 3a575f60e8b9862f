-- Admissions that came together: who is admitted, what stays of those who are left out, and that whoever
-- is admitted is told and booked what admit_request would.
begin;
select plan(87);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
select 'did:key:' || name, 'hash ' || name, 'sealed ' || name, name,
  case name when 'disabled' then 'disabled' else 'active' end
from unnest('{alice, bob, carol, disabled, blocked, revoked, listed, slow, busy, poor, monthly, mistaken, old, new, tiny}'::text[])
  as name;

-- A metered chat with what a test is not about filled in; its id is made of a number.
create function pg_temp.item(n integer, name text, more jsonb default '{}') returns jsonb language sql
return jsonb_build_object(
  'request_id', lpad(n::text, 32, '0')::uuid, 'did', 'did:key:' || name, 'method', 'POST',
  'endpoint', '/chat/completions', 'metered', true, 'model', 'openai/gpt-4o-mini',
  'message_hash', encode(sha256(n::text::bytea), 'hex'), 'message_expires_at', '2028-03-01 10:05:00+00',
  'owned_generations', '[]'::jsonb, 'shared_features', '[]'::jsonb, 'server_tools', '[]'::jsonb,
  'idempotency_key', 'key ' || n, 'body_hash', 'ab', 'models', '["openai/gpt-4o-mini"]'::jsonb,
  'free_model', false, 'estimate', '[{"usd": "0.1"}]'::jsonb
) || more;

create function pg_temp.items(first integer, last integer, name text, more jsonb default '{}')
returns jsonb language sql
return (select jsonb_agg(pg_temp.item(n, name, more) order by n) from generate_series(first, last) as n);

-- All that admission writes.
create function pg_temp.state() returns jsonb language sql as $$
  select jsonb_build_object(
    'log', (select jsonb_agg(to_jsonb(log) order by id) from public.request_logs as log),
    'messages', (select jsonb_agg(to_jsonb(message) order by message_hash) from public.accepted_messages as message),
    'keys', (select jsonb_agg(to_jsonb(key) order by request_id) from public.idempotency_keys as key),
    'budgets', (select jsonb_agg(to_jsonb(budget) order by did) from public.budgets as budget),
    'alerts', (select jsonb_agg(to_jsonb(alert) - 'id' order by did) from public.budget_alerts as alert)
  );
$$;

-- What becomes of some requests, together or one after the other: the answers by id, and the state. It is
-- undone.
create function pg_temp.outcome(
  way text, items jsonb, at timestamptz default '2028-03-01 10:00:00+00', meanwhile text default 'select 1'
) returns jsonb language plpgsql as $$
declare
  v_asked public.admission[] := array(
    select asked from jsonb_populate_recordset(null::public.admission, items) as asked
  );
  v_one public.admission;
  v_answers jsonb := '{}';
  v_outcome jsonb;
begin
  begin
    execute meanwhile;
    if way = 'together' then
      v_answers := public.enter_admissions(v_asked, at);
    else
      foreach v_one in array v_asked loop
        v_answers := v_answers
          || jsonb_build_object(v_one.request_id, public.enter_admission(v_one, at));
      end loop;
    end if;
    v_outcome := jsonb_build_object('answers', v_answers, 'state', pg_temp.state());
    raise exception using errcode = 'LGW02';
  exception when sqlstate 'LGW02' then
    return v_outcome;
  end;
end;
$$;

-- The numbers of those that are admitted together.
create function pg_temp.admitted(
  items jsonb, at timestamptz default '2028-03-01 10:00:00+00', meanwhile text default 'select 1'
) returns text language sql as $$
  select coalesce(string_agg(ltrim(replace(id, '-', ''), '0'), ' ' order by id), '')
  from jsonb_each(pg_temp.outcome('together', items, at, meanwhile) -> 'answers') as answer (id, told)
  where told ->> 'decision' = 'admitted';
$$;

-- What is decided on a request alone; 'admitted: …' where it would have been left out without need.
create function pg_temp.left_out(item jsonb, meanwhile text default 'select 1')
returns text language plpgsql as $$
declare
  v_others jsonb := jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(9, 'bob'));
  v_without jsonb := pg_temp.outcome('together', v_others, meanwhile => meanwhile);
  v_with jsonb := pg_temp.outcome(
    'together', jsonb_build_array(v_others -> 0, item, v_others -> 1), meanwhile => meanwhile
  );
  v_alone jsonb := pg_temp.outcome('alone', jsonb_build_array(item), meanwhile => meanwhile)
    -> 'answers' -> (item ->> 'request_id');
begin
  if (select count(*) from jsonb_object_keys(v_without -> 'answers')) <> 2 then
    return 'the others are not admitted';
  end if;
  if v_with -> 'answers' <> v_without -> 'answers' then
    return 'the others are answered otherwise';
  end if;
  if v_with <> v_without then
    return 'something stays';
  end if;
  return concat_ws(
    ' ', v_alone ->> 'decision', v_alone ->> 'scope', v_alone ->> 'what', v_alone ->> 'period',
    v_alone ->> 'why'
  );
end;
$$;

-- Whether those that are admitted together are told and booked what they would be one after the other:
-- the state is the same, and each is told what the last one of its DID is.
create function pg_temp.as_alone(items jsonb) returns text language plpgsql as $$
declare
  v_together jsonb := pg_temp.outcome('together', items);
  v_alone jsonb := pg_temp.outcome('alone', items);
  v_item jsonb;
  v_last jsonb;
begin
  if v_together -> 'state' <> v_alone -> 'state' then
    return format('the state is %s and not %s', v_together -> 'state', v_alone -> 'state');
  end if;
  for v_item in select jsonb_array_elements(items) loop
    select item into v_last from jsonb_array_elements(items) with ordinality as one (item, place)
    where item -> 'did' = v_item -> 'did' and item -> 'metered' = v_item -> 'metered'
    order by place desc limit 1;
    if v_together -> 'answers' -> (v_item ->> 'request_id')
      is distinct from v_alone -> 'answers' -> (v_last ->> 'request_id')
    then
      return format(
        'told %s and not %s', v_together -> 'answers' -> (v_item ->> 'request_id'),
        v_alone -> 'answers' -> (v_last ->> 'request_id')
      );
    end if;
  end loop;
  return 'as alone';
end;
$$;

delete from public.budgets;
insert into public.budgets (did, day, month)
select did, date '2028-03-01', date '2028-03-01' from public.user_api_keys where did <> 'did:key:new'
union all select '*', date '2028-03-01', date '2028-03-01';
update public.budgets set day = '2028-02-29', month = '2028-02-01', day_spent_usd = 1 where did = 'did:key:old';
-- No two amounts are alike.
update public.budgets
set day_spent_usd = 0.5, day_reserved_usd = 0.25, month_spent_usd = 5, month_reserved_usd = 2
where did in ('did:key:alice', 'did:key:bob', '*');
insert into public.request_logs (id, did, method, endpoint, generation_id, status, response_time)
values (gen_random_uuid(), 'did:key:bob', 'POST', '/chat/completions', 'gen-bob', 'completed', now());

set local role service_role;
select public.set_gateway_limits(refused_requests_per_minute => 20);
select public.block_did('did:key:blocked');
insert into public.did_policies (did, tokens_valid_after) values ('did:key:revoked', '2028-02-01 00:00:00+00');
select public.set_limits('did:key:listed', allowed_models => '{openai/*, anthropic/claude-opus-4.5}');
select public.set_limits('did:key:slow', requests_per_minute => 4);
select public.set_limits('did:key:busy', concurrent_requests => 2);
select public.set_limits('did:key:poor', daily_budget_usd => 0.25);
select public.set_limits('did:key:monthly', monthly_budget_usd => 0.25);

-- Those that are admitted.
select is(pg_temp.admitted(pg_temp.items(1, 64, 'alice')), (select string_agg(n::text, ' ' order by n) from generate_series(1, 64) as n), 'all are admitted that nothing stands against');
select is(pg_temp.as_alone(pg_temp.items(1, 5, 'alice')), 'as alone', 'they are booked as they would be one after the other');
select is(
  pg_temp.as_alone(pg_temp.items(1, 3, 'alice') || pg_temp.items(11, 12, 'bob') || pg_temp.items(21, 21, 'carol')),
  'as alone', 'so are those of several DIDs'
);
select is(pg_temp.as_alone(pg_temp.items(1, 4, 'slow')), 'as alone', 'a rate is moved on by each, and told');
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'busy')), 'as alone', 'each is under way');
select public.set_gateway_limits(requests_per_minute => 10);
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'busy') || pg_temp.items(3, 5, 'alice')), 'as alone', 'a rate of all DIDs is moved on by those of each');
select public.set_gateway_limits(clear => '{requests_per_minute}');
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'poor')), 'as alone', 'each reserves, and is told what is left');
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'monthly')), 'as alone', 'so it is with a budget of a month');
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'listed')), 'as alone', 'models of a list pass');
select is(
  pg_temp.as_alone(jsonb_build_array(
    pg_temp.item(1, 'alice', '{"estimate": [{"usd": "0.3"}]}'),
    pg_temp.item(2, 'alice', '{"estimate": [{"unknown": "price"}, {"usd": "0.01", "usd_per_output_token": "0.0001", "output_tokens": null}]}'),
    pg_temp.item(3, 'alice', '{"estimate": null, "streaming": true, "model": null}'),
    pg_temp.item(4, 'alice', '{"estimate": [{"unknown": "job"}], "endpoint": "/videos"}'),
    pg_temp.item(5, 'alice', '{"estimate": [{"usd": "0"}], "message_hash": null, "idempotency_key": null}')
  )),
  'as alone', 'each reserves its own estimate'
);
select is(
  pg_temp.as_alone(pg_temp.items(1, 2, 'alice', '{"metered": false}') || pg_temp.items(3, 4, 'slow', '{"metered": false}')),
  'as alone', 'what is not metered leaves its message alone'
);
select is(
  pg_temp.as_alone(pg_temp.items(1, 3, 'slow', '{"metered": false}') || pg_temp.items(4, 6, 'slow')),
  'as alone', 'and goes along with its DID''s metered requests'
);
select is(
  pg_temp.as_alone(pg_temp.items(1, 1, 'poor', '{"metered": false}') || pg_temp.items(4, 5, 'poor')), 'as alone', 'of whose budget it takes nothing'
);
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'listed', '{"metered": false, "models": ["x-ai/grok-4"]}')), 'as alone', 'nor is its model looked at');
select is(
  pg_temp.admitted(pg_temp.items(1, 2, 'poor', '{"metered": false}') || pg_temp.items(4, 6, 'poor')),
  '1 2', 'also where those have no room'
);
select is(
  pg_temp.admitted(pg_temp.items(1, 1, 'new', '{"metered": false}') || pg_temp.items(2, 2, 'old', '{"metered": false}')),
  '1 2', 'and where there is no budget'
);
select is(
  pg_temp.as_alone(pg_temp.items(1, 1, 'alice', '{"server_tools": ["web_search", "datetime"]}')), 'as alone',
  'tools that the operator has opened pass'
);
select is(
  pg_temp.as_alone(pg_temp.items(1, 1, 'revoked', '{"token_issued_at": "2028-02-01 00:00:00+00"}')), 'as alone',
  'a token of after the revocation passes'
);
select is(
  pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice', '{"idempotency_key": "k"}'), pg_temp.item(2, 'bob', '{"idempotency_key": "k"}'), pg_temp.item(3, 'alice', '{"idempotency_key": "k", "body_hash": "cd"}'))),
  '1 2 3', 'one Idempotency-Key of two DIDs, or of two bodies, is two'
);
update public.user_api_keys set credit_limit = 2.50 where did = 'did:key:carol';
select is(pg_temp.as_alone(pg_temp.items(1, 2, 'carol')), 'as alone', 'a limit that OpenRouter does not know yet comes along');
select is(pg_temp.outcome('together', '[]') -> 'answers', '{}', 'of nothing comes nothing');

-- Those that are left out, one beside two that are not.
select is(pg_temp.left_out(pg_temp.item(2, 'nobody')), 'needs_provisioning', 'a DID without a key is left out');
select is(pg_temp.left_out(pg_temp.item(2, 'nobody', '{"metered": false, "may_lack_key": true}')), 'admitted', 'also where it needs none');
select is(pg_temp.left_out(pg_temp.item(2, 'disabled')), 'access_denied blocked', 'so is a disabled one');
select is(pg_temp.left_out(pg_temp.item(2, 'blocked')), 'access_denied blocked', 'and a blocked one');
select is(pg_temp.left_out(pg_temp.item(2, 'blocked', '{"metered": false}')), 'access_denied blocked', 'for what is not metered, too');
select is(pg_temp.left_out(pg_temp.item(2, 'revoked', '{"token_issued_at": "2028-01-31 23:59:59+00"}')), 'token_revoked', 'a revoked token is left out');
select is(pg_temp.left_out(pg_temp.item(2, 'listed', '{"models": ["openai/gpt-4o-mini", "x-ai/grok-4"]}')), 'model_not_allowed', 'so is a model that a list does not have');
select is(pg_temp.left_out(pg_temp.item(2, 'listed', '{"models": []}')), 'model_not_allowed no model is named', 'and none');
select is(pg_temp.left_out(pg_temp.item(2, 'listed', '{"models": null}')), 'model_not_allowed no model is named', 'or null');
select is(pg_temp.left_out(pg_temp.item(2, 'listed', '{"models": [null]}')), 'model_not_allowed', 'or one without a name');
select is(pg_temp.left_out(pg_temp.item(2, 'listed', '{"runs_unnamed": "a preset"}')), 'model_not_allowed a preset', 'and what may run others');
select is(
  pg_temp.left_out(pg_temp.item(2, 'alice', '{"models": ["x-ai/grok-4"]}'), $$ select public.set_gateway_limits(default_allowed_models => '{openai/*}') $$),
  'model_not_allowed', 'and a model that no list of the DID''s own has, but that of all'
);
select is(pg_temp.left_out(pg_temp.item(2, 'alice', '{"shared_features": ["presets"]}')), 'feature_not_allowed', 'so is a feature that is not opened');
select is(pg_temp.left_out(pg_temp.item(2, 'alice', '{"shared_features": [null]}')), 'feature_not_allowed', 'or has no name');
select is(pg_temp.left_out(pg_temp.item(2, 'alice', '{"server_tools": ["web_search", "shell"]}')), 'feature_not_allowed', 'so is a tool');
select is(pg_temp.left_out(pg_temp.item(2, 'bob', '{"owned_generations": ["gen-bob"], "metered": false}')), 'admitted', 'what names a generation is left out, the DID''s own');
select is(pg_temp.left_out(pg_temp.item(2, 'alice', '{"owned_generations": ["gen-bob"], "metered": false}')), 'not_owned', 'or not');
select is(pg_temp.left_out(pg_temp.item(2, 'alice', '{"free_model": true}')), 'admitted', 'so is a free model');
select is(pg_temp.left_out(pg_temp.item(2, 'old')), 'admitted', 'and a DID that has not called today');
select is(pg_temp.left_out(pg_temp.item(2, 'new')), 'admitted', 'or never');
select is(
  pg_temp.left_out(pg_temp.item(2, 'alice'), $$ insert into public.accepted_messages select sha256('2'::bytea), '2028-03-01 10:05:00+00' $$),
  'replayed', 'a message that was accepted before is left out, and stays accepted'
);
select is(
  pg_temp.left_out(pg_temp.item(2, 'alice'), $$ insert into public.idempotency_keys values ('did:key:alice', 'key 2', '\xab', '11111111-1111-4111-8111-111111111111') $$),
  'duplicate', 'so is an Idempotency-Key that is in use, and its message is free'
);
select is(
  pg_temp.left_out(pg_temp.item(2, 'alice', '{"message_hash": null}'), $$ insert into public.idempotency_keys values ('did:key:alice', 'key 2', '\xab', lpad('2', 32, '0')::uuid) $$),
  'duplicate', 'also where it is the very same request: it keeps its key'
);
select is(pg_temp.left_out(pg_temp.item(2, 'poor', '{"estimate": [{"usd": "0.26"}]}')), 'budget_exceeded did day', 'so is what a budget has no room for');
select is(pg_temp.left_out(pg_temp.item(2, 'monthly', '{"estimate": [{"usd": "0.26"}]}')), 'budget_exceeded did month', 'in the month, too');
select is(pg_temp.left_out(pg_temp.item(2, 'poor'), $$ update public.budgets set day_spent_usd = 0.2 where did = 'did:key:poor' $$), 'budget_exceeded did day', 'or has none any more');
select is(pg_temp.left_out(pg_temp.item(2, 'slow'), $$ update public.budgets set requests_used_until = '2028-03-01 10:00:50+00' where did = 'did:key:slow' $$), 'rate_limited did requests', 'so is one too many a minute');
select is(pg_temp.left_out(pg_temp.item(2, 'busy'), $$ update public.budgets set requests_under_way = 2 where did = 'did:key:busy' $$), 'rate_limited did concurrent', 'or at a time');
select is(pg_temp.left_out(pg_temp.item(2, 'mistaken'), $$ update public.budgets set refusals_used_until = '2028-03-01 10:01:30+00' where did = 'did:key:mistaken' $$), 'rate_limited did refusals', 'or after too many mistakes');

-- Those that stand in each other's way.
select is(
  (select count(*)::int from jsonb_object_keys(pg_temp.outcome('together', pg_temp.items(1, 5, 'alice', '{"message_hash": "aa"}') || pg_temp.items(6, 9, 'bob', '{"message_hash": "AA"}')) -> 'answers')),
  1, 'a message is accepted once, whoever sends it'
);
select is(
  (select count(*)::int from jsonb_object_keys(pg_temp.outcome('together', pg_temp.items(1, 5, 'alice', '{"idempotency_key": "k"}')) -> 'answers')),
  1, 'so is an Idempotency-Key'
);
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'alice'), pg_temp.item(2, 'bob', '{"message_hash": "bb"}'))), '1', 'of two with one id none is admitted');
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'alice'), pg_temp.item(2, 'blocked', '{"message_hash": "bb"}'))), '1', 'also where one of them is left out anyway');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'poor') || pg_temp.items(4, 5, 'alice')), '4 5', 'where a DID''s budget has no room for all of its requests, all are left out, and no others');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'monthly') || pg_temp.items(4, 5, 'alice')), '4 5', 'so it is with that of a month');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'busy') || pg_temp.items(4, 5, 'alice')), '4 5', 'and with those at a time');
select is(pg_temp.admitted(pg_temp.items(1, 5, 'slow') || pg_temp.items(6, 7, 'alice')), '6 7', 'and with a rate, however long nobody called');
select is(pg_temp.admitted(pg_temp.items(1, 64, 'slow'), meanwhile => $$ select public.set_limits('did:key:slow', requests_per_minute => 1) $$), '', 'of one a minute, too');
select is(pg_temp.admitted(pg_temp.items(1, 4, 'slow'), meanwhile => $$ update public.budgets set requests_used_until = '2028-03-01 10:00:00.000001+00' where did = 'did:key:slow' $$), '', 'to the microsecond');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'slow'), meanwhile => $$ update public.budgets set requests_used_until = '2028-03-01 10:00:15+00' where did = 'did:key:slow' $$), '1 2 3', 'and not below');
select is(
  pg_temp.outcome('together', pg_temp.items(1, 2, 'alice') || pg_temp.items(3, 4, 'bob'), meanwhile => 'select public.set_gateway_limits(daily_budget_usd => 1.1)')
    - 'state' || jsonb_build_object('stays', pg_temp.outcome('together', '[]') -> 'state'
      = pg_temp.outcome('together', pg_temp.items(1, 2, 'alice') || pg_temp.items(3, 4, 'bob'), meanwhile => 'select public.set_gateway_limits(daily_budget_usd => 1.1)') -> 'state'),
  '{"answers": {}, "stays": true}', 'where the gateway''s budget has no room for all, nobody is admitted, and nothing stays'
);
select is(pg_temp.admitted(pg_temp.items(1, 3, 'alice') || pg_temp.items(4, 4, 'alice', '{"metered": false}'), meanwhile => 'select public.set_gateway_limits(monthly_budget_usd => 7.29)'), '4', 'but what is not metered');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'alice'), meanwhile => 'select public.set_gateway_limits(requests_per_minute => 2)'), '', 'so it is with the gateway''s rate');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'alice'), meanwhile => 'select public.set_gateway_limits(daily_budget_usd => 1.05, requests_per_minute => 3)'), '1 2 3', 'what is just enough is enough');
select is(
  pg_temp.admitted(pg_temp.items(1, 3, 'alice') || pg_temp.items(4, 5, 'bob', '{"metered": false}'), meanwhile => 'select public.set_gateway_limits(daily_budget_usd => 1.05, requests_per_minute => 3)'),
  '1 2 3 4 5', 'and what is not metered takes nothing of it'
);
select is(pg_temp.admitted(pg_temp.items(1, 3, 'alice'), meanwhile => $$ update public.budgets set day = '2028-02-29' where did = '*' $$), '', 'the first of a day are for one transaction each');
select is(pg_temp.admitted(pg_temp.items(1, 3, 'alice'), at => '2028-02-29 23:59:59.999999+00'), '', 'and the last of a day that come after its end');
select is(
  pg_temp.admitted(pg_temp.items(1, 2, 'alice') || pg_temp.items(3, 3, 'listed'), meanwhile => $$ do $do$ begin perform public.set_gateway_limits(access_mode => 'allowlist'); perform public.allow_did('did:key:listed'); end $do$ $$),
  '3', 'with a list of DIDs only those pass that are on it'
);
select is(
  pg_temp.outcome('together', pg_temp.items(1, 2, 'alice'), meanwhile => what) #> '{state,budgets}',
  pg_temp.outcome('alone', pg_temp.items(1, 2, 'alice'), meanwhile => what) #> '{state,budgets}', 'rates are taken out of their own buckets'
)
from (values ($$
  select public.set_gateway_limits(requests_per_minute => 60), public.set_limits('did:key:alice', requests_per_minute => 30);
  update public.budgets
  set requests_used_until = '2028-03-01 10:00:01+00', free_requests_used_until = '2028-03-01 10:00:02+00',
    refusals_used_until = '2028-03-01 09:59:59+00', new_accounts_used_until = '2028-03-01 10:00:03+00'
  where did in ('did:key:alice', '*')
$$)) as meanwhile (what);
select throws_ok(
  $$ select public.admit_requests(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'bob', '{"estimate": [{"usd": "NaN"}]}'))::text) $$,
  '22003', null, 'where one holds what is none, nothing is done, and each is asked for alone'
);

-- No two transactions wait for each other.
create temporary table noted (place serial, what text collate "C") on commit drop;
create function pg_temp.note() returns trigger language plpgsql as $$
begin
  insert into noted (what)
  values (concat_ws(' ', tg_table_name, to_jsonb(new) ->> 'did', to_jsonb(new) ->> tg_argv[0], to_jsonb(new) ->> 'body_hash'));
  return new;
end;
$$;
reset role;
create trigger note before insert on public.accepted_messages for each row execute function pg_temp.note('message_hash');
create trigger note before insert on public.idempotency_keys for each row execute function pg_temp.note('idempotency_key');
select public.enter_admissions(
  array(
    select asked from jsonb_populate_recordset(
      null::public.admission,
      pg_temp.items(95, 97, 'bob') || pg_temp.item(94, 'alice') || pg_temp.item(92, 'bob') || pg_temp.item(91, 'alice') || pg_temp.item(93, 'alice')
        || pg_temp.item(98, 'alice', '{"idempotency_key": "key 99", "body_hash": "cd"}') || pg_temp.item(99, 'alice')
    ) as asked
  ),
  '2028-03-01 10:00:00+00'
);
drop trigger note on public.accepted_messages;
drop trigger note on public.idempotency_keys;
set local role service_role;
select results_eq(
  'select what from noted order by place', 'select what from noted order by what',
  'messages are accepted in one order, and then keys, whatever the order of the requests'
);
select is((select count(*) from noted), 18::bigint, 'those of all of them');

-- What changes while they wait for the lock of their budgets.
create function pg_temp.change() returns trigger language plpgsql as $$
begin
  execute current_setting('test.change');
  return new;
end;
$$;
reset role;
create trigger change before insert on public.accepted_messages for each row execute function pg_temp.change();
set local role service_role;
set local test.change = $$ update public.budgets set requests_under_way = 1000000 where did = 'did:key:busy' $$;
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'busy'))), '1', 'what has no room under the lock is left out, and no others');
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(2, 'busy'))), '', 'also where that is all');
set local test.change = $$ update public.budgets set day = '2028-03-02' where did = 'did:key:busy' $$;
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'busy'))), '1', 'so is who has called on the next day by then');
set local test.change = $$ update public.budgets set day = '2028-03-02' where did = '*' $$;
select is(pg_temp.admitted(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'busy'))), '', 'and all of them where anybody has');
reset role;
drop trigger change on public.accepted_messages;
set local role service_role;

-- By the day's own time, over the API's function.
update public.budgets set day = (now() at time zone 'utc')::date, month = date_trunc('month', now() at time zone 'utc')::date;
select is(
  (select string_agg(value ->> 'decision' || ' ' || (value ->> 'encrypted_api_key'), ', ' order by key)
    from jsonb_each(public.admit_requests(jsonb_build_array(pg_temp.item(1, 'alice'), pg_temp.item(2, 'bob'), pg_temp.item(3, 'blocked'))::text))),
  'admitted sealed alice, admitted sealed bob', 'admit_requests takes text, and answers by id'
);
select throws_ok(
  $$ select public.admit_requests(jsonb_build_array(pg_temp.item(4, 'alice'), pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}'))::text) $$,
  '23505', 'request 00000000-0000-0000-0000-000000000001 was admitted before', 'a request that was admitted before is not admitted again'
);

-- An admission that arrives once more is no second one, within a day.
create function pg_temp.again(age interval) returns text language sql as $$
  with old as (update public.request_logs set request_time = now() - age where id = '00000000-0000-0000-0000-000000000001' returning 1)
  select count(*)::text from old;
$$;
select pg_temp.again('24 hours');
select throws_ok(
  $$ select public.admit_request(pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}')) $$,
  '23505', null, 'a day later it is the same'
);
select throws_ok(
  $$ select public.admit_requests(jsonb_build_array(pg_temp.item(4, 'alice'), pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}'))::text) $$,
  '23505', null, 'together with others, too'
);
select pg_temp.again('-1 minute');
select throws_ok(statement, '23505', null, 'also where its row is of a clock that goes before')
from unnest(array[
  $$ select public.admit_request(pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}')) $$,
  $$ select public.admit_requests(jsonb_build_array(pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}'))::text) $$
]) as statement;
-- No further: what is looked for is in one month, or the one next to it.
create function pg_temp.passes(age interval) returns boolean language plpgsql as $$
declare
  v_item jsonb := pg_temp.item(1, 'alice', '{"message_hash": null, "idempotency_key": null}');
begin
  perform pg_temp.again(age);
  if public.admit_request(v_item) ->> 'decision' <> 'admitted' then
    return false;
  end if;
  delete from public.request_logs where id = (v_item ->> 'request_id')::uuid and request_time = now();
  return public.admit_requests(jsonb_build_array(v_item)::text) ? (v_item ->> 'request_id');
end;
$$;
select is(pg_temp.passes('24 hours 1 second'), true, 'after that nobody looks');
delete from public.request_logs where id = '00000000-0000-0000-0000-000000000001' and request_time = now();
select is(pg_temp.passes('-61 seconds'), true, 'nor so far ahead');

-- To the microsecond, and to the last digit.
set local role service_role;
select public.admit_requests(jsonb_build_array(
  pg_temp.item(900, 'tiny', '{"estimate": [{"usd": "0.0000000001"}], "message_expires_at": "2099-01-01 00:00:00.000001+00"}'),
  pg_temp.item(901, 'tiny', '{"estimate": [{"usd": "0.0000000002"}], "message_expires_at": "2099-01-01 00:00:00.000003+00"}')
)::text);
reset role;
select is(
  (select trim_scale(day_reserved_usd)::text from public.budgets where did = 'did:key:tiny'), '0.0000000003', 'what is reserved is no less'
);
select results_eq(
  $$ select expires_at from public.accepted_messages where expires_at > '2098-12-30' order by expires_at $$,
  $$ values (timestamptz '2099-01-01 00:00:00.000001+00'), ('2099-01-01 00:00:00.000003+00') $$, 'nor is a message forgotten earlier'
);

select * from finish();
rollback;

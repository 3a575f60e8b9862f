-- The limit of a DID's key at OpenRouter: the operator's, else that of its tightest budget.
begin;
select plan(48);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name from unnest('{alice, bob}'::text[]) as name;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

-- What an account's key shall be told by its next call: the limit and when it is reset, or nothing.
create function pg_temp.told(did text, more jsonb default '{}') returns text language sql as $$
  select case
    when answer ->> 'decision' <> 'admitted' then answer ->> 'decision'
    when answer ->> 'new_limit' is null then 'nothing'
    else concat_ws(' ', coalesce(answer -> 'new_limit' ->> 'credit_limit', 'no limit'), answer -> 'new_limit' ->> 'credit_limit_reset')
  end
  from public.enter_admission(
    jsonb_populate_record(null::public.admission, jsonb_build_object(
      'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
      'endpoint', '/chat/completions', 'metered', true, 'estimate', '[{"usd": "0"}]'::jsonb
    ) || more), now()
  ) as answer;
$$;

-- Whether the DID's calls may go on before the limit is told.
create function pg_temp.may_wait(whose text) returns boolean language sql as $$
  select (public.admitted_answer(account, policy, settings, null, null, now()) #>> '{new_limit,may_wait}')::boolean
  from public.gateway_settings as settings
  join public.user_api_keys as account on account.did = whose
  left join public.did_policies as policy on policy.did = whose;
$$;

-- The limit by a DID's own budgets, its defaults, and the gateway's.
create function pg_temp.limit_of(own numeric[], defaults numeric[], gateway numeric[], credit numeric default null, reset text default null)
returns text language plpgsql as $$
declare
  v_account public.user_api_keys;
  v_policy public.did_policies;
  v_settings public.gateway_settings;
  v_limit public.key_limit;
begin
  v_account.did := 'did:key:alice';
  v_account.credit_limit := credit;
  v_account.credit_limit_reset := reset;
  v_policy.daily_budget_usd := own[1];
  v_policy.monthly_budget_usd := own[2];
  v_settings.default_daily_budget_usd := defaults[1];
  v_settings.default_monthly_budget_usd := defaults[2];
  v_settings.daily_budget_usd := gateway[1];
  v_settings.monthly_budget_usd := gateway[2];
  v_limit := public.key_limit_of(v_account, v_policy, v_settings);
  return concat_ws(' ', coalesce(v_limit.credit_limit::text, 'none'), v_limit.credit_limit_reset);
end;
$$;

set local role service_role;

select is(pg_temp.limit_of(own, defaults, gateway), expected, description)
from (values
  ('{null, null}'::numeric[], '{null, null}'::numeric[], '{null, null}'::numeric[], 'none', 'without budgets there is none'),
  ('{2, 20}', null, null, '2 daily', 'the tightest of a DID''s budgets: of a day'),
  ('{20, 15}', null, null, '15 monthly', 'or of a month'),
  ('{5, 5}', null, null, '5 monthly', 'of two that are equal, that of the month, which does not come anew each day'),
  ('{5, null}', null, null, '5 daily', 'or the one that there is'),
  ('{null, 5}', null, null, '5 monthly', 'whichever that is'),
  ('{0, 5}', null, null, '0 daily', 'be it nothing'),
  ('{2.50, 20}', null, null, '2.5 daily', 'without zeros that say nothing'),
  (null, '{2, 20}', null, '2 daily', 'a default'),
  (null, '{20, 2}', null, '2 monthly', 'of a month'),
  ('{3, null}', '{2, 2.5}', null, '2.5 monthly', 'beside a budget of its own'),
  ('{3, 30}', '{2, 2.5}', null, '3 daily', 'which counts before it'),
  (null, null, '{5, 50}', '5 daily', 'the gateway''s, where the DID has none'),
  (null, null, '{50, 5}', '5 monthly', 'be it of a month'),
  (null, '{5, 5}', null, '5 monthly', 'of two equal defaults'),
  (null, null, '{null, 5}', '5 monthly', 'alone'),
  ('{9, null}', null, '{5, 5}', '9 daily', 'but not where it has one'),
  (null, '{null, 9}', '{5, 5}', '9 monthly', 'or a default')
) as cases (own, defaults, gateway, expected, description);
select is(pg_temp.limit_of('{2, 20}', '{2, 20}', '{5, 50}', 100, 'weekly'), '100 weekly', 'the operator''s limit on the key stands above all budgets');
select is(pg_temp.limit_of('{2, 20}', '{2, 20}', '{5, 50}', 100), '100', 'be it without an end');
select is(pg_temp.limit_of('{2, 20}', '{2, 20}', '{5, 50}', 0), '0', 'and be it nothing');

-- When OpenRouter is told.
select is(pg_temp.told('did:key:alice'), 'nothing', 'a key without a limit, of a DID without budgets, needs nothing');
select public.set_gateway_limits(daily_budget_usd => 5);
select is(pg_temp.told('did:key:alice'), '5 daily', 'a budget of the gateway is told with the next call');
select public.set_gateway_limits(default_monthly_budget_usd => 20);
select is(pg_temp.told('did:key:alice'), '20 monthly', 'a default, too');
select is(pg_temp.told('did:key:alice'), '20 monthly', 'again, until it is noted');
select is(pg_temp.told('did:key:alice', '{"metered": false, "may_lack_key": true}'), '20 monthly', 'with any call');
select is(public.record_key_limit('did:key:alice', 'hash alice', '20', 'monthly'), true, 'that OpenRouter knows');
select is(pg_temp.told('did:key:alice'), 'nothing', 'then no more');
select is(pg_temp.told('did:key:bob'), '20 monthly', 'which is each key''s own');
select is(pg_temp.may_wait('did:key:bob'), true, 'and may wait, as a default reaches all keys');
select public.set_limits('did:key:alice', daily_budget_usd => 3);
select is(pg_temp.told('did:key:alice'), '3 daily', 'a budget of the DID is told');
select is(public.record_key_limit('did:key:alice', 'hash alice', '3.00', 'daily'), true, 'and noted');
select is(pg_temp.told('did:key:alice'), 'nothing', 'in whatever spelling');
select public.set_limits('did:key:alice', monthly_budget_usd => 3, clear => '{daily_budget_usd}');
select is(pg_temp.told('did:key:alice'), '3 monthly', 'the same amount in another period is another limit');
select public.set_limits('did:key:alice', requests_per_minute => 60);
select is(pg_temp.told('did:key:alice'), '3 monthly', 'what is no budget is no limit of the key');
update public.user_api_keys set credit_limit = 7 where did = 'did:key:alice';
select is(pg_temp.told('did:key:alice'), '7', 'the operator''s limit is told');
select is(pg_temp.may_wait('did:key:alice'), false, 'before the call goes on');
select is(public.record_key_limit('did:key:alice', 'hash alice', '7', null), true, 'and noted');
select is(pg_temp.told('did:key:alice'), 'nothing', 'and is not changed by budgets');
update public.user_api_keys set credit_limit = null where did = 'did:key:alice';
select is(pg_temp.told('did:key:alice'), '3 monthly', 'until it is taken away');
select is(pg_temp.may_wait('did:key:alice'), true, 'and then the call may go on: the gateway keeps budgets itself');
select public.set_limits('did:key:alice', clear => '{monthly_budget_usd}');
select public.set_gateway_limits(clear => '{daily_budget_usd, default_monthly_budget_usd}');
select is(pg_temp.told('did:key:alice'), 'no limit', 'that there is no limit any more is told');
select is(pg_temp.told('did:key:bob'), 'nothing', 'to whom it was one');

-- A new key.
select public.set_limits('did:key:carol', daily_budget_usd => 4);
select is(
  public.claim_key_provisioning('did:key:carol', '00000000-0000-0000-0000-000000000001') - 'orphans_since',
  '{"state": "claimed", "credit_limit": "4", "credit_limit_reset": "daily"}', 'a new key is made with the limit'
);
select public.complete_key_provisioning('did:key:carol', '00000000-0000-0000-0000-000000000001', 'hash carol', 'sealed', 'carol', '4', 'daily');
select is(pg_temp.told('did:key:carol'), 'nothing', 'and needs no other');
select public.set_limits('did:key:carol', daily_budget_usd => 6);
select is(
  public.claim_key_provisioning('did:key:carol', '00000000-0000-0000-0000-000000000002', 'hash carol') - 'orphans_since',
  '{"state": "claimed", "credit_limit": "6", "credit_limit_reset": "daily"}', 'one that takes a broken one''s place, with what holds by then'
);
select public.complete_key_provisioning('did:key:carol', '00000000-0000-0000-0000-000000000002', 'hash carol 2', 'sealed', 'carol', '6', 'daily');
select is(pg_temp.told('did:key:carol'), 'nothing', 'which is noted');
select is(
  pg_temp.told('did:key:dora', '{"metered": false, "may_lack_key": true}'), 'nothing', 'who has no key has none to tell'
) from public.set_limits('did:key:dora', daily_budget_usd => 4);
select * from finish();
rollback;

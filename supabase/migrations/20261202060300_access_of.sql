-- Who may call at all stood in four places: admission alone and in batches, GET /api/v1/limits, and the view
-- of accounts. It stands in one.

create or replace function public.access_of(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_account.status = 'disabled' or p_policy.access = 'blocked' then 'blocked'
    when p_settings.access_mode = 'allowlist' and p_policy.access is distinct from 'allowed'
      then 'not_allowed'
    else 'allowed'
  end;
end;
$$;
comment on function public.access_of is
  'Whether a DID may call: allowed; blocked; not_allowed, because it is not on the allowlist that there is.';

revoke all on function public.access_of from public, anon, authenticated;
grant execute on function public.access_of to service_role;

create or replace function public.enter_admission(p_asked public.admission, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew. Look-ups by keys, however
-- small the tables were when it was planned, as in plain_admissions.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_did text := p_asked.did;
  v_known record;
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_account public.user_api_keys;
  v_allowed_models text[];
  v_limits public.limits;
  v_gateway_limits public.limits;
  v_budget public.budgets;
  v_gateway_budget public.budgets;
  v_usd numeric;
  v_is_free boolean := coalesce(p_asked.free_model, false);
  v_today date := (p_now at time zone 'utc')::date;
  v_refusal jsonb;
  v_text text;
  v_duplicate_of uuid;
begin
  select settings, policy, account, budget, gateway_budget
  into v_known
  from public.gateway_settings as settings
  left join public.did_policies as policy on policy.did = v_did
  left join public.user_api_keys as account on account.did = v_did
  left join public.budgets as budget on budget.did = v_did
  left join public.budgets as gateway_budget on gateway_budget.did = '*';
  v_settings := v_known.settings;
  v_policy := v_known.policy;
  v_account := v_known.account;

  if p_asked.token_issued_at < v_policy.tokens_valid_after then
    return jsonb_build_object('decision', 'token_revoked');
  end if;
  v_text := public.access_of(v_account, v_policy, v_settings);
  if v_text <> 'allowed' then
    return jsonb_build_object('decision', 'access_denied', 'why', v_text);
  end if;

  v_allowed_models := coalesce(v_policy.allowed_models, v_settings.default_allowed_models);
  if p_asked.metered and v_allowed_models is not null then
    v_text := public.model_not_in(p_asked.models, v_allowed_models);
    if v_text is not null then
      return jsonb_build_object('decision', 'model_not_allowed', 'model', v_text);
    end if;
    if p_asked.runs_unnamed is not null or coalesce(p_asked.models, '{}') = '{}' then
      return jsonb_build_object(
        'decision', 'model_not_allowed', 'why', coalesce(p_asked.runs_unnamed, 'no model is named')
      );
    end if;
  end if;

  -- `is not true`, so that what is null counts as not opened.
  if p_asked.shared_features <> '{}' or p_asked.server_tools <> '{}' then
    select asked.feature into v_text
    from unnest(p_asked.shared_features || p_asked.server_tools) with ordinality as asked (feature, place)
    where (asked.feature = any (
      v_settings.shared_features::text[] || v_settings.allowed_server_tools
    )) is not true
    order by asked.place
    limit 1;
    if found then
      return jsonb_build_object('decision', 'feature_not_allowed', 'feature', v_text);
    end if;
  end if;

  -- One look-up each, by the index: as one statement over all of them, Postgres may read the whole log
  -- of the DID.
  foreach v_text in array coalesce(p_asked.owned_generations, '{}') loop
    if not exists (
      select from public.request_logs where did = v_did and generation_id = v_text
    ) then
      return jsonb_build_object('decision', 'not_owned');
    end if;
  end loop;

  -- What is refused by limits nearly always is so by what they were a moment ago: without a lock, and
  -- before anything is written or a key is made.
  if p_asked.metered then
    v_usd := public.reserve_of(p_asked.estimate, v_settings);
    v_limits := public.limits_of(v_policy, v_settings);
    v_gateway_limits := public.gateway_limits(v_settings);
    v_refusal := coalesce(
      public.refusal_by(
        public.rolled(v_known.budget, v_today), v_limits, 'did', v_usd, v_is_free, p_now
      ),
      public.refusal_by(
        public.rolled(v_known.gateway_budget, v_today), v_gateway_limits, 'gateway', v_usd, v_is_free,
        p_now
      )
    );
    if v_refusal is not null then
      return v_refusal || public.note_used_up(v_did, v_refusal);
    end if;
  end if;

  if v_account.did is null and (p_asked.metered or p_asked.may_lack_key is not true) then
    return jsonb_build_object('decision', 'needs_provisioning');
  end if;

  if p_asked.message_hash is not null then
    insert into public.accepted_messages (message_hash, expires_at)
    values (decode(p_asked.message_hash, 'hex'), p_asked.message_expires_at)
    on conflict do nothing;
    if not found then
      return jsonb_build_object('decision', 'replayed');
    end if;
  end if;

  if p_asked.metered and p_asked.idempotency_key is not null then
    -- A key that is in use when the row is inserted can be given back before it is looked for: it is
    -- free then.
    loop
      insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
      values (
        v_did, p_asked.idempotency_key, decode(p_asked.body_hash, 'hex'), p_asked.request_id
      )
      on conflict (did, idempotency_key, body_hash) do nothing;
      exit when found;
      select request_id into v_duplicate_of from public.idempotency_keys
      where did = v_did and idempotency_key = p_asked.idempotency_key
        and body_hash = decode(p_asked.body_hash, 'hex');
      if found then
        delete from public.accepted_messages
        where message_hash = decode(p_asked.message_hash, 'hex');
        return jsonb_build_object('decision', 'duplicate', 'request_id', v_duplicate_of);
      end if;
    end loop;
  end if;

  if p_asked.metered then
    -- Two rows with one id would be settled by each other's answers. The key of the log cannot rule
    -- that out, because it holds the time too; an admission that arrives twice does so within a day.
    perform pg_advisory_xact_lock(hashtextextended(p_asked.request_id::text, 0));
    perform from public.request_logs
    where id = p_asked.request_id
      -- In the partition of now, or the one next to it.
      and request_time between p_now - interval '1 day' and p_now + interval '1 minute'
    -- In the order of the key, so that no other index is as good in a month with no row yet.
    order by request_time
    limit 1;
    if found then
      raise exception 'request % was admitted before', p_asked.request_id using errcode = '23505';
    end if;

    insert into public.request_logs (
      id, did, method, endpoint, model, streaming, request_time, created_at,
      estimate_usd, reserved_usd, reserved_on, session, label
    )
    values (
      p_asked.request_id, v_did, p_asked.method, p_asked.endpoint, p_asked.model,
      coalesce(p_asked.streaming, false), p_now, p_now, v_usd, v_usd, v_today,
      p_asked.session, p_asked.label
    );

    -- Both budgets are held from here to the end of the transaction: what is decided now is true of all
    -- that others have decided.
    perform public.lock_budget(v_did);
    v_budget := public.budget_of(v_did, v_today);
    v_refusal := public.refusal_by(v_budget, v_limits, 'did', v_usd, v_is_free, p_now);
    if v_refusal is null then
      perform public.lock_budget('*');
      v_gateway_budget := public.budget_of('*', v_budget.day);
      -- A request of the last second of a day that comes after one of the next day belongs to that.
      if v_gateway_budget.day > v_budget.day then
        v_budget := public.rolled(v_budget, v_gateway_budget.day);
      end if;
      v_refusal := public.refusal_by(
        v_gateway_budget, v_gateway_limits, 'gateway', v_usd, v_is_free, p_now
      );
    end if;
    if v_refusal is not null then
      if p_asked.message_hash is not null then
        delete from public.accepted_messages
        where message_hash = decode(p_asked.message_hash, 'hex');
      end if;
      if p_asked.idempotency_key is not null then
        delete from public.idempotency_keys where request_id = p_asked.request_id;
      end if;
      delete from public.request_logs where id = p_asked.request_id and request_time = p_now;
      return v_refusal || public.note_used_up(v_did, v_refusal);
    end if;

    if v_budget.day <> v_today then
      update public.request_logs set reserved_on = v_budget.day
      where id = p_asked.request_id and request_time = p_now;
    end if;
    v_budget := public.enter_call(v_budget, v_limits, v_usd, v_is_free, p_now);
    perform public.enter_call(v_gateway_budget, v_gateway_limits, v_usd, v_is_free, p_now);
  end if;

  return public.admitted_answer(v_account, v_policy, v_settings, v_limits, v_budget, p_now);
end;
$$;

create or replace function public.plain_admissions(p_asked public.admission[], p_now timestamptz)
returns public.plain_admission[]
language plpgsql
stable
set search_path = ''
-- One look-up by its key for each row that is needed (the `limit 1`s hold the planner to that), however
-- small the tables were when it was planned: a plan is kept while they grow. A scan that is ruled out
-- counts as so dear, where there is no other, that Postgres might compile the plan each time.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
  return array_agg(
    row(asked, account, policy, limits, usd)::public.plain_admission
    order by (asked).did, (asked).request_id
  )
  from (
    select asked, account, policy, limits, usd,
      not asked.metered
        or ((budget).day = (p_now at time zone 'utc')::date
          and public.has_room(
            budget, limits, (count(*) filter (where asked.metered) over of_did)::integer,
            sum(usd) over of_did, p_now
          )) as did_has_room,
      -- What another one of them says too is for one transaction each.
      row_number() over (partition by decode(asked.message_hash, 'hex')) = 1 or asked.message_hash is null
        as message_is_first,
      row_number() over (
          partition by asked.did, asked.idempotency_key, decode(asked.body_hash, 'hex')
        ) = 1
        or asked.idempotency_key is null as key_is_first
    from unnest(p_asked) as asked
    cross join public.gateway_settings as settings
    cross join lateral (
      select account from public.user_api_keys as account where account.did = asked.did limit 1
    ) as of_account
    left join lateral (
      select policy from public.did_policies as policy where policy.did = asked.did limit 1
    ) as of_policy on true
    left join lateral (
      select budget from public.budgets as budget
      where budget.did = asked.did and asked.metered limit 1
    ) as of_budget on true
    cross join lateral (
      select public.limits_of(policy, settings) as limits,
        case when asked.metered then public.reserve_of(asked.estimate, settings) else 0 end as usd
      -- Once a row, not once for each mention of it.
      offset 0
    ) as reserve
    -- Answers are found by the id, so that one of two would be answered with the other's.
    where asked.request_id <> all (array(
        select request_id from unnest(p_asked) group by request_id having count(*) > 1
      ))
      and public.access_of(account, policy, settings) = 'allowed'
      and (asked.token_issued_at < (policy).tokens_valid_after) is not true
      and (
        not asked.metered
        or coalesce((policy).allowed_models, settings.default_allowed_models) is null
        or (
          asked.runs_unnamed is null and asked.models <> '{}' and public.model_not_in(
            asked.models, coalesce((policy).allowed_models, settings.default_allowed_models)
          ) is null
        )
      )
      and coalesce(asked.shared_features || asked.server_tools, '{}')
        <@ (settings.shared_features::text[] || settings.allowed_server_tools)
      and coalesce(asked.owned_generations, '{}') = '{}'
      and asked.free_model is not true
    window of_did as (partition by asked.did)
  ) as plain
  where did_has_room and message_is_first and key_is_first;
end;
$$;

create or replace function public.account_limits(p_did text, p_now timestamptz default now())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_account public.user_api_keys;
  v_limits public.limits;
  v_gateway_limits public.limits;
  v_budget public.budgets;
  v_gateway public.budgets;
  v_today date := (p_now at time zone 'utc')::date;
  v_key_limit public.key_limit;
begin
  select * into v_settings from public.gateway_settings;
  select * into v_policy from public.did_policies where did = p_did;
  select * into v_account from public.user_api_keys where did = p_did;
  v_limits := public.limits_of(v_policy, v_settings);
  v_gateway_limits := public.gateway_limits(v_settings);
  v_budget := public.budget_of(p_did, v_today);
  v_gateway := public.budget_of('*', v_budget.day);
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);

  return jsonb_build_object(
    'did', p_did,
    'access', public.access_of(v_account, v_policy, v_settings),
    'budgets', (
      select jsonb_agg(
        jsonb_build_object(
          'scope', 'did', 'period', period,
          'limit_usd', trim_scale(limit_usd)::text,
          'spent_usd', trim_scale(spent_usd)::text,
          'reserved_usd', trim_scale(reserved_usd)::text,
          -- Without a limit null; greatest alone would make it 0.
          'remaining_usd', case when limit_usd is not null
            then trim_scale(greatest(limit_usd - spent_usd - reserved_usd, 0))::text end,
          'resets_at', resets_at,
          'alerts', (
            select coalesce(jsonb_agg(
              jsonb_build_object('threshold', threshold, 'reached_at', reached_at) order by threshold
            ), '[]')
            from public.budget_alerts
            where did = p_did and kind = period and period_start = starts_on
          )
        )
        order by period
      )
      from (values
        ('day', v_limits.daily_budget_usd, v_budget.day_spent_usd, v_budget.day_reserved_usd,
          v_budget.day, (v_budget.day + 1)::timestamp at time zone 'utc'),
        ('month', v_limits.monthly_budget_usd, v_budget.month_spent_usd, v_budget.month_reserved_usd,
          v_budget.month, (v_budget.month + interval '1 month') at time zone 'utc')
      ) as own (period, limit_usd, spent_usd, reserved_usd, starts_on, resets_at)
    ) || (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'scope', 'gateway', 'period', period, 'limit_usd', null, 'spent_usd', null,
          'reserved_usd', null, 'remaining_usd', trim_scale(greatest(remaining_usd, 0))::text,
          'resets_at', resets_at, 'alerts', '[]'::jsonb
        )
        order by period
      ), '[]')
      from (values
        ('day', v_gateway_limits.daily_budget_usd - v_gateway.day_spent_usd - v_gateway.day_reserved_usd,
          (v_gateway.day + 1)::timestamp at time zone 'utc'),
        ('month',
          v_gateway_limits.monthly_budget_usd - v_gateway.month_spent_usd - v_gateway.month_reserved_usd,
          (v_gateway.month + interval '1 month') at time zone 'utc')
      ) as shared (period, remaining_usd, resets_at)
      where remaining_usd < coalesce(least(
        v_limits.daily_budget_usd - v_budget.day_spent_usd - v_budget.day_reserved_usd,
        v_limits.monthly_budget_usd - v_budget.month_spent_usd - v_budget.month_reserved_usd
      ), 'Infinity')
    ),
    'rates', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'scope', scope,
        'requests_per_minute', state -> 'limit',
        'remaining', state -> 'remaining',
        'resets_at', p_now + make_interval(secs => (state ->> 'reset_ms')::double precision / 1000)
      ) order by scope), '[]')
      from (
        select 'did' as scope, public.rate_state(
          v_budget.requests_used_until, v_limits.requests_per_minute, p_now
        ) as state
        where v_limits.requests_per_minute is not null
        union all
        select 'gateway', public.rate_state(
          v_gateway.requests_used_until, v_gateway_limits.requests_per_minute, p_now
        )
        where (public.rate_state(
            v_gateway.requests_used_until, v_gateway_limits.requests_per_minute, p_now
          ) ->> 'remaining')::integer < coalesce((public.rate_state(
            v_budget.requests_used_until, v_limits.requests_per_minute, p_now
          ) ->> 'remaining')::integer, 1000000)
      ) as rate
    ),
    'concurrent_requests', v_limits.concurrent_requests,
    'free_models_per_day', v_limits.free_models_per_day,
    'allowed_models', coalesce(v_policy.allowed_models, v_settings.default_allowed_models),
    'upstream_limit_usd', v_key_limit.credit_limit::text
  );
end;
$$;

create or replace view public.accounts with (security_invoker = true) as
select
  account.did,
  public.access_of(account, policy, settings) as access,
  account.status as key_status,
  coalesce(
    (select min(retired.created_at) from public.retired_api_keys as retired
      where retired.did = account.did),
    account.created_at
  ) as created_at,
  usage.first_day,
  usage.last_day,
  -- Looked for only where the column is asked for.
  (
    select request_time from public.request_logs as log where log.did = account.did
    order by request_time desc limit 1
  ) as last_request_at,
  coalesce(usage.requests, 0) as requests,
  coalesce(usage.failed_requests, 0) as failed_requests,
  coalesce(usage.requests_without_cost, 0) as requests_without_cost,
  coalesce(usage.total_cost, 0) as total_cost,
  coalesce(policy.daily_budget_usd, settings.default_daily_budget_usd) as daily_budget_usd,
  case when budget.day >= (now() at time zone 'utc')::date then budget.day_spent_usd else 0 end
    as day_spent_usd,
  case when budget.day >= (now() at time zone 'utc')::date then budget.day_reserved_usd else 0 end
    as day_reserved_usd,
  coalesce(policy.monthly_budget_usd, settings.default_monthly_budget_usd) as monthly_budget_usd,
  case when budget.month >= date_trunc('month', now() at time zone 'utc') then budget.month_spent_usd
    else 0 end as month_spent_usd,
  case when budget.month >= date_trunc('month', now() at time zone 'utc') then budget.month_reserved_usd
    else 0 end as month_reserved_usd,
  coalesce(policy.requests_per_minute, settings.default_requests_per_minute) as requests_per_minute,
  coalesce(budget.requests_under_way, 0) as requests_under_way,
  coalesce(policy.allowed_models, settings.default_allowed_models) as allowed_models
from public.user_api_keys as account
cross join public.gateway_settings as settings
left join public.did_policies as policy on policy.did = account.did
left join public.budgets as budget on budget.did = account.did
left join public.usage_by_did as usage on usage.did = account.did;

-- Whether a request was admitted before is looked up by the key of the log, and totals of hours are by theirs,
-- whatever statistics there were when that was planned. (Another index cost as little while a table was new,
-- and was read from end to end, or the table was, until Postgres had looked at its size again.)
--
-- What is refused as a duplicate leaves its message free, as any other refusal does.

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
  if v_account.status = 'disabled' or v_policy.access = 'blocked' then
    return jsonb_build_object('decision', 'access_denied', 'why', 'blocked');
  end if;
  if v_settings.access_mode = 'allowlist' and v_policy.access is distinct from 'allowed' then
    return jsonb_build_object('decision', 'access_denied', 'why', 'not_allowed');
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

create or replace function public.count_rows_in_usage(p_rows public.request_logs[])
returns void
language plpgsql
set search_path = ''
-- By the key, however small the totals were when it was planned: as a range of rows that is one row, it
-- can be looked up by no other index, and joined in no other way.
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
  insert into public.usage_daily as total (
    did, day, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost
  )
  select
    log.did, (log.request_time at time zone 'utc')::date, public.counted_model(log), log.endpoint,
    count(*),
    count(*) filter (where log.status = 'failed'),
    count(*) filter (where log.total_cost is null),
    coalesce(sum(log.input_tokens), 0),
    coalesce(sum(log.output_tokens), 0),
    coalesce(sum(log.cached_tokens), 0),
    coalesce(sum(log.reasoning_tokens), 0),
    coalesce(sum(log.total_cost), 0),
    coalesce(sum(log.upstream_cost), 0)
  from unnest(p_rows) as log
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (did, day, model, endpoint) do update
  set requests = total.requests + excluded.requests,
    failed_requests = total.failed_requests + excluded.failed_requests,
    requests_without_cost = total.requests_without_cost + excluded.requests_without_cost,
    input_tokens = total.input_tokens + excluded.input_tokens,
    output_tokens = total.output_tokens + excluded.output_tokens,
    cached_tokens = total.cached_tokens + excluded.cached_tokens,
    reasoning_tokens = total.reasoning_tokens + excluded.reasoning_tokens,
    total_cost = total.total_cost + excluded.total_cost,
    upstream_cost = total.upstream_cost + excluded.upstream_cost;

  insert into public.usage_day_changes
  select distinct (log.request_time at time zone 'utc')::date
  from unnest(p_rows) as log
  where (log.request_time at time zone 'utc')::date < (now() at time zone 'utc')::date;

  with told as (
    select
      log.did, date_trunc('hour', log.request_time, 'utc') as hour, public.counted_model(log) as model,
      log.endpoint,
      count(*) as requests,
      count(*) filter (where log.status = 'failed') as failed_requests,
      count(*) filter (where log.total_cost is null) as requests_without_cost,
      coalesce(sum(log.input_tokens), 0) as input_tokens,
      coalesce(sum(log.output_tokens), 0) as output_tokens,
      coalesce(sum(log.cached_tokens), 0) as cached_tokens,
      coalesce(sum(log.reasoning_tokens), 0) as reasoning_tokens,
      coalesce(sum(log.total_cost), 0) as total_cost,
      coalesce(sum(log.upstream_cost), 0) as upstream_cost,
      array_agg(public.latency_bucket(log.first_byte_ms)) filter (
        where log.status = 'completed' and log.first_byte_ms is not null
      ) as first_bytes,
      array_agg(
        public.latency_bucket(extract(epoch from log.response_time - log.request_time) * 1000)
      ) filter (where log.status = 'completed' and log.first_byte_ms is not null) as durations
    from unnest(p_rows) as log
    where date_trunc('hour', log.request_time, 'utc') >= public.usage_hourly_kept_since()
    group by 1, 2, 3, 4
  ),
  -- Under the locks of the DIDs nobody else adds what is not there.
  known as (
    update public.usage_hourly as total
    set requests = total.requests + told.requests,
      failed_requests = total.failed_requests + told.failed_requests,
      requests_without_cost = total.requests_without_cost + told.requests_without_cost,
      input_tokens = total.input_tokens + told.input_tokens,
      output_tokens = total.output_tokens + told.output_tokens,
      cached_tokens = total.cached_tokens + told.cached_tokens,
      reasoning_tokens = total.reasoning_tokens + told.reasoning_tokens,
      total_cost = total.total_cost + told.total_cost,
      upstream_cost = total.upstream_cost + told.upstream_cost,
      first_byte_ms = public.histogram(told.first_bytes, total.first_byte_ms),
      duration_ms = public.histogram(told.durations, total.duration_ms)
    from told
    where (total.did, total.hour, total.model, total.endpoint)
        >= (told.did, told.hour, told.model, told.endpoint)
      and (total.did, total.hour, total.model, total.endpoint)
        <= (told.did, told.hour, told.model, told.endpoint)
      -- For the planner, who would expect many rows.
      and total.did = any (array[told.did]) and total.model = any (array[told.model])
      and total.endpoint = any (array[told.endpoint])
    returning told.did, told.hour, told.model, told.endpoint
  )
  insert into public.usage_hourly (
    did, hour, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, first_byte_ms, duration_ms
  )
  select
    did, hour, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost,
    public.histogram(first_bytes), public.histogram(durations)
  from told
  where (did, hour, model, endpoint) not in (select did, hour, model, endpoint from known);
end;
$$;
